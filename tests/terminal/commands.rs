//! The commands about terminals: over the relay against our daemon, and against recorded official ones.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::replay::Replay;
use crate::support::{World, paseo, until};

#[test]
fn every_command_works_over_the_relay() {
    let world = World::new();
    let cwd = world.cwd();
    let terminal = |args: &[&str]| world.json(&[&["-r", "work", "terminal"], args].concat());
    assert_eq!(terminal(&["ls", "--all"]), json!([]));
    let created = terminal(&["create", "--cwd", &cwd, "--name", "box"]);
    assert_eq!(
        (&created["name"], &created["cwd"]),
        (&json!("box"), &json!(cwd))
    );
    let id = created["id"].as_str().unwrap();
    let second = terminal(&["create", "--cwd", &cwd]);
    assert_eq!(second["name"], "Terminal 1");
    assert_eq!(terminal(&["ls", "--cwd", &cwd])[0]["id"], created["id"]);
    assert_eq!(terminal(&["ls", "--cwd", "/usr"]), json!([]));

    let typed = terminal(&["send-keys", "box", "echo a$((40+2))b", "Enter"]);
    assert_eq!(typed, json!({ "terminalId": id, "keysSent": 17 }));
    let captured = || terminal(&["capture", &id[..6]]);
    until("the answer", || {
        let lines = captured()["lines"].as_array().unwrap().clone();
        lines.iter().any(|line| line == "a42b")
    });
    assert_eq!(captured()["totalLines"], 24);
    assert_eq!(captured()["lines"].as_array().unwrap().len(), 24);
    let colours = ["send-keys", "box", r"printf '\033[31mred\n'", "Enter"];
    terminal(&colours);
    let ansi = || world.run(&["-r", "work", "terminal", "capture", "box", "--ansi", "-S"]);
    until("colours", || {
        String::from_utf8_lossy(&ansi().stdout).contains("\x1b[31mred")
    });

    assert_eq!(
        terminal(&["kill", "box"]),
        json!({ "terminalId": id, "success": true })
    );
    until("it is gone", || world.terminals().len() == 1);
    let unknown = world.run(&["-r", "work", "terminal", "capture", "box"]);
    assert_eq!(unknown.status.code(), Some(3));
    let nowhere = world.run(&[
        "-r",
        "work",
        "terminal",
        "create",
        "--cwd",
        "/no/such/directory",
    ]);
    assert_eq!(nowhere.status.code(), Some(3), "{nowhere:?}");
}

fn recording(name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    tests.join(format!("{name}.jsonl"))
}

/// The payload of the first reply of a type.
fn recorded(name: &str, kind: &str) -> Value {
    let text = std::fs::read_to_string(recording(name)).unwrap();
    let records = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut replies = records.filter(|record| record["s2c"]["type"] == kind);
    replies.next().unwrap()["s2c"]["payload"].clone()
}

#[test]
fn recorded_daemons_are_understood() {
    let home = tempfile::tempdir().unwrap();
    for version in ["", "v0165-"] {
        let run = |name: &str, args: &[&str]| {
            let replay = Replay::start(&recording(&format!("{version}terminal-{name}")));
            let all = [
                &["--host", &replay.address, "terminal", name, "--json"],
                args,
            ]
            .concat();
            let output = paseo(home.path(), &all).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{version}{name}: {said}");
            let json: Value = serde_json::from_slice(&output.stdout).unwrap();
            (json, replay)
        };
        let list = |name: &str| {
            recorded(
                &format!("{version}terminal-{name}"),
                "list_terminals_response",
            )
        };
        let first = |name: &str| {
            list(name)["terminals"][0]["id"]
                .as_str()
                .unwrap()
                .to_owned()
        };

        let (ls, replay) = run("ls", &["--all"]);
        assert_eq!(replay.asked()[0], "list_terminals_request");
        assert_eq!(ls[0]["id"], list("ls")["terminals"][0]["id"]);
        if version.is_empty() {
            // The official CLI of 0.1.65 opened no workspace, so that it is not in the recording.
            let (created, replay) = run("create", &["--cwd", "/x", "--name", "t1"]);
            let official = recorded("terminal-create", "create_terminal_response");
            assert_eq!(created["id"], official["terminal"]["id"]);
            assert_eq!(replay.request("create_terminal_request")["cwd"], "/x");
        }
        let id = first("capture");
        let (captured, replay) = run("capture", &[&id, "--start", "-2"]);
        let official = recorded(
            &format!("{version}terminal-capture"),
            "capture_terminal_response",
        );
        assert_eq!(captured["lines"], official["lines"]);
        let asked = replay.request("capture_terminal_request");
        assert_eq!(
            asked,
            json!({ "terminalId": id, "start": -2, "stripAnsi": true })
        );
        let id = first("send-keys");
        let (sent, replay) = run("send-keys", &[&id, "ls", "Enter"]);
        assert_eq!(sent["keysSent"], 3);
        let message = json!({ "type": "input", "data": "ls\r" });
        let input = json!({ "terminalId": id, "message": message });
        assert_eq!(replay.request("terminal_input"), input);
        let id = first("kill");
        let (killed, _) = run("kill", &[&id]);
        assert_eq!(killed, json!({ "terminalId": id, "success": true }));
    }
}
