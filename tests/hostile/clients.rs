//! `paseo ls` against strangers.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::frames::faults;
use crate::heads::answers;
use crate::process::{KEY, Ran, each, paseo, run};
use crate::stranger::{Role, Stranger};

const AT_ONCE: usize = 6;

/// A command for the daemon at an address, in its direct form.
fn direct(home: &Path, address: &str) -> Command {
    let mut command = paseo(
        home,
        &["--host", address, "--connect-timeout", "3s", "ls", "--json"],
    );
    command.env("PASEO_PASSWORD", "planted-password");
    command
}

/// … and for one behind a relay.
fn far(home: &Path, relay: &str) -> Command {
    let offer = json!({
        "v": 2, "serverId": "srv_planted1", "daemonPublicKeyB64": KEY,
        "relay": { "endpoint": relay, "useTls": false },
    });
    let file = format!("{}.json", relay.replace(':', "-"));
    std::fs::write(home.join(&file), offer.to_string()).unwrap();
    paseo(
        home,
        &["--relay", &file, "--connect-timeout", "3s", "ls", "--json"],
    )
}

/// The error that a command tells.
fn error(what: &str, ran: &Ran) -> Value {
    let start = ran
        .stderr
        .find('{')
        .unwrap_or_else(|| panic!("{what}: {ran:?}"));
    let mut error: Value = serde_json::from_str(&ran.stderr[start..]).unwrap();
    let error = error["error"].take();
    assert!(
        error["code"].is_string() && error["message"].is_string(),
        "{what}: {ran:?}"
    );
    error
}

#[test]
fn every_frame_from_a_daemon() {
    let home = tempfile::tempdir().unwrap();
    each(&faults(), AT_ONCE, |fault| {
        let meets = |introduced| {
            let acts = fault.acts.clone();
            let daemon = Stranger::start(Role::Frames { introduced, acts });
            let ran = run(&fault.name, direct(home.path(), &daemon.address));
            error(&fault.name, &ran);
            ran
        };
        let ran = meets(false);
        assert!(
            fault.direct.contains(&ran.status),
            "{}: {ran:?}",
            fault.name
        );
        // Whatever the cause, a request has had no reply.
        let ran = meets(true);
        assert_eq!(ran.status, 7, "{}: {ran:?}", fault.name);
        assert!(
            ran.stderr.contains("CONNECTION_LOST"),
            "{}: {ran:?}",
            fault.name
        );
    });
}

#[test]
fn every_frame_from_a_relay() {
    let home = tempfile::tempdir().unwrap();
    each(&faults(), AT_ONCE, |fault| {
        let acts = fault.acts.clone();
        let relay = Stranger::start(Role::Frames {
            introduced: false,
            acts,
        });
        let ran = run(&fault.name, far(home.path(), &relay.address));
        assert!(fault.relay.contains(&ran.status), "{}: {ran:?}", fault.name);
        error(&fault.name, &ran);
    });
}

#[test]
fn every_answer_to_an_upgrade() {
    let home = tempfile::tempdir().unwrap();
    each(&answers(), AT_ONCE, |(name, acts)| {
        let peer = Stranger::start(Role::Head(acts.clone()));
        for command in [
            direct(home.path(), &peer.address),
            far(home.path(), &peer.address),
        ] {
            let ran = run(name, command);
            let expected: &[i32] = match *name {
                "an unauthorized" => &[4, 6],
                "nothing" | "a head that drips" => &[6, 8],
                _ => &[6],
            };
            assert!(expected.contains(&ran.status), "{name}: {ran:?}");
            error(name, &ran);
        }
    });
}
