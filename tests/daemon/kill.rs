//! Daemons that are stopped and killed, with the real binary.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::acp_agent;
use crate::world::World;

/// A pipe whose other end every process of an agent holds: it ends when the last of them is gone.
struct Lifeline(PathBuf);

impl Lifeline {
    fn new(dir: &Path) -> Self {
        let path = dir.join("lifeline");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        Self(path)
    }

    /// An agent that starts another process, and on Linux one in a session of its own, and waits; none of
    /// them ends by itself or at SIGTERM.
    fn agent(&self) -> String {
        let path = self.0.display();
        let stray = match cfg!(target_os = "linux") {
            true => "setsid sleep 1000 &",
            false => "",
        };
        format!(
            r#"stays=sh -c 'trap "" TERM; exec 3>{path}; {stray} sleep 1000 & echo started; wait; wait'"#
        )
    }

    /// Waits for the end of all of them.
    fn cut(self) -> std::thread::JoinHandle<()> {
        std::thread::spawn(move || {
            let mut line = std::fs::File::open(self.0).unwrap();
            line.read_to_end(&mut Vec::new()).unwrap();
        })
    }
}

fn ends_within_a_minute(line: std::thread::JoinHandle<()>) {
    let (done, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        line.join().unwrap();
        let _ = done.send(());
    });
    let minute = std::time::Duration::from_secs(60);
    wait.recv_timeout(minute)
        .expect("a process of the agent was left behind");
}

fn run(world: &World, provider: &str, prompt: &str) -> String {
    let cwd = world.dir().display().to_string();
    let run = [
        "run",
        "--background",
        "--provider",
        provider,
        "--cwd",
        &cwd,
        prompt,
    ];
    let ran = world.remote(0, &run);
    ran["agentId"].as_str().unwrap().to_owned()
}

#[test]
fn a_stop_leaves_no_process_behind() {
    let dir = tempfile::tempdir().unwrap();
    let lifeline = Lifeline::new(dir.path());
    let mut world = World::new(&[lifeline.agent()]);
    let line = lifeline.cut();
    let id = run(&world, "stays", "go");
    while !world.logs(&id).contains("started") {}
    world.daemon.take().unwrap().stop();
    ends_within_a_minute(line);
    world.start_daemon();
    // It was stopped in time, so it knows.
    assert_eq!(world.remote(0, &["inspect", &id])["Status"], "closed");
}

#[test]
fn a_kill_in_mid_turn_loses_nothing_that_was_finished_and_leaves_no_process_behind() {
    let dir = tempfile::tempdir().unwrap();
    let lifeline = Lifeline::new(dir.path());
    let agents = [
        lifeline.agent(),
        "mock=mock:".to_owned(),
        format!("acp={}", acp_agent::command("no")),
    ];
    let mut world = World::new(&agents);
    let line = lifeline.cut();
    let stays = run(&world, "stays", "go");
    let mock = run(&world, "mock", "think tool items 200 wait");
    let acp = run(&world, "acp", "hello plan wait");
    while !world.logs(&stays).contains("started") {}
    while !world.logs(&mock).contains("item 200") {}
    while !world.logs(&acp).contains("Waiting.") {}
    let before = [world.logs(&stays), world.logs(&mock), world.logs(&acp)];
    world.daemon.take().unwrap().kill();
    ends_within_a_minute(line);

    world.start_daemon();
    for (id, before) in [&stays, &mock, &acp].into_iter().zip(before) {
        let after = world.logs(id);
        assert!(
            after.starts_with(before.trim_end()),
            "{before}\n---\n{after}"
        );
        let end = "[System Error] The daemon ended during this turn.";
        assert!(after.trim_end().ends_with(end), "{after}");
        let agent = world.remote(0, &["inspect", id]);
        assert_eq!(agent["Status"], "closed", "{agent}");
        // Whoever waits for it hears of the failure.
        assert_eq!(world.remote(1, &["wait", id])["status"], "error");
    }
    // It goes on, and the ACP agent in the same session.
    let sent = world.remote(0, &["send", &acp, "again"]);
    assert_eq!(sent["status"], "completed");
    let logs = world.logs(&acp);
    assert!(
        logs.contains("again Done.") && !logs.contains("without memory"),
        "{logs}"
    );
}
