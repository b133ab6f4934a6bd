//! Two machines and a relay between them, with the real binary; what is asked goes over the relay.

#![allow(dead_code, reason = "each binary of tests uses some of it")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::server::Server;

pub(crate) struct World {
    dir: TempDir,
    env: Vec<(&'static str, String)>,
    agents: Vec<String>,
    /// Where the relay listens.
    pub(crate) address: String,
    pub(crate) relay: Option<Server>,
    pub(crate) daemon: Option<Server>,
}

impl World {
    /// Starts relay and daemon, and saves the daemon as the remote `work`.
    pub(crate) fn new(agents: &[impl AsRef<str>]) -> Self {
        let world = Self::start(agents);
        world.json(&["daemon", "pair", "--save", "offer.json"]);
        world.json(&["remote", "add", "work", "offer.json", "--store", "file"]);
        world
    }

    /// Starts relay and daemon.
    pub(crate) fn start(agents: &[impl AsRef<str>]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), agents)
    }

    /// Starts relay and daemon in a directory that a test has prepared; `daemon` in it is the daemon's home.
    pub(crate) fn start_in(dir: TempDir, agents: &[impl AsRef<str>]) -> Self {
        let mut relay = paseo(dir.path(), &["relay", "serve", "--listen", "127.0.0.1:0"]);
        let (server, address) = Server::relay(&mut relay);
        let mut world = Self {
            address,
            env: Vec::new(),
            agents: agents
                .iter()
                .map(|agent| agent.as_ref().to_owned())
                .collect(),
            daemon: None,
            relay: Some(server),
            dir,
        };
        world.start_daemon();
        world
    }

    /// Sets a variable for all commands from here on.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        self.env.push((name, value.to_owned()));
    }

    /// Starts the daemon, again.
    pub(crate) fn start_daemon(&mut self) {
        let mut daemon = paseo(self.dir(), &["daemon", "run", "--listen", "127.0.0.1:0"]);
        daemon.args(["--relay", &self.address]);
        for agent in &self.agents {
            daemon.args(["--agent", agent]);
        }
        self.daemon = Some(Server::start(&mut daemon, "connected to the relay").0);
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The directory of the test, as the daemon knows it.
    pub(crate) fn cwd(&self) -> String {
        self.dir().display().to_string()
    }

    /// A command line, not yet run.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = paseo(self.dir(), args);
        let env = self.env.iter().map(|(name, value)| (name, value));
        command.envs(env);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command that succeeds.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {stderr}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Runs a command against the daemon over the relay, with this exit status.
    pub(crate) fn remote(&self, status: i32, args: &[&str]) -> Value {
        let output = self.run(&[&["-r", "work"], args, &["--json"]].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {stderr}");
        let out = if output.stdout.is_empty() {
            &output.stderr
        } else {
            &output.stdout
        };
        serde_json::from_slice(out).unwrap_or_else(|_| panic!("{args:?}: {stderr}"))
    }

    /// What `logs` prints.
    pub(crate) fn logs(&self, id: &str) -> String {
        let output = self.run(&["-r", "work", "logs", id]);
        String::from_utf8(output.stdout).unwrap()
    }
}

pub(crate) fn paseo(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paseo"));
    #[allow(
        clippy::disallowed_methods,
        reason = "programs are found where the test finds them"
    )]
    let path = std::env::var_os("PATH").unwrap();
    command
        .args(args)
        .env_clear()
        .current_dir(dir)
        .stdin(Stdio::null())
        .env("HOME", dir.join("me"))
        .env("PASEO_HOME", dir.join("daemon"))
        .env("PATH", path);
    command
}
