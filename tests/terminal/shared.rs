//! Many shells over the connections of one holder: none of them sees anything of another.

use serde_json::Value;

use crate::support::{Person, World, until};

/// Shells at once, and how many of them are started together.
const SHELLS: usize = 100;
const TOGETHER: usize = 10;

const PERSIST: &str = "--persist=5m";

/// What keeps connections ready would outlive the test.
struct Stop<'a>(&'a World);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.run(&["mux", "stop"]);
    }
}

/// Sessions of the holders that there are.
fn sessions(world: &World) -> u64 {
    let holders = world.json(&["mux", "ls"]);
    let holders = holders.as_array().unwrap().iter();
    holders
        .filter_map(|one| one["holder"]["sessions"].as_u64())
        .sum()
}

#[test]
fn a_hundred_shells_share_a_holder() {
    let world = World::new();
    let _stop = Stop(&world);
    assert!(world.run(&["-r", "work", "ls", PERSIST]).status.success());
    until("connections are ready", || {
        let told = world.run(&["mux", "check", "work", "--json"]);
        let told: Value = serde_json::from_slice(&told.stdout).unwrap_or_default();
        told["holder"]["ready"].as_u64() >= Some(1)
    });
    let cwd = world.cwd();
    let args = ["-r", "work", "shell", "--cwd", &cwd, PERSIST];
    let start = || Person::at(world.dir.path(), env!("CARGO_BIN_EXE_paseo"), &args);
    let mut people = Vec::new();
    while people.len() < SHELLS {
        let mut some: Vec<_> = (0..TOGETHER).map(|_| start()).collect();
        for person in &mut some {
            person.wait_for("ready> ");
        }
        people.extend(some);
    }
    // A few may have found the holder too slow on a busy machine, and gone around it.
    let shared = sessions(&world);
    assert!(
        shared >= (SHELLS * 9 / 10) as u64,
        "{shared} share a holder"
    );
    // All at once, and each its own.
    for (n, person) in people.iter_mut().enumerate() {
        person.type_in(&format!(
            "for i in 1 2 3; do echo is=$((1000+{n}))x; done\r"
        ));
    }
    for (n, person) in people.iter_mut().enumerate() {
        let own = format!("is={}x", 1000 + n);
        let mut shown = String::new();
        for _ in 0..3 {
            shown += &person.wait_for(&own);
        }
        let others = shown.matches("is=1").count();
        assert_eq!(others, 3, "{n}: {shown:?}");
    }
    let mut last = people.pop().unwrap();
    last.type_in("exit 3\r");
    assert_eq!(last.end().0, 3);
}
