//! `inbox --watch` goes on over connections that break, and tells each thing once.

use crate::road::Way;
use crate::watcher::Watcher;
use crate::world::{World, until};

const WATCH: &[&str] = &["-r", "work", "inbox", "--watch", "--json"];

/// How often it told of an agent.
fn told(watcher: &Watcher, agent: &str) -> usize {
    watcher.count(|line| line["agentId"] == agent)
}

#[test]
fn what_began_to_wait_meanwhile_is_told_and_nothing_twice() {
    let world = World::new();
    let before = world.agent("ask");
    let watcher = Watcher::start(&world, WATCH);
    until("it tells what waits", || told(&watcher, &before) == 1);
    world.road.becomes(Way::Cut);
    until("it notices", || watcher.said().contains("connecting again"));
    let meanwhile = world.agent("ask");
    world.road.becomes(Way::Whole);
    until("it tells what came meanwhile", || {
        told(&watcher, &meanwhile) == 1
    });
    let after = world.agent("ask");
    until("it goes on", || told(&watcher, &after) == 1);
    assert_eq!(
        (told(&watcher, &before), told(&watcher, &meanwhile)),
        (1, 1)
    );
    let said = watcher.said();
    assert!(said.contains("connected again after"), "{said}");
}

#[test]
fn a_daemon_that_is_not_there_yet_is_waited_for() {
    let world = World::new();
    world.road.becomes(Way::Cut);
    let watcher = Watcher::start(&world, WATCH);
    until("it tells why", || watcher.said().contains("trying again"));
    let agent = world.agent("ask");
    world.road.becomes(Way::Whole);
    until("it tells what waits", || told(&watcher, &agent) == 1);
    let said = watcher.said();
    assert_eq!(said.matches("trying again").count(), 1, "{said}");
}
