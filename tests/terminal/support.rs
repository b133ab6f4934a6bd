//! Two machines, a relay between them, and somebody at a terminal.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use serde_json::Value;
use tempfile::TempDir;

use crate::server::Server;

/// How long anything may take to appear.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two machines and a relay between them. The daemon is saved as the remote `work`.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) relay: Server,
    pub(crate) daemon: Server,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::started_by(&[])
    }

    /// Makes one whose daemon is started by other words than its own, `nohup` for example.
    pub(crate) fn started_by(words: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut relay = paseo(dir.path(), &["relay", "serve", "--listen", "127.0.0.1:0"]);
        let (relay, address) = Server::relay(&mut relay);
        let run = [
            env!("CARGO_BIN_EXE_paseo"),
            "daemon",
            "run",
            "--listen",
            "127.0.0.1:0",
            "--relay",
            &address,
            "--agent",
            "mock=mock:",
        ];
        let line = [words, &run].concat();
        let mut daemon = program(dir.path(), line[0], &line[1..]);
        let (daemon, _) = Server::start(&mut daemon, "connected to the relay");
        let world = Self { dir, relay, daemon };
        world.json(&["daemon", "pair", "--save", "offer.json"]);
        world.json(&["remote", "add", "work", "offer.json", "--store", "file"]);
        world
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        paseo(self.dir.path(), args).output().unwrap()
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The directory of the test, as the daemon knows it.
    pub(crate) fn cwd(&self) -> String {
        self.dir.path().display().to_string()
    }

    /// Opens a shell on the other machine, and waits for its prompt.
    pub(crate) fn shell(&self) -> Person {
        let cwd = self.cwd();
        let args = ["-r", "work", "shell", "--cwd", &cwd];
        let mut person = Person::at(self.dir.path(), env!("CARGO_BIN_EXE_paseo"), &args);
        person.wait_for("ready> ");
        person
    }

    pub(crate) fn attach(&self, id: &str) -> Person {
        let args = ["-r", "work", "terminal", "attach", id];
        Person::at(self.dir.path(), env!("CARGO_BIN_EXE_paseo"), &args)
    }

    /// The ids of the terminals that there are.
    pub(crate) fn terminals(&self) -> Vec<String> {
        let listed = self.json(&["-r", "work", "terminal", "ls", "--all"]);
        let ids = listed.as_array().unwrap().iter();
        ids.map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// The variables of every program here. `dash` takes its prompt from them, and edits no lines.
pub(crate) fn env(dir: &Path) -> Vec<(&'static str, String)> {
    let path = |name: &str| dir.join(name).display().to_string();
    vec![
        ("HOME", path("me")),
        ("PASEO_HOME", path("daemon")),
        ("PATH", std::env::var("PATH").unwrap()),
        ("PS1", "ready> ".to_owned()),
        ("SHELL", "/bin/sh".to_owned()),
        ("TERM", "xterm-256color".to_owned()),
    ]
}

pub(crate) fn paseo(dir: &Path, args: &[&str]) -> Command {
    program(dir, env!("CARGO_BIN_EXE_paseo"), args)
}

fn program(dir: &Path, program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(env(dir));
    command.current_dir(dir).stdin(Stdio::null());
    command
}

/// Somebody at a terminal, in which a program runs. It is killed when this is dropped.
pub(crate) struct Person {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    screen: mpsc::Receiver<Vec<u8>>,
    shown: Vec<u8>,
    before: String,
    master: Box<dyn MasterPty + Send>,
}

impl Person {
    pub(crate) fn at(dir: &Path, program: &str, args: &[&str]) -> Self {
        let pty = native_pty_system().openpty(size(24, 80)).unwrap();
        let before = format!("{:?}", pty.master.get_termios().unwrap());
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env_clear();
        for (name, value) in env(dir) {
            command.env(name, value);
        }
        command.cwd(dir);
        let child = pty.slave.spawn_command(command).unwrap();
        let mut reader = pty.master.try_clone_reader().unwrap();
        let (send, screen) = mpsc::sync_channel(64);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            keyboard: pty.master.take_writer().unwrap(),
            screen,
            shown: Vec::new(),
            before,
            master: pty.master,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    pub(crate) fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    pub(crate) fn resize(&self, rows: u16, cols: u16) {
        self.master.resize(size(rows, cols)).unwrap();
    }

    /// Waits until a text is shown, and returns everything up to its end that was not returned before.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        // What cannot hold the text any more is searched once.
        let mut from = 0;
        loop {
            let found = find(&self.shown[from..], text.as_bytes()).map(|at| from + at);
            if let Some(at) = found {
                let shown: Vec<u8> = self.shown.drain(..at + text.len()).collect();
                return String::from_utf8_lossy(&shown).into_owned();
            }
            from = self.shown.len().saturating_sub(text.len());
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.shown.extend(bytes),
                Err(_) => panic!("{text:?} is not shown, only {:?}", self.tail()),
            }
        }
    }

    /// Takes in what is shown until a text comes, and keeps none of it. Returns how much it was.
    pub(crate) fn watch_until(&mut self, text: &str) -> usize {
        let mut seen = std::mem::take(&mut self.shown);
        let mut length = seen.len();
        while find(&seen, text.as_bytes()).is_none() {
            seen.drain(..seen.len().saturating_sub(text.len()));
            let bytes = self.screen.recv_timeout(PATIENCE).expect("it goes on");
            length += bytes.len();
            seen.extend(bytes);
        }
        length
    }

    /// Waits for the end of the program, and returns its exit status and what it showed at last. Fails unless
    /// the terminal is in the mode in which it was at first.
    pub(crate) fn end(mut self) -> (u32, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "it does not end: {:?}",
                self.tail()
            );
            if let Ok(bytes) = self.screen.recv_timeout(Duration::from_millis(50)) {
                self.shown.extend(bytes);
            }
        };
        let after = format!("{:?}", self.master.get_termios().unwrap());
        assert_eq!(self.before, after, "the mode of the terminal");
        // The reader ends with the last writer on the other side.
        while let Ok(bytes) = self.screen.recv_timeout(Duration::from_secs(1)) {
            self.shown.extend(bytes);
        }
        let shown = String::from_utf8_lossy(&self.shown).into_owned();
        (status.exit_code(), shown)
    }

    fn tail(&self) -> String {
        let from = self.shown.len().saturating_sub(2000);
        String::from_utf8_lossy(&self.shown[from..]).into_owned()
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(rows: u16, cols: u16) -> PtySize {
    PtySize {
        rows,
        cols,
        ..PtySize::default()
    }
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}

/// Waits until something is so.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
