//! Much at once, over the encrypted relay: nothing is lost, and little is kept.

use crate::support::World;

/// The most memory that a process has had, in KiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_paste_of_a_megabyte_arrives() {
    let world = World::new();
    let mut person = world.shell();
    // Text that looks like escapes, and characters that reads and frames cut in two.
    let lines = (0..).map(|number| format!("~. line {number} ä宽👩 {}\n", "x".repeat(number % 70)));
    let mut text = String::new();
    for line in lines {
        if text.len() > 1024 * 1024 {
            break;
        }
        text.push_str(&line);
    }
    person.type_in("stty -echo; echo re''ady to take; cat > pasted; echo all of it\r");
    person.wait_for("ready to take");
    person.type_in(&text);
    person.type_in("\x04");
    person.wait_for("all of it");
    let pasted = std::fs::read(world.dir.path().join("pasted")).unwrap();
    assert!(
        pasted == text.as_bytes(),
        "{} of {} bytes",
        pasted.len(),
        text.len()
    );
}

#[test]
fn a_burst_of_fifty_mebibytes_takes_little_memory() {
    const BURST: usize = 50 * 1024 * 1024;
    const LIMIT_KIB: u64 = 64 * 1024;
    let world = World::new();
    let mut person = world.shell();
    person.type_in(&format!(
        "stty -opost; head -c {BURST} /dev/zero | tr '\\0' x; echo do''ne\r"
    ));
    let seen = person.watch_until("done");
    assert!(seen >= BURST, "{seen}");
    let (client, daemon) = (peak(person.pid()), peak(world.daemon.0.id()));
    println!("peak: client {client} KiB, daemon {daemon} KiB");
    assert!(
        client <= LIMIT_KIB && daemon <= LIMIT_KIB,
        "{client} {daemon}"
    );
}

/// Who looks away holds up nobody, and gets the screen when he looks again.
#[test]
fn a_reader_that_stops_is_left_behind() {
    // More than the sockets on the way hold.
    const BURST: usize = 32 * 1024 * 1024;
    let world = World::new();
    let mut person = world.shell();
    let pid = rustix::process::Pid::from_raw(person.pid().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let id = world.terminals().remove(0);
    let burst =
        format!("head -c {BURST} /dev/zero | tr '\\0' x; echo > fin''ished; echo the e''nd");
    world.json(&["-r", "work", "terminal", "send-keys", &id, &burst, "Enter"]);
    crate::support::until("the program goes on", || {
        world.dir.path().join("finished").exists()
    });
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    let seen = person.watch_until("the end");
    assert!(seen < BURST, "{seen}");
    assert!(peak(world.daemon.0.id()) <= 64 * 1024);
}
