//! Servers of ours: the real binary, that runs until the test ends.

#![allow(dead_code, reason = "each binary of tests uses some of it")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A server. Killed when dropped.
pub(crate) struct Server(pub(crate) Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Starts it, and waits for the line of its log that holds a word.
    pub(crate) fn start(command: &mut Command, word: &str) -> (Self, String) {
        let command = command.env("NO_COLOR", "1").stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let server = Self(child);
        let mut lines = BufReader::new(stderr).lines().map(Result::unwrap);
        let line = lines.find(|line| line.contains(word));
        let line = line.expect("the server says that it is ready");
        // Keep reading: a full pipe would stop the server.
        std::thread::spawn(move || lines.for_each(drop));
        (server, line)
    }

    /// Starts a relay with this command, and returns where it listens.
    pub(crate) fn relay(command: &mut Command) -> (Self, String) {
        let (relay, line) = Self::start(command.arg("-v"), "listening");
        let address = line.split("address=").nth(1).unwrap();
        let address = address.split_whitespace().next().unwrap();
        (relay, address.to_owned())
    }

    /// As `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// As `kill` does; waits for its end.
    pub(crate) fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}
