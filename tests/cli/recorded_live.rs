//! Recorded official daemons and commands that have no end, send files, print something of their own, or end the
//! daemon; and the proof that no command is without a recording.
//!
//! The official client asks for the timeline once. Ours looks a second time when the events are on their way, so
//! in the recordings of `attach` and `logs -f` they come behind a second, empty page.

use std::io::Read;
use std::process::Stdio;

use paseo::commands::effect::{EFFECTS, Effect};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::agents::{self, recording, run, sample};
use crate::replay::Replay;
use crate::sandbox::{Ran, Sandbox, binary};
use crate::{recorded, replays};

/// Commands whose recordings are played elsewhere than in the tables of cases, or that have none, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("attach", "here: it has no end"),
    ("logs", "`agents`: thoughts stand in another place"),
    ("loop logs", "here: it follows"),
    ("restart", "here, as `daemon restart`"),
    ("reload", "as `daemon reload`"),
    ("status", "here, as `daemon status`"),
    (
        "daemon status",
        "here: the official one is for this machine only",
    ),
    (
        "daemon stop",
        "here: the official one is for this machine only",
    ),
    (
        "daemon restart",
        "here: the official one is for this machine only",
    ),
    ("terminal capture", "`terminal`: it prints a screen"),
    ("terminal send-keys", "`terminal`: it sends bytes"),
    ("terminal create", "`terminal`"),
    ("terminal attach", "`tests/terminal/recorded.rs`"),
    (
        "shell",
        "`tests/terminal/recorded.rs`, as `terminal attach`",
    ),
    ("forward", "it passes frames on, and asks nothing"),
    ("ping", "it asks what every session asks"),
    ("doctor", "it looks at the way, not at the daemon"),
    ("remote check", "it looks at the way, not at the daemon"),
    ("inbox", "asks as `permit ls` and `permit allow` do"),
    ("top", "asks as `ls` does"),
    (
        "agent feature",
        "`tests/daemon/acp_real.rs`: only our daemon has such options",
    ),
    (
        "provider login",
        "`tests/daemon/acp_real.rs`: it asks in our own words",
    ),
];

#[test]
fn every_command_has_a_recording() {
    let mut replayed: Vec<&[&str]> = Vec::new();
    replayed.extend(agents::CASES.iter().map(|(_, _, args)| *args));
    replayed.extend(agents::ERRORS.iter().map(|(_, _, args)| *args));
    replayed.extend(replays::CASES.iter().map(|(_, args)| *args));
    for cases in [recorded::NEW, recorded::OLD, recorded::FAILING] {
        replayed.extend(cases.iter().map(|(_, args)| *args));
    }
    let has = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        replayed.iter().any(|args| args.starts_with(&words))
            || ELSEWHERE
                .iter()
                .any(|(name, _)| words == name.split(' ').collect::<Vec<_>>())
    };
    let without = EFFECTS
        .iter()
        .filter(|(_, effect)| *effect != Effect::Local)
        .map(|(words, _)| *words)
        .filter(|words| !has(words) && !words.strip_prefix("agent ").is_some_and(has))
        .collect::<Vec<_>>();
    assert!(without.is_empty(), "no recording of {without:?}");
    let known = |words: &&str| EFFECTS.iter().any(|(name, _)| name == words);
    assert!(ELSEWHERE.iter().map(|(name, _)| name).all(known));
}

/// Runs a command until it has printed a word, interrupts it, and returns what it printed.
fn until(word: &str, name: &str, args: &[&str]) -> Ran {
    let (sandbox, replay) = (Sandbox::new(), Replay::start(&recording(name)));
    let mut child = sandbox
        .command(binary().as_os_str())
        .args(args)
        .args(["--host", &replay.address])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = Vec::new();
    let mut buffer = [0; 4096];
    let stdout = child.stdout.as_mut().unwrap();
    while !String::from_utf8_lossy(&printed).contains(word) {
        let read = stdout.read(&mut buffer).unwrap();
        printed.extend_from_slice(&buffer[..read]);
        if read == 0 {
            let ended = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&ended.stderr);
            panic!("{name}: {said}{}", String::from_utf8_lossy(&printed));
        }
    }
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let ended = child.wait_with_output().unwrap();
    printed.extend(ended.stdout);
    Ran {
        status: ended.status.code().unwrap_or(-1),
        stdout: String::from_utf8(printed).unwrap(),
        stderr: String::from_utf8(ended.stderr).unwrap(),
    }
}

/// What is streamed is broken into lines in another way (each piece, or as it was said), and thoughts stand in
/// another place.
fn words(text: &str) -> Vec<&str> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    words.sort_unstable();
    words
}

