//! What is shown while it happens, of several remotes, and of daemons that still have chats and loops: as in
//! `injection`, with a daemon that spoils every field.

use serde_json::{Value, json};

use crate::built_in::BuiltIn;
use crate::fake_daemon::FakeDaemon;
use crate::injection::{harmless, spoil};
use crate::sandbox::{Sandbox, binary};
use crate::spoiler::Spoiler;
use crate::terminal::Terminal;

const CONFIG: &str = "home/.config/paseo/remotes.toml";
/// What a spoilt field looks like where it is shown.
const SHOWN: &str = "\\u{1b}]0;pwned";

/// Two remotes that are one daemon behind a spoiler, with an agent that asks. Returns its id, too.
fn world() -> (Sandbox, BuiltIn, String) {
    let mut sandbox = Sandbox::new();
    sandbox.set("TERM", "xterm");
    let daemon = BuiltIn::start(&sandbox, &["--agent", "asks=mock:"]);
    let ran = sandbox.run(&[
        "--host",
        &daemon.address,
        "run",
        "-d",
        "--provider",
        "asks",
        "--title",
        "one",
        "--cwd",
        "/tmp",
        "tool ask",
        "--json",
    ]);
    let started: Value = serde_json::from_str(&ran.stdout).unwrap();
    let id = started["agentId"].as_str().unwrap().to_owned();
    let spoilt = Spoiler::to(&daemon.address);
    let remote = |name: &str| format!("[remotes.{name}]\nurl = 'tcp://{spoilt}'\n");
    sandbox.write(CONFIG, &(remote("lab") + &remote("work")));
    (sandbox, daemon, id)
}

fn start(sandbox: &Sandbox, args: &[&str]) -> Terminal {
    Terminal::start(sandbox, binary().to_str().unwrap(), args, "HOME_OF_NOBODY")
}

/// Runs a command until it has shown a spoilt field, and then ends it with some keys.
fn live(sandbox: &Sandbox, args: &[&str], keys: &str) {
    let mut terminal = start(sandbox, args);
    let mut shown = terminal.wait_for(SHOWN);
    terminal.type_in(keys);
    shown += &terminal.end().1;
    harmless(args, &shown);
}

#[test]
fn nothing_live_reaches_the_terminal_as_it_came() {
    let (sandbox, _daemon, id) = world();
    for args in [&["-r", "work", "attach"][..], &["-r", "work", "logs", "-f"]] {
        live(&sandbox, &[args, &[&id]].concat(), "\u{3}");
    }
    // With the remote before each line.
    let (lab, work) = (format!("lab:{id}"), format!("work:{id}"));
    let both = [lab.as_str(), &work];
    for command in [&["attach"][..], &["logs", "-f"]] {
        live(&sandbox, &[command, &both].concat(), "\u{3}");
    }
    live(&sandbox, &["inbox", "--watch"], "\u{3}");
    live(&sandbox, &["top"], "q");
}

#[test]
fn no_table_of_several_remotes_reaches_the_terminal_as_it_came() {
    let (sandbox, _daemon, id) = world();
    let both = ["-r", "work,lab"];
    for command in [
        &["ls", "-a", "-g"][..],
        &["inspect", &id],
        &["logs", &id],
        &["permit", "ls"],
        &["provider", "ls"],
        &["workspace", "ls"],
        &["project", "ls"],
        &["status"],
        &["inbox"],
    ] {
        let args = [&both, command].concat();
        let (_, shown) = start(&sandbox, &args).end();
        harmless(&args, &shown);
        assert!(shown.contains(SHOWN), "{args:?}: {shown:?}");
    }
}

/// A daemon of 0.1.65, whose answers are not spoilt yet.
fn old(request: &Value) -> Value {
    let room = json!({ "id": "r1", "name": "room", "purpose": "talk", "messageCount": 1, "lastMessageAt": "2026" });
    let message = json!({ "id": "m1", "authorAgentId": "somebody", "body": "hello\nyou", "replyToMessageId": "m0",
        "mentionAgentIds": ["another"], "createdAt": "2026-11-22T13:29:26.017Z" });
    let log = json!({ "seq": 1, "timestamp": "2026-11-22T13:29:26.017Z", "iteration": 1, "source": "worker",
        "level": "info", "text": "worked" });
    let round = json!({ "index": 1, "workerAgentId": "w", "workerStartedAt": "2026", "status": "failed",
        "failureReason": "not good", "verifyChecks": [{ "command": "true", "output": "no" }] });
    let one = json!({ "id": "abcd1234", "name": "again", "prompt": "do it", "cwd": "/src", "provider": "mock",
        "model": "m", "verifyPrompt": "is it good", "verifyChecks": ["true"], "status": "failed", "createdAt": "2026",
        "updatedAt": "2026", "startedAt": "2026", "iterations": [round], "logs": [log], "nextLogSeq": 2 });
    let agent = json!({ "id": "somebody", "provider": "mock", "cwd": "/src", "createdAt": "2026-11-22T13:29:26.017Z",
        "status": "idle", "title": "one" });
    match request["type"].as_str().unwrap_or_default() {
        "fetch_agents_request" => {
            json!({ "entries": [{ "agent": agent }], "pageInfo": { "hasMore": false } })
        }
        "chat/list" => json!({ "rooms": [room] }),
        "chat/create" | "chat/inspect" | "chat/delete" => json!({ "room": room }),
        "chat/post" => json!({ "message": message }),
        "chat/read" | "chat/wait" => json!({ "messages": [message] }),
        "loop/list" => json!({ "loops": [one] }),
        "loop/logs" => json!({ "loop": one, "entries": [log], "nextCursor": 2 }),
        "loop/run" | "loop/inspect" | "loop/stop" => json!({ "loop": one }),
        _ => Value::Null,
    }
}

#[test]
fn no_chat_and_no_loop_reaches_the_terminal_as_it_came() {
    let sandbox = Sandbox::new();
    let daemon = FakeDaemon::start("srv_1", &[], |request| {
        let mut answer = old(request);
        spoil(&mut answer, "");
        answer
    });
    for command in [
        &["chat", "ls"][..],
        &["chat", "create", "room"],
        &["chat", "inspect", "room"],
        &["chat", "post", "room", "hi"],
        &["chat", "read", "room"],
        &["chat", "wait", "room"],
        &["chat", "delete", "room"],
        &["loop", "ls"],
        &["loop", "run", "--cwd", "/tmp", "do it"],
        &["loop", "inspect", "abcd1234"],
        &["loop", "logs", "abcd1234"],
        &["loop", "stop", "abcd1234"],
    ] {
        let args = [&["--host", &daemon.address], command].concat();
        let (_, shown) = start(&sandbox, &args).end();
        harmless(&args, &shown);
        // That one shows an id and a status.
        let shows = shown.contains(SHOWN) || command[1] == "stop";
        assert!(shows, "{args:?}: {shown:?}");
    }
}
