//! `paseo shell` and `paseo terminal attach`, with somebody at the keyboard.

use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::support::{Person, World, env, paseo, until};
use crate::tool::is_missing;

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn a_shell_is_as_with_ssh() {
    let world = World::new();
    let mut person = world.shell();
    person.type_in("echo a$((40+2))b; stty size\r");
    person.wait_for("a42b");
    person.wait_for("24 80");
    person.resize(33, 101);
    // The size travels beside the keys: ask until it has arrived.
    person.type_in("until stty size | grep 101; do :; done\r");
    person.wait_for("33 101");
    // What says so is the program that the key is for: a shell that is just about to start one may lose it.
    person.type_in("sh -c 'echo go; exec sleep 1000'\r");
    person.wait_for("go\r\n");
    person.type_in("\x03");
    person.wait_for("ready> ");
    person.type_in("exit 7\r");
    let (status, _) = person.end();
    assert_eq!(status, 7);
    assert!(world.terminals().is_empty());
}

#[test]
fn the_escape_leaves_it_and_it_stays() {
    let world = World::new();
    let mut person = world.shell();
    person.type_in("~?");
    person.wait_for("leave; the terminal stays");
    person.type_in("echo here; x=~~; echo still\r");
    person.wait_for("still\r\n");
    person.type_in("~.");
    let (status, shown) = person.end();
    assert_eq!(status, 0);
    let [id] = &world.terminals()[..] else {
        panic!("it is gone: {shown}");
    };
    assert!(
        shown.contains(&format!("paseo -r work terminal attach {}", &id[..8])),
        "{shown}"
    );

    let mut person = world.attach(&id[..8]);
    person.wait_for("still");
    person.type_in("\recho $x\r");
    person.wait_for("~~\r\n");
    world.json(&["-r", "work", "terminal", "kill", id]);
    let (status, _) = person.end();
    assert_eq!(status, 0);
}

/// A program has the other screen, without cursor, when the session ends in some other way.
fn editor(world: &World) -> Person {
    let mut person = world.shell();
    person.type_in("printf '\\033[?1049h\\033[?25l\\033[?2004hedi''tor'; cat\r");
    person.wait_for("editor");
    person
}

fn is_restored(shown: &str) {
    for mode in ["\x1b[?25h", "\x1b[?2004l", "\x1b[?1049l"] {
        assert!(shown.contains(mode), "{mode:?} in {shown:?}");
    }
}

#[test]
fn signals_restore_the_terminal() {
    let world = World::new();
    for (kind, expected) in [
        (Signal::TERM, 143),
        (Signal::HUP, 129),
        (Signal::INT, 130),
        (Signal::QUIT, 131),
    ] {
        let person = editor(&world);
        signal(person.pid(), kind);
        let (status, shown) = person.end();
        assert_eq!(status, expected, "{shown}");
        is_restored(&shown);
    }
    assert_eq!(world.terminals().len(), 4);
}

#[test]
fn a_lost_connection_restores_the_terminal() {
    let mut world = World::new();
    let mut person = editor(&world);
    world.relay.0.kill().unwrap();
    let lost = person.wait_for("(~. leaves)");
    assert!(lost.contains("was lost"), "{lost}");
    // So soon after a long line it would be taken for a part of a paste.
    std::thread::sleep(std::time::Duration::from_millis(300));
    person.type_in("\r~.");
    let (status, shown) = person.end();
    assert_eq!(status, 0, "{shown}");
    is_restored(&shown);
    assert!(shown.contains("terminal attach"), "{shown}");
}

#[test]
fn a_program_that_was_stopped_goes_on() {
    let world = World::new();
    let dir = world.dir.path();
    let mut person = Person::at(dir, "/bin/bash", &["--norc"]);
    let (program, cwd) = (env!("CARGO_BIN_EXE_paseo"), world.cwd());
    // The shell here begins with the prompt of those there.
    person.wait_for("ready> ");
    person.type_in("PS1='lo''cal> '\r");
    person.wait_for("local> ");
    person.type_in(&format!("{program} -r work shell --cwd {cwd}\r"));
    person.wait_for("ready> ");
    person.type_in("\r~\x1a");
    person.wait_for("local> ");
    person.type_in("echo in$((1+1))between; fg\r");
    person.wait_for("in2between");
    person.type_in("\recho a$((40+2))b\r");
    person.wait_for("a42b");
    person.type_in("exit\r");
    person.wait_for("local> ");
    person.type_in("exit 0\r");
    assert_eq!(person.end().0, 0);
}

#[test]
fn a_pipe_is_a_script() {
    let world = World::new();
    let cwd = world.cwd();
    let mut command = paseo(world.dir.path(), &["-r", "work", "shell", "--cwd", &cwd]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"echo a$((40+2))b\n~.\n(exit 9)").unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("a42b"), "{shown}");
    assert_eq!(output.status.code(), Some(9), "{shown}");

    let refused = world.run(&["-r", "work", "terminal", "attach", "x"]);
    assert_eq!(refused.status.code(), Some(2));
    let refused = world.run(&["-r", "work", "shell", "--cwd", &cwd, "--escape", "ab"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn it_works_inside_tmux() {
    if is_missing("tmux") {
        return;
    }
    let world = World::new();
    let dir = world.dir.path();
    let tmux = |args: &[&str]| {
        let mut command = Command::new("tmux");
        let command = command.env_clear().envs(env(dir)).current_dir(dir);
        let output = command.arg("-S").arg(dir.join("tmux")).args(args).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let shell = format!(
        "{} -r work shell --cwd {}",
        env!("CARGO_BIN_EXE_paseo"),
        world.cwd()
    );
    tmux(&[
        "-f",
        "/dev/null",
        "new-session",
        "-d",
        "-x",
        "90",
        "-y",
        "30",
        &shell,
    ])
    .unwrap();
    let shows = |text: &str| tmux(&["capture-pane", "-p"]).unwrap().contains(text);
    // It leaves out spaces at the ends of lines.
    until("the prompt", || shows("ready>"));
    tmux(&["send-keys", "echo a$((40+2))b; stty size", "Enter"]).unwrap();
    until("the answer", || shows("a42b") && shows("30 90"));
    tmux(&["send-keys", "Enter", "~."]).unwrap();
    until("it ended", || tmux(&["list-sessions"]).unwrap().is_empty());
    assert_eq!(world.terminals().len(), 1);
}

/// However the daemon ends, nothing of its terminals goes on.
#[test]
fn programs_end_with_the_daemon() {
    // Under nohup SIGHUP is ignored, and by default also by what the daemon starts.
    let ways: [(&[&str], Signal); 3] = [
        (&[], Signal::TERM),
        (&[], Signal::KILL),
        (&["nohup"], Signal::KILL),
    ];
    for (words, kind) in ways {
        let mut world = World::started_by(words);
        let mut person = world.shell();
        person.type_in("sh -c 'echo p\"\"id=$$; exec sleep 1000'\r");
        person.wait_for("pid=");
        let line = person.wait_for("\r\n");
        let pid = Pid::from_raw(line.trim().parse().unwrap()).unwrap();
        assert!(test_kill_process(pid).is_ok());
        signal(world.daemon.0.id(), kind);
        world.daemon.0.wait().unwrap();
        until("it ends", || test_kill_process(pid).is_err());
        // One that is asked to end may still tell that the terminal has; else it is waited for.
        if kind == Signal::KILL {
            person.wait_for("connecting again");
        }
        person.type_in("\r~.");
        let (status, _) = person.end();
        assert_eq!(status, 0);
    }
}