#[test]
fn what_is_streamed_is_what_the_official_cli_shows() {
    for (name, args, last) in [
        ("attach", &["attach", "b07093d"][..], "tick 55"),
        ("logs-follow", &["logs", "-f", "b07093d"], "tick 78"),
    ] {
        let ours = until(last, name, args);
        let official = sample(&Sandbox::new(), name, "table", args);
        let (ours, official) = (words(&ours.stdout), words(&official));
        assert_eq!(ours, official, "{name}");
    }
}

#[test]
fn what_0_1_65_streams_as_well() {
    let (name, args) = (
        "v0165-attach",
        ["attach", "9ef4e958-f026-4a77-86c4-9ae5e3f04518"],
    );
    let ours = until("tick 12", name, &args);
    let official = sample(&Sandbox::new(), name, "table", &args);
    assert_eq!(words(&ours.stdout), words(&official));

    // The loop is over, and so is its log.
    let (name, args) = ("v0165-loop-logs", ["loop", "logs", "b9c0a514"]);
    let ours = run(
        &Sandbox::new(),
        &Replay::start(&recording(name)),
        &args,
        &[],
    );
    assert_eq!(ours.status, 0, "{ours:?}");
    let official = sample(&Sandbox::new(), name, "table", &args);
    assert_eq!(ours.stdout, official);
}

#[test]
fn a_picture_goes_as_the_official_cli_sends_it() {
    let sandbox = Sandbox::new();
    sandbox.write("px.png", "not really a picture");
    let args = [
        "run",
        "--provider",
        "fake",
        "--image",
        "px.png",
        "see image",
    ];
    let replay = Replay::start(&recording("run-image"));
    let ran = run(&sandbox, &replay, &args, &["--json"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let official = sample(&sandbox, "run-image", "json", &args);
    let official: Value = serde_json::from_str(&official).unwrap();
    let mut ours = serde_json::from_str(&ran.stdout).unwrap();
    agents::leave_out_ours(&args, &mut ours);
    assert_eq!(ours, official);
    let create = replay.request("create_agent_request");
    let image = json!([{ "data": "bm90IHJlYWxseSBhIHBpY3R1cmU=", "mimeType": "image/png" }]);
    assert_eq!(create["images"], image);
}

#[test]
fn structured_output_is_that_of_the_official_cli() {
    let args = [
        "run",
        "--provider",
        "mock/ten-second-stream",
        "--output-schema",
        r#"{"type":"object","properties":{"title":{"type":"string"},"branch":{"type":"string"}},"required":["title","branch"]}"#,
        "name it",
    ];
    let replay = Replay::start(&recording("run-output-schema"));
    let ran = run(&Sandbox::new(), &replay, &args, &[]);
    assert_eq!(ran.status, 0, "{ran:?}");
    let official = sample(&Sandbox::new(), "run-output-schema", "json", &args);
    let official: Value = serde_json::from_str(&official).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&ran.stdout).unwrap(),
        official
    );
}

#[test]
fn an_unknown_agent_has_no_log() {
    let replay = Replay::start(&recording("logs-notfound"));
    let ran = run(
        &Sandbox::new(),
        &replay,
        &["logs", "nosuchagent"],
        &["--json"],
    );
    ran.failed(3, "AGENT_NOT_FOUND");
}

/// 0.1.65 never answers when it fails: it logs why.
#[test]
fn a_reload_that_fails_is_told_by_the_log_of_the_daemon() {
    let replay = Replay::start(&recording("v0165-reload"));
    let args = ["agent", "reload", "7a30d6c"];
    let ran = run(&Sandbox::new(), &replay, &args, &["--json"]);
    ran.failed(1, "RELOAD_FAILED");
}

#[test]
fn the_daemon_itself_is_asked_as_it_was() {
    let status = Replay::start(&recording("daemon-status-running"));
    let ran = run(&Sandbox::new(), &status, &["daemon", "status"], &["--json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    assert_eq!(told["daemonVersion"], "0.5.0-beta.4");
    assert_eq!(told["connectedDaemon"], "reachable");

    // It says that it ends, and stays: that is seen.
    let short = ["--yes", "--timeout", "1", "--json"];
    let replay = Replay::start(&recording("shutdown-server"));
    let ran = run(&Sandbox::new(), &replay, &["daemon", "stop"], &short);
    ran.failed(8, "STOP_FAILED");
    assert_eq!(replay.asked(), ["shutdown_server_request"]);

    // It says that it restarts, and is the same as before: that is seen as well.
    let replay = Replay::start(&recording("restart-server"));
    let ran = run(&Sandbox::new(), &replay, &["daemon", "restart"], &short);
    ran.failed(8, "RESTART_FAILED");
    let asked = replay.asked();
    let first = ["daemon.get_status.request", "restart_server_request"];
    assert_eq!(asked[..2], first, "{asked:?}");
}
