//! The built-in daemon as a process of its own, in a sandbox.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::sandbox::{Sandbox, binary};

/// A running daemon. It is killed when this is dropped.
pub(crate) struct BuiltIn {
    pub(crate) child: Child,
    /// Where it listens.
    pub(crate) address: String,
}

impl BuiltIn {
    /// Starts it in the home of the sandbox, and waits until it listens.
    pub(crate) fn start(sandbox: &Sandbox, args: &[&str]) -> Self {
        let mut command = sandbox.command(binary().as_os_str());
        command
            .args(["daemon", "run", "--listen", "127.0.0.1:0"])
            .args(args)
            .env("NO_COLOR", "1")
            .env("PATH", "/usr/bin:/bin");
        Self::of(sandbox, command)
    }

    /// Starts it by another command, and waits until it listens.
    pub(crate) fn of(sandbox: &Sandbox, mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        let mut lines = BufReader::new(stderr).lines().map(Result::unwrap);
        let ready = lines.find(|line| line.contains("ready"));
        ready.expect("it says that it is ready");
        // Keep reading: a full pipe would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        let pid = sandbox.read("home/.paseo/paseo.pid");
        let pid: Value = serde_json::from_str(&pid).unwrap();
        let address = pid["listen"].as_str().unwrap().to_owned();
        Self { child, address }
    }
}

impl Drop for BuiltIn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
