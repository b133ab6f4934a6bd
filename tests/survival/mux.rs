//! Connections that are kept ready, and whoever keeps them dying at any time.
//!
//! `PASEO_TEST_COMMANDS=1000` is the long form of the test with a holder that is killed.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

use crate::watcher::Watcher;
use crate::world::{World, until};

const LS: &[&str] = &["-r", "work", "ls", "-g", "-a", "--persist", "--json"];

pub(crate) fn holder(world: &World) -> Option<Value> {
    let output = world.run(&["mux", "check", "work", "--json"]);
    output
        .status
        .success()
        .then(|| serde_json::from_slice(&output.stdout).unwrap())
}

fn pid(holder: &Value) -> Pid {
    let pid = holder["pid"].as_i64().unwrap();
    Pid::from_raw(pid.try_into().unwrap()).unwrap()
}

/// Lists the agents; starts a holder when there is none.
fn ls(world: &World) -> Vec<Value> {
    let output = world.run(LS);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A world whose connections are ready.
fn warm() -> (World, Value) {
    let world = World::new();
    let holder = warm_up(&world);
    (world, holder)
}

/// Makes connections ready, and returns who holds them.
fn warm_up(world: &World) -> Value {
    ls(world);
    let mut found = None;
    until("connections are ready", || {
        found = holder(world).filter(|holder| holder["holder"]["ready"].as_u64() >= Some(1));
        found.is_some()
    });
    found.unwrap()
}

#[test]
fn commands_use_what_is_ready() {
    let (world, _) = warm();
    let agent = world.agent("emit 1");
    for _ in 0..5 {
        let listed = ls(&world);
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0]["id"], agent);
    }
    let holder = holder(&world).unwrap();
    assert_eq!(holder["holder"]["served"], 5, "{holder}");
    let listed = world.json(&["mux", "ls"]);
    assert_eq!(listed[0]["holder"]["remote"], "work", "{listed}");
    let socket = listed[0]["socket"].as_str().unwrap();
    let mode = |path: &str| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(socket), 0o600);
    let (dir, _) = socket.rsplit_once('/').unwrap();
    assert_eq!(mode(dir), 0o700);
    assert_eq!(world.json(&["mux", "stop", "work"])["stopped"], 1);
    until("it ends", || test_kill_process(pid(&holder)).is_err());
}

#[test]
fn each_command_has_a_session_of_its_own() {
    let (world, _) = warm();
    let agents: Vec<String> = (0..20)
        .map(|n| world.agent(&format!("emit {n} items {n}")))
        .collect();
    let running: Vec<_> = agents
        .iter()
        .map(|agent| {
            let args = ["-r", "work", "logs", agent, "--persist", "--json"];
            let mut command = world.command(&args);
            command.stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for (agent, child) in agents.iter().zip(running) {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let lines = String::from_utf8(output.stdout).unwrap();
        assert!(lines.lines().count() > 0);
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["agentId"], agent.as_str());
        }
    }
}

#[test]
fn a_stuck_holder_is_bypassed_and_replaced() {
    let (world, holder_then) = warm();
    let timed = |args: &[&str]| {
        let start = Instant::now();
        assert!(world.run(args).status.success());
        start.elapsed()
    };
    let cold = timed(&["-r", "work", "ls"]);
    let stuck = pid(&holder_then);
    kill_process(stuck, Signal::STOP).unwrap();
    let bypassed = timed(LS);
    // 100 ms more; the rest is for a busy machine.
    let limit = 2 * cold + Duration::from_secs(1);
    assert!(bypassed < limit, "{bypassed:?}, cold {cold:?}");
    until("another one is there", || {
        holder(&world).is_some_and(|holder| pid(&holder) != stuck)
    });
    kill_process(stuck, Signal::CONT).unwrap();
    until("the old one notices", || test_kill_process(stuck).is_err());
    ls(&world);
}

#[test]
fn one_that_was_replaced_serves_whom_it_has() {
    let (world, holder_then) = warm();
    let agent = world.agent("every 50 items 200");
    let watching = [
        &["-r", "work", "attach", &agent, "--persist"][..],
        &["--json"],
    ]
    .concat();
    let watcher = Watcher::start(&world, &watching);
    let used = || holder(&world).map(|holder| holder["holder"]["sessions"].clone());
    until("it is used", || used() == Some(1.into()));
    let old = pid(&holder_then);
    kill_process(old, Signal::STOP).unwrap();
    ls(&world);
    until("another one is there", || {
        holder(&world).is_some_and(|holder| pid(&holder) != old)
    });
    kill_process(old, Signal::CONT).unwrap();
    until("the agent is done", || watcher.has_ended());
    assert!(!watcher.said().contains("lost"), "{}", watcher.said());
    drop(watcher);
    until("the old one ends", || test_kill_process(old).is_err());
}

#[test]
fn a_changed_remote_ends_it() {
    let (world, mut holder) = warm();
    let changes: [&[&str]; 3] = [
        &["remote", "set", "work", "description=changed"],
        &["remote", "repair", "work", "offer.json"],
        &["remote", "rm", "work", "--yes"],
    ];
    for change in changes {
        world.json(change);
        until("it ends", || test_kill_process(pid(&holder)).is_err());
        if change[1] != "rm" {
            holder = warm_up(&world);
        }
    }
}

#[test]
fn it_ends_when_nobody_needs_it() {
    let world = World::new();
    let args = ["-r", "work", "ls", "--persist=1s"];
    assert!(world.run(&args).status.success());
    let mut found = None;
    until("it is there", || {
        found = holder(&world);
        found.is_some()
    });
    let holder = pid(&found.unwrap());
    until("it ends", || test_kill_process(holder).is_err());
}

#[test]
fn nothing_is_kept_ready_where_nobody_works() {
    let world = World::new();
    world.json(&["remote", "set", "work", "persist=10m"]);
    // Standard input is no terminal.
    assert!(world.run(&["-r", "work", "ls"]).status.success());
    thread::sleep(Duration::from_secs(1));
    assert!(holder(&world).is_none());
}

#[test]
fn a_holder_that_is_killed_at_any_time_costs_no_result() {
    let (world, _) = warm();
    let agent = world.agent("emit 1");
    let asked = std::env::var("PASEO_TEST_COMMANDS").ok();
    let count: usize = asked.map_or(40, |count| count.parse().unwrap());
    for n in 0..count {
        let mut command = world.command(LS);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        // Another moment of the command each time.
        thread::sleep(Duration::from_millis((n * 7 % 40) as u64));
        if n % 2 == 0
            && let Some(holder) = holder(&world)
        {
            let _ = kill_process(pid(&holder), Signal::KILL);
        }
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code().unwrap() {
            0 => {
                let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
                assert_eq!(listed[0]["id"], agent.as_str());
            }
            7 => assert!(said.contains("CONNECTION_LOST"), "{said}"),
            other => panic!("{other}: {said}"),
        }
    }
}
