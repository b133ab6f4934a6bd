//! Connections that are kept ready, and whoever keeps them dying at any time.
//!
//! `PASEO_TEST_COMMANDS=1000` is the long form of the test with a holder that is killed.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

use crate::world::{World, until};

const LS: &[&str] = &["-r", "work", "ls", "-g", "-a", "--persist", "--json"];

fn holder(world: &World) -> Option<Value> {
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
    ls(&world);
    let mut found = None;
    until("connections are ready", || {
        found = holder(&world).filter(|holder| holder["holder"]["ready"].as_u64() >= Some(1));
        found.is_some()
    });
    (world, found.unwrap())
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
    let stuck = pid(&holder_then);
    kill_process(stuck, Signal::STOP).unwrap();
    let start = Instant::now();
    ls(&world);
    // The machine may be busy; the limit itself is 100 ms.
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    until("another one is there", || {
        holder(&world).is_some_and(|holder| pid(&holder) != stuck)
    });
    kill_process(stuck, Signal::CONT).unwrap();
    until("the old one notices", || test_kill_process(stuck).is_err());
    ls(&world);
}

#[test]
fn an_edited_profile_ends_it() {
    let (world, holder) = warm();
    world.json(&["remote", "set", "work", "description=changed"]);
    until("it ends", || test_kill_process(pid(&holder)).is_err());
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
