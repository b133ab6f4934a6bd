//! Who is honest: a relay, a daemon at it, and a home that knows the daemon as the remote `work`.

use std::path::Path;

use tempfile::TempDir;

use crate::process::{Ran, Server, paseo, run};

pub(crate) struct Honest {
    dir: TempDir,
    pub(crate) relay: Server,
    pub(crate) daemon: Server,
    /// Where they listen.
    pub(crate) relay_address: String,
    pub(crate) daemon_address: String,
}

impl Honest {
    pub(crate) fn start() -> Self {
        Self::at_relay_with(&[])
    }

    /// … at a relay with these arguments, too.
    pub(crate) fn at_relay_with(more: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let relay = relay_with(dir.path(), more);
        let relay_address = relay.said_after("address=");
        let daemon = daemon(dir.path(), &relay_address);
        let pid = std::fs::read_to_string(dir.path().join(".paseo/paseo.pid")).unwrap();
        let pid: serde_json::Value = serde_json::from_str(&pid).unwrap();
        let daemon_address = pid["listen"].as_str().unwrap().to_owned();
        let honest = Self {
            dir,
            relay,
            daemon,
            relay_address,
            daemon_address,
        };
        honest.does(&["daemon", "pair", "--save", "offer.json"]);
        honest.does(&["remote", "add", "work", "offer.json", "--store", "file"]);
        honest
    }

    pub(crate) fn home(&self) -> &Path {
        self.dir.path()
    }

    /// Kills the daemon.
    pub(crate) fn stop_daemon(&mut self) {
        self.daemon.kill();
    }

    /// Kills the daemon, and starts it again.
    pub(crate) fn restart_daemon(&mut self) {
        self.stop_daemon();
        self.daemon = daemon(self.dir.path(), &self.relay_address);
    }

    /// Runs a command that succeeds.
    pub(crate) fn does(&self, args: &[&str]) -> Ran {
        let ran = run(&args.join(" "), paseo(self.home(), args));
        assert_eq!(ran.status, 0, "{args:?}: {ran:?}");
        ran
    }

    /// Everybody is still there, and a client gets through.
    pub(crate) fn is_well(&mut self, what: &str) {
        self.does(&["-r", "work", "ls"]);
        self.relay.is_well(what);
        self.daemon.is_well(what);
    }
}

pub(crate) fn relay(home: &Path) -> Server {
    relay_with(home, &[])
}

fn relay_with(home: &Path, more: &[&str]) -> Server {
    let args = ["relay", "serve", "-v", "--listen", "127.0.0.1:0"];
    Server::start(paseo(home, &[&args, more].concat()), "address=")
}

/// A daemon whose id is planted.
pub(crate) fn daemon(home: &Path, relay: &str) -> Server {
    let args = ["daemon", "run", "--listen", "127.0.0.1:0", "--relay", relay];
    let mut command = paseo(home, &args);
    command.env("PASEO_SERVER_ID", "srv_planted1");
    Server::start(command, "connected to the relay")
}
