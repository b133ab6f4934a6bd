//! A session goes on when its connection is lost.

use crate::road::{Road, Way};
use crate::support::{Person, World, until};

/// The world, and a road to its relay that can be broken.
fn broken_world() -> (World, Road) {
    let world = World::new();
    let offer = std::fs::read_to_string(world.dir.path().join("offer.json")).unwrap();
    let parsed: serde_json::Value = serde_json::from_str(&offer).unwrap();
    let relay = parsed["relay"]["endpoint"].as_str().unwrap();
    let road = Road::to(relay.parse().unwrap());
    std::fs::write(world.dir.path().join("over.json"), road.offer(&offer)).unwrap();
    let add = [
        "remote",
        "add",
        "far",
        "over.json",
        "--store",
        "file",
        "--again",
    ];
    world.json(&add);
    (world, road)
}

fn shell(world: &World) -> Person {
    let cwd = world.cwd();
    let args = ["-r", "far", "shell", "--cwd", &cwd];
    let mut person = Person::at(world.dir.path(), env!("CARGO_BIN_EXE_paseo"), &args);
    person.wait_for("ready> ");
    person
}

#[test]
fn a_shell_goes_on_where_it_was() {
    let (world, road) = broken_world();
    let mut person = shell(&world);
    person.type_in("here=\"I was\"; echo $here\r");
    person.wait_for("I was\r\n");
    person.wait_for("ready> ");
    road.becomes(Way::Cut);
    person.wait_for("connecting again");
    // What is typed meanwhile waits.
    person.type_in("echo and $here back\r");
    road.becomes(Way::Whole);
    person.wait_for("and I was back");
    // The screen is as it was before.
    person.type_in("exit 5\r");
    let (status, _) = person.end();
    assert_eq!(status, 5);
}

#[test]
fn a_person_can_leave_while_there_is_no_connection() {
    let (world, road) = broken_world();
    let mut person = shell(&world);
    road.becomes(Way::Cut);
    person.wait_for("connecting again");
    person.type_in("\r~.");
    let (status, shown) = person.end();
    assert_eq!(status, 0, "{shown}");
    assert!(shown.contains("the terminal stays"), "{shown}");
    assert_eq!(world.terminals().len(), 1);
}

#[test]
fn a_terminal_that_is_gone_meanwhile_ends_the_session() {
    let (world, road) = broken_world();
    let person = {
        let mut person = shell(&world);
        road.becomes(Way::Cut);
        person.wait_for("connecting again");
        person
    };
    let id = &world.terminals()[0];
    world.json(&["-r", "work", "terminal", "kill", id]);
    until("it is gone", || world.terminals().is_empty());
    road.becomes(Way::Whole);
    let (status, shown) = person.end();
    assert_ne!(status, 0, "{shown}");
    assert!(shown.contains("not found"), "{shown}");
}

#[test]
fn top_shows_that_a_remote_is_gone_and_that_it_is_back() {
    let (world, road) = broken_world();
    let run = [
        "-r",
        "work",
        "run",
        "emit 1",
        "--provider",
        "mock",
        "--cwd",
        "/tmp",
    ];
    world.json(&run);
    let args = ["-r", "far", "top"];
    let mut person = Person::at(world.dir.path(), env!("CARGO_BIN_EXE_paseo"), &args);
    person.wait_for("idle       far");
    road.becomes(Way::Cut);
    person.wait_for("offline    far");
    road.becomes(Way::Whole);
    person.wait_for("idle       far");
    person.type_in("q");
    assert_eq!(person.end().0, 0);
}
