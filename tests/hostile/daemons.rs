//! `paseo daemon run` among strangers: its own clients, clients through its relay, and the relay itself.

use std::time::Duration;

use serde_json::json;

use crate::frames::{faults, hello};
use crate::heads::requests;
use crate::honest::{self, Honest};
use crate::process::{Server, each, paseo};
use crate::stranger::{Role, Stranger, asks, every_bad_role, joins};

const AT_ONCE: usize = 8;
/// How long a daemon is left alone with a bad relay.
const FIRST_LOOK: Duration = Duration::from_millis(1500);

#[test]
fn every_frame_of_a_client() {
    let mut honest = Honest::start();
    let greeting = json!({ "type": "hello", "clientId": "hostile", "clientType": "cli", "protocolVersion": 1 }).to_string();
    for first in [None, Some(greeting.as_str())] {
        each(&faults(), AT_ONCE, |fault| {
            joins(&honest.daemon_address, "/ws", first, &fault.acts);
        });
        honest.is_well("direct clients");
    }
}

#[test]
fn every_frame_of_a_client_behind_the_relay() {
    let mut honest = Honest::start();
    let greeting = hello(&[9; 32]);
    for first in [None, Some(greeting.as_str())] {
        each(&faults(), AT_ONCE, |fault| {
            let path = "/ws?serverId=srv_planted1&role=client&v=2";
            joins(&honest.relay_address, path, first, &fault.acts);
        });
        honest.is_well("clients of the relay");
    }
}

#[test]
fn every_request() {
    let mut honest = Honest::start();
    each(&requests(), AT_ONCE, |(_, acts)| {
        asks(&honest.daemon_address, acts);
    });
    honest.is_well("requests");
}

/// A daemon whose relay turns bad goes on, and is there again when the relay is.
#[test]
fn a_relay_that_turns_bad() {
    let home = tempfile::tempdir().unwrap();
    let good = honest::relay(home.path());
    let address = good.said_after("address=");
    let bad: Vec<_> = every_bad_role(false).into_iter().enumerate().collect();
    each(&bad, AT_ONCE, |(n, (name, role))| {
        let home = tempfile::tempdir().unwrap();
        let relay = Stranger::start(role.clone());
        let args = [
            "daemon",
            "run",
            "--listen",
            "127.0.0.1:0",
            "--relay",
            &relay.address,
        ];
        let mut command = paseo(home.path(), &args);
        command.env("PASEO_SERVER_ID", format!("srv_planted1of{n}"));
        let mut daemon = Server::start(command, "ready");
        std::thread::sleep(FIRST_LOOK);
        daemon.is_well(name);
        let connections = |said: &str| said.matches("connected to the relay").count();
        let before = connections(&daemon.said());
        relay.becomes(Role::Honest(address.clone()));
        daemon.until(name, |said| connections(said) > before);
        daemon.is_well(name);
    });
}
