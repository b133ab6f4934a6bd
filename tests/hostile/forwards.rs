//! `paseo forward` between strangers: the clients that come to it, and the daemon or relay behind it.

use serde_json::json;

use crate::frames::faults;
use crate::heads::requests;
use crate::honest::Honest;
use crate::process::{Server, each, paseo};
use crate::stranger::{Role, Stranger, asks, every_bad_role, joins};

const AT_ONCE: usize = 8;

fn forward(honest: &Honest, args: &[&str]) -> Server {
    let args = [args, &["forward", "--no-password", "--json"]].concat();
    Server::start(paseo(honest.home(), &args), "\"host\":")
}

fn address(forward: &Server) -> String {
    forward.said_after("\"host\":\"")
}

fn greeting() -> String {
    json!({ "type": "hello", "clientId": "hostile", "clientType": "cli", "protocolVersion": 1 })
        .to_string()
}

#[test]
fn every_client() {
    let mut honest = Honest::start();
    let mut forward = forward(&honest, &["-r", "work"]);
    let address = address(&forward);
    each(&faults(), AT_ONCE, |fault| {
        joins(&address, "/ws", Some(&greeting()), &fault.acts);
    });
    each(&requests(), AT_ONCE, |(_, acts)| {
        asks(&address, acts);
    });
    honest.does(&["--host", &address, "ls"]);
    forward.is_well("clients");
    honest.is_well("clients of a forward");
}

/// The daemon behind it turns bad after the first connection; each client is told, and those that come when it
/// is good again get through.
#[test]
fn every_daemon() {
    let honest = Honest::start();
    each(&every_bad_role(true), AT_ONCE, |(name, role)| {
        let way = Stranger::start(Role::Honest(honest.daemon_address.clone()));
        let mut forward = forward(&honest, &["--host", &way.address]);
        let address = address(&forward);
        way.becomes(role.clone());
        joins(&address, "/ws", Some(&greeting()), &[]);
        way.becomes(Role::Honest(honest.daemon_address.clone()));
        honest.does(&["--host", &address, "ls"]);
        forward.is_well(name);
    });
}
