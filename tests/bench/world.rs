//! A relay and a daemon of ours, each a process, for as long as a bench runs.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The program in a home of its own, with nothing else of this machine's settings.
pub(crate) fn paseo(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paseo"));
    command
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("PASEO_CONFIG_DIR", home)
        .stdin(Stdio::null());
    command
}

/// Runs it to its end, and returns what it said on stderr.
pub(crate) fn succeed(mut command: Command) -> String {
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    told
}

/// An official program on its way to our daemon.
pub(crate) fn succeed_official(program: &str, home: &Path, args: &[&str]) -> String {
    let mut command = Command::new(program);
    command
        .args(args)
        .env("HOME", home)
        .env("PASEO_HOME", home)
        .stdin(Stdio::null());
    succeed(command)
}

/// The offer in a file, as the link that every client takes.
pub(crate) fn link(offer: &str) -> String {
    let offer = base64_simd::URL_SAFE_NO_PAD.encode_to_string(offer.trim());
    format!("https://app.paseo.sh/#offer={offer}")
}

/// The two processes.
pub(crate) struct World {
    servers: Vec<Child>,
    /// Where the relay listens.
    #[allow(dead_code, reason = "not every bench needs it")]
    pub(crate) relay: SocketAddr,
}

impl World {
    /// Ends the daemon, which the relay waits for then.
    #[allow(dead_code, reason = "not every bench needs it")]
    pub(crate) fn stop_daemon(&mut self) {
        if let Some(mut daemon) = self.servers.pop() {
            daemon.kill().unwrap();
            daemon.wait().unwrap();
        }
    }

    /// Starts both; the daemon's offer is in `offer.json` below `home`, and `agent` is what `--agent` says. The daemon
    /// finds the relay where `near` leads from its address.
    pub(crate) fn start(
        home: &Path,
        agent: &str,
        near: impl FnOnce(SocketAddr) -> SocketAddr,
    ) -> Self {
        let mut servers = Vec::new();
        let relay = ["relay", "serve", "-v", "--listen", "127.0.0.1:0"];
        let listening = serve(&mut servers, paseo(home, &relay), "listening");
        let address = listening.split("address=").nth(1).unwrap();
        let relay: SocketAddr = address.split_whitespace().next().unwrap().parse().unwrap();
        let address = near(relay).to_string();
        let daemon = ["daemon", "run", "--listen", "127.0.0.1:0", "--relay"];
        let mut daemon = paseo(home, &daemon);
        daemon.args([&*address, "--agent", agent]);
        serve(&mut servers, daemon, "connected to the relay");
        let offer = home.join("offer.json");
        let pair = ["daemon", "pair", "--save", offer.to_str().unwrap()];
        succeed(paseo(home, &pair));
        Self { servers, relay }
    }
}

/// Waits for the line of a server's log that holds a word.
fn serve(servers: &mut Vec<Child>, mut command: Command, word: &str) -> String {
    let piped = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = piped.env("NO_COLOR", "1").spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    servers.push(child);
    let line = lines.find_map(|line| line.ok().filter(|line| line.contains(word)));
    std::thread::spawn(move || lines.for_each(drop)); // a full pipe would stop the server
    line.expect("the server says that it is ready")
}

impl Drop for World {
    fn drop(&mut self) {
        for child in &mut self.servers {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
