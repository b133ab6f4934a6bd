//! What a saved remote may be used for: blocked keys, `expires`, `readonly`, `protected`.

use serde_json::{Value, json};

use crate::fake_daemon::FakeDaemon;
use crate::remotes::{KEY, SERVER_ID, link, offer, with_work};
use crate::sandbox::{Sandbox, binary};
use crate::terminal::Terminal;

const FINGERPRINT: &str = "SHA256:kVcBmlM4wX4KHUhivU0Mdp74zCTgTS/xm6dipwwYUSY";
/// The same, by another program: the first 66 bits, 11 at a time, in the list of BIP-39.
const WORDS: &str = "mule retreat grief please metal sample";
const FILE: &str = "home/.config/paseo/remotes.toml";

fn ran(sandbox: &Sandbox, args: &[&str]) -> String {
    let ran = sandbox.run(args);
    assert_eq!(ran.status, 0, "{args:?}: {ran:?}");
    ran.stdout
}

#[test]
fn a_fingerprint_has_six_words_wherever_it_is_shown() {
    let sandbox = with_work();
    let shown = ran(&sandbox, &["remote", "show", "work"]);
    assert!(
        shown.contains(FINGERPRINT) && shown.contains(WORDS),
        "{shown}"
    );
    let json = sandbox.run(&["remote", "show", "work", "--json"]).json();
    assert_eq!(json["fingerprintWords"], WORDS);
    let repaired = sandbox.run_with(&["remote", "repair", "work", "-", "--no-check"], &offer());
    assert!(repaired.stdout.contains(WORDS), "{repaired:?}");
    let again = ["remote", "add", "again", "-", "--no-check", "--again"];
    let added = sandbox.run_with(&again, &offer());
    assert!(added.stdout.contains(WORDS), "{added:?}");
}

#[test]
fn nothing_connects_to_a_key_that_is_blocked() {
    let sandbox = with_work();
    let before = sandbox.read(FILE);
    ran(&sandbox, &["remote", "block", "work"]);
    ran(&sandbox, &["remote", "block", FINGERPRINT]);
    assert_eq!(sandbox.read(FILE).matches(FINGERPRINT).count(), 2);
    let connect = [
        &["-r", "work", "ls"][..],
        &["--relay", &link(), "ls"],
        &["--host", &link(), "ls"],
        &["remote", "repair", "work", "-"],
        &["remote", "add", "other", "-", "--again"],
        &["remote", "add", "other", "-", "--no-check", "--again"],
    ];
    for args in connect {
        let refused = sandbox.run_with(args, &offer());
        refused.failed(5, "the daemon's key is blocked: SHA256:kVcB");
        refused.failed(5, "paseo remote unblock SHA256:kVcB");
        refused.says_none_of(&[SERVER_ID, KEY, "eyJ2"]);
    }
    let shown = sandbox.run(&["remote", "show", "work", "--json"]).json();
    assert_eq!(shown["blocked"], true);
    ran(&sandbox, &["remote", "unblock", FINGERPRINT]);
    assert_eq!(sandbox.read(FILE), before);
    sandbox.run(&["-r", "work", "ls"]).failed(6, "127.0.0.1:9");

    // A list that is included counts too, and stays what it is.
    sandbox.write(
        "home/.config/paseo/team.toml",
        &format!("blocked = ['{FINGERPRINT}']\n"),
    );
    sandbox.write(FILE, &format!("include = ['team.toml']\n{before}"));
    sandbox.run(&["-r", "work", "ls"]).failed(5, "is blocked");
    let still = ran(&sandbox, &["remote", "unblock", "work"]);
    assert!(
        still.contains("still blocked, by a file that is included"),
        "{still}"
    );
    sandbox
        .run(&["remote", "block", "SHA256:short"])
        .failed(2, "a fingerprint is `SHA256:`");
    // A file that cannot be read might block it.
    sandbox.write(FILE, "blocked = [1]\n");
    sandbox
        .run(&["--relay", &link(), "ls"])
        .failed(10, "`blocked`");
}

