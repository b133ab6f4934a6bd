//! From a pairing offer to agents, absent daemons, listeners and the demo.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::server::Server;
use crate::world::{World, paseo};

const AGENTS: [&str; 3] = ["upper=tr a-z A-Z", "fails=false", "asks=mock:"];

#[test]
fn from_a_pairing_offer_to_the_agents_of_another_machine() {
    let world = World::start(&AGENTS);
    let paired = world.json(&["daemon", "pair", "--save", "offer.json"]);
    let added = world.json(&["remote", "add", "work", "offer.json", "--store", "file"]);
    assert_eq!(paired["fingerprint"], added["fingerprint"]);
    assert_eq!(world.json(&["-r", "work", "ls"]), serde_json::json!([]));

    let cwd = world.dir().display().to_string();
    let run = [
        "-r",
        "work",
        "run",
        "--provider",
        "upper",
        "--cwd",
        &cwd,
        "--title",
        "shout",
        "hello",
    ];
    let ran = world.json(&run);
    assert_eq!(
        (&ran["status"], &ran["title"]),
        (&"completed".into(), &"shout".into())
    );
    let agents = world.json(&["-r", "work", "ls"]);
    assert_eq!(agents[0]["id"], ran["agentId"]);
    assert_eq!(agents[0]["status"], "idle");

    let id = ran["agentId"].as_str().unwrap();
    let logs = world.run(&["logs", &id[..7], "-r", "work"]);
    assert_eq!(
        String::from_utf8(logs.stdout).unwrap(),
        "[User] hello\nHELLO\n"
    );
    let sent = world.json(&["-r", "work", "send", &id[..7], "again"]);
    assert_eq!(sent["status"], "completed");

    world.json(&["-r", "work", "archive", &id[..7]]);
    assert_eq!(world.json(&["-r", "work", "ls"]), serde_json::json!([]));
    // As its help promises, and unlike the official CLI: -a alone is enough.
    assert_eq!(
        world.json(&["-r", "work", "ls", "-a"])[0]["id"],
        ran["agentId"]
    );
}

#[test]
fn agents_that_fail_or_wait_end_commands_with_their_own_status() {
    let world = World::start(&AGENTS);
    world.json(&["daemon", "pair", "--save", "offer.json"]);
    world.json(&["remote", "add", "work", "offer.json", "--store", "file"]);
    let cwd = world.dir().display().to_string();
    let failed = world.run(&[
        "-r",
        "work",
        "run",
        "--provider",
        "fails",
        "--cwd",
        &cwd,
        "x",
    ]);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    let missing = world.run(&["-r", "work", "inspect", "no-such-agent"]);
    assert_eq!(missing.status.code(), Some(3), "{missing:?}");
}

/// The relay has no daemon for this id, and says so at once.
#[test]
fn an_absent_daemon_is_told_apart_from_a_dead_relay() {
    let mut world = World::start(&AGENTS);
    let link = world.json(&["daemon", "pair"])["url"]
        .as_str()
        .unwrap()
        .to_owned();
    world.json(&["ls", "--relay", &link]);
    drop(world.daemon.take());
    let absent = world.run(&["ls", "--relay", &link]);
    assert_eq!(
        absent.status.code(),
        Some(7),
        "{}",
        String::from_utf8_lossy(&absent.stderr)
    );
    drop(world.relay.take());
    let dead = world.run(&["ls", "--relay", &link]);
    assert_eq!(
        dead.status.code(),
        Some(6),
        "{}",
        String::from_utf8_lossy(&dead.stderr)
    );
    assert!(String::from_utf8_lossy(&dead.stderr).contains(&world.address));
}

/// Programs that know nothing of relays reach the daemon through a listener on this machine.
#[test]
fn a_remote_daemon_is_forwarded() {
    let world = World::start(&AGENTS);
    world.json(&["daemon", "pair", "--save", "offer.json"]);
    let forward = |args: &[&str]| {
        let args = [&["forward", "--relay", "offer.json", "--json"], args].concat();
        let mut child = paseo(world.dir(), &args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        (Server(child), told["host"].as_str().unwrap().to_owned())
    };

    let (_tcp, host) = forward(&[]);
    assert_eq!(world.json(&["ls", "--host", &host]), serde_json::json!([]));
    let (bare, _) = host.split_once("?password=").unwrap();
    for wrong in [bare.to_owned(), format!("{bare}?password=wrong")] {
        let refused = world.run(&["ls", "--host", &wrong]);
        assert_eq!(refused.status.code(), Some(4), "{refused:?}");
    }

    let socket = world.dir().join("s.sock");
    let socket = socket.to_str().unwrap();
    let (unix, host) = forward(&["--listen", socket]);
    assert_eq!(world.json(&["ls", "--host", &host]), serde_json::json!([]));
    let mode = std::fs::metadata(socket).unwrap().permissions();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777,
        0o600
    );
    let pid = Pid::from_child(&unix.0);
    kill_process(pid, Signal::TERM).unwrap();
    let mut unix = unix;
    assert!(unix.0.wait().unwrap().success());
    assert!(!Path::new(socket).exists(), "the socket is removed");

    let mut stdio = paseo(
        world.dir(),
        &["forward", "--relay", "offer.json", "--stdio"],
    );
    let mut stdio = stdio
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let request = b"GET /api/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    std::io::Write::write_all(&mut stdio.stdin.take().unwrap(), request).unwrap();
    let output = stdio.wait_with_output().unwrap();
    assert!(output.stdout.starts_with(b"HTTP/1.1 200 OK"), "{output:?}");
}

#[test]
fn the_demo_shows_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let output = paseo(dir.path(), &["demo"]).output().unwrap();
    let (stdout, stderr) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(output.status.success(), "{stderr}");
    for step in [
        "daemon pair",
        "remote add",
        "run --provider echo",
        "-r work ls",
        "logs",
    ] {
        assert!(stderr.contains(step), "{step}: {stderr}");
    }
    assert!(
        stdout.contains("First agent") && stdout.contains("hello from far away"),
        "{stdout}"
    );
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        0,
        "nothing is left behind"
    );
}
