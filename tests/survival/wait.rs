//! Commands that wait for an agent go on; what they changed before is not repeated.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::road::Way;
use crate::world::{World, until};

/// Runs a command over a road that breaks once so many bytes have come and it waits; returns its JSON and what it
/// said.
fn over_a_drop(world: &World, bytes: usize, args: &[&str]) -> (Value, String) {
    let mut command = world.command(args);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let before = world.road.carried();
    let child = command.spawn().unwrap();
    until("it is connected", || world.road.carried() > before + bytes);
    thread::sleep(Duration::from_millis(500));
    world.road.becomes(Way::Cut);
    thread::sleep(Duration::from_millis(500));
    world.road.becomes(Way::Whole);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    (serde_json::from_slice(&output.stdout).unwrap(), said)
}

#[test]
fn a_wait_goes_on() {
    let world = World::new();
    let agent = world.agent("every 100 emit 80");
    let (waited, said) = over_a_drop(&world, 500, &["-r", "work", "wait", &agent, "--json"]);
    assert_eq!(waited["status"], "idle");
    assert!(said.contains("connected again after"), "{said}");
}

#[test]
fn a_prompt_is_sent_once() {
    let world = World::new();
    let agent = world.agent("emit 1");
    let send = ["-r", "work", "send", &agent, "every 100 emit 50", "--json"];
    let (sent, _) = over_a_drop(&world, 2000, &send);
    assert_eq!(sent["status"], "completed");
    let logs = world.run(&["logs", &agent, "--json"]);
    let logs = String::from_utf8(logs.stdout).unwrap();
    assert_eq!(logs.matches("every 100 emit 50").count(), 1, "{logs}");
}

#[test]
fn an_agent_is_started_once() {
    let world = World::new();
    let cwd = world.dir.path().display().to_string();
    let run = [
        "-r",
        "work",
        "run",
        "every 100 emit 50",
        "--provider",
        "mock",
        "--cwd",
        &cwd,
        "--json",
    ];
    let (ran, _) = over_a_drop(&world, 2000, &run);
    assert_eq!(ran["status"], "completed");
    assert_eq!(world.json(&["ls", "-g", "-a"]).as_array().unwrap().len(), 1);
}
