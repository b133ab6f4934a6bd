//! A relay, a daemon, and a client that reaches them over a [`Road`].

use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::road::Road;
use crate::server::Server;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The daemon is saved as the remote `work`, on the other side of the road.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) road: Road,
    /// … and the daemon's own road to the relay, where it has one.
    pub(crate) backbone: Option<Road>,
    pub(crate) relay_at: SocketAddr,
    /// Where the daemon finds the relay.
    near_daemon: SocketAddr,
    relay: Option<Server>,
    daemon: Option<Server>,
}

impl Drop for World {
    fn drop(&mut self) {
        // What keeps connections ready would outlive the test.
        let _ = self.run(&["mux", "stop"]);
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::start(|relay_at| relay_at, |_| None)
    }

    /// Makes one whose daemon reaches the relay over a road, too.
    pub(crate) fn with_backbone() -> Self {
        Self::start(|relay_at| relay_at, |relay_at| Some(Road::to(relay_at)))
    }

    /// Makes one with something between client and relay, and between relay and daemon: it is given an address, and
    /// returns another one that leads there.
    pub(crate) fn apart(between: impl Fn(SocketAddr) -> SocketAddr) -> Self {
        Self::start(between, |_| None)
    }

    fn start(
        between: impl Fn(SocketAddr) -> SocketAddr,
        backbone: impl Fn(SocketAddr) -> Option<Road>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (relay, relay_at) = relay(&dir, "127.0.0.1:0");
        let backbone = backbone(relay_at);
        let near_daemon = match &backbone {
            Some(road) => SocketAddr::from(([127, 0, 0, 1], road.port)),
            None => between(relay_at),
        };
        let mut world = Self {
            road: Road::to(between(relay_at)),
            backbone,
            dir,
            relay_at,
            near_daemon,
            relay: Some(relay),
            daemon: None,
        };
        world.start_daemon();
        world.json(&["daemon", "pair", "--save", "offer.json"]);
        world.saves("work", world.road.port);
        world
    }

    /// Saves the daemon as a remote that is reached over the road from this port.
    pub(crate) fn saves(&self, name: &str, port: u16) {
        let offer = std::fs::read(self.dir.path().join("offer.json")).unwrap();
        let mut offer: Value = serde_json::from_slice(&offer).unwrap();
        offer["relay"]["endpoint"] = format!("127.0.0.1:{port}").into();
        let file = format!("{name}.json");
        std::fs::write(self.dir.path().join(&file), offer.to_string()).unwrap();
        let add = ["remote", "add", name, &file, "--store", "file", "--again"];
        self.json(&add);
    }

    pub(crate) fn start_daemon(&mut self) {
        let relay = self.near_daemon.to_string();
        let args = [
            "daemon",
            "run",
            "--listen",
            "127.0.0.1:0",
            "--agent",
            "mock=mock:",
            "--relay",
            &relay,
        ];
        let (daemon, _) = Server::start(&mut self.command(&args), "connected to the relay");
        self.daemon = Some(daemon);
    }

    /// The process of the relay.
    pub(crate) fn relay_pid(&self) -> u32 {
        self.relay.as_ref().unwrap().0.id()
    }

    /// … and that of the daemon.
    pub(crate) fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().unwrap().0.id()
    }

    /// Kills the daemon, as a power failure would.
    pub(crate) fn kill_daemon(&mut self) {
        self.daemon = None;
    }

    pub(crate) fn restart_relay(&mut self) {
        self.relay = None;
        let relay_at = self.relay_at.to_string();
        self.relay = Some(relay(&self.dir, &relay_at).0);
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        paseo(&self.dir, args)
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Starts an agent that does what the words say; returns its id. Not over the road.
    pub(crate) fn agent(&self, words: &str) -> String {
        let cwd = self.dir.path().display().to_string();
        let run = ["run", words, "--provider", "mock", "--cwd", &cwd, "-d"];
        let id = self.json(&run)["agentId"].clone();
        id.as_str().unwrap().to_owned()
    }
}

fn paseo(dir: &TempDir, args: &[&str]) -> Command {
    let path = |name: &str| dir.path().join(name).display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_paseo"));
    command.args(args).env_clear();
    command
        .env("HOME", path("me"))
        .env("PASEO_HOME", path("daemon"))
        .env("PATH", std::env::var("PATH").unwrap())
        .env("PS1", "ready> ")
        .env("SHELL", "/bin/sh")
        .env("TERM", "xterm-256color")
        .current_dir(dir.path())
        .stdin(Stdio::null());
    command
}

fn relay(dir: &TempDir, listen: &str) -> (Server, SocketAddr) {
    let args = ["relay", "serve", "--listen", listen];
    let (relay, address) = Server::relay(&mut paseo(dir, &args));
    (relay, address.parse().unwrap())
}

/// Waits until something is so.
pub(crate) fn until(what: &str, is_so: impl FnMut() -> bool) {
    until_within(PATIENCE, || what.to_owned(), is_so);
}

/// The same for so long; `what` is asked when it has not happened.
pub(crate) fn until_within(
    patience: Duration,
    what: impl Fn() -> String,
    mut is_so: impl FnMut() -> bool,
) {
    let deadline = Instant::now() + patience;
    while !is_so() {
        assert!(Instant::now() < deadline, "{}", what());
        std::thread::sleep(Duration::from_millis(20));
    }
}