#[test]
fn a_remote_ends_when_it_says_so() {
    let sandbox = with_work();
    let until = |time: &str| {
        ran(
            &sandbox,
            &["remote", "set", "work", &format!("expires={time}")],
        )
    };
    until("2001-02-03");
    let ended = sandbox.run(&["-r", "work", "ls", "--json"]);
    ended.failed(5, "REMOTE_EXPIRED");
    ended.failed(5, "2001-02-04T00:00:00Z");
    until("9999-01-01T00:00:00Z");
    let far = sandbox.run(&["-r", "work", "ls"]);
    far.failed(6, "127.0.0.1:9");
    assert!(!far.stderr.contains("expires"), "{far:?}");
    let soon = jiff::Timestamp::now() + std::time::Duration::from_secs(3 * 86_400 + 60);
    until(&soon.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let warned = sandbox.run(&["-r", "work", "ls"]);
    warned.failed(6, "127.0.0.1:9");
    warned.failed(6, "`work` expires in 3 days");
    for wrong in ["expires=soon", "expires=2026-13-01"] {
        sandbox
            .run(&["remote", "set", "work", wrong])
            .failed(2, "`expires` is a date");
    }
    sandbox
        .run(&["remote", "set", "work", "expires=2026-12-01T10:00:00"])
        .failed(10, "a time with a zone");
}

fn answer(request: &Value) -> Value {
    match request["type"].as_str() {
        Some("fetch_agent_request") => json!({ "agent": {
            "id": "11111111-1111-1111-1111-111111111111", "provider": "x", "cwd": "/", "status": "idle",
            "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z", "title": null,
            "model": null, "availableModes": [], "currentModeId": null, "pendingPermissions": [],
            "labels": {}, "capabilities": {}, "persistence": null, "lastUserMessageAt": null,
        }}),
        _ => json!({ "entries": [], "pageInfo": { "hasMore": false } }),
    }
}

fn with_daemon(setting: &str) -> (Sandbox, FakeDaemon) {
    let sandbox = with_work();
    let daemon = FakeDaemon::start(SERVER_ID, &[], answer);
    let url = format!("tcp://{}", daemon.address);
    ran(&sandbox, &["remote", "add", "lab", &url, "--no-check"]);
    ran(&sandbox, &["remote", "set", "lab", setting]);
    (sandbox, daemon)
}

#[test]
fn a_read_only_remote_refuses_every_change() {
    let (sandbox, daemon) = with_daemon("readonly=true");
    ran(&sandbox, &["-r", "lab", "ls"]);
    assert_eq!(daemon.requests().len(), 1);
    let changes = [
        &["-r", "lab", "run", "--provider", "x", "--cwd", "/", "hi"][..],
        &["-r", "lab", "send", "1", "hi"],
        &["-r", "lab", "delete", "1", "--yes"],
        &["-r", "lab", "reload"],
        &["-r", "lab", "permit", "allow", "1"],
        &["-r", "lab", "terminal", "create", "--cwd", "/"],
    ];
    for args in changes {
        let refused = sandbox.run(args);
        refused.failed(1, "`lab` is read-only");
        refused.failed(1, "paseo remote unset lab readonly");
    }
    assert_eq!(daemon.requests().len(), 1, "nothing reached the daemon");
    // A command that looks or changes: the session itself refuses the change.
    let mode = sandbox.run(&["-r", "lab", "agent", "mode", "1111", "plan", "--json"]);
    mode.failed(1, "REMOTE_READ_ONLY");
    let sent = daemon.requests();
    let kinds: Vec<_> = sent.iter().map(|request| &request["type"]).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
}

#[test]
fn a_protected_remote_asks_before_a_change() {
    let (sandbox, daemon) = with_daemon("protected=true");
    ran(&sandbox, &["-r", "lab", "ls"]);
    let stop = ["-r", "lab", "stop", "--all"];
    let refused = sandbox.run(&stop);
    refused.failed(2, "`lab` is protected");
    refused.failed(2, "add --yes");
    assert_eq!(daemon.requests().len(), 1);
    assert_eq!(sandbox.run(&[&stop[..], &["--yes"]].concat()).status, 0);
    let after = daemon.requests().len();
    assert!(after > 1);
    for (typed, expected) in [("n\r", 2), ("y\r", 0)] {
        let program = binary().to_str().unwrap();
        let mut asked = Terminal::start(&sandbox, program, &stop, "PASEO_BATCH");
        asked.wait_for("Change something there? [y/N] ");
        asked.type_in(typed);
        let (status, shown) = asked.end();
        assert_eq!(status, expected, "{shown}");
        assert_eq!(daemon.requests().len() > after, expected == 0);
    }
}
