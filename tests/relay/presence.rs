//! A client whose daemon is not there yet.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use paseo::relay::Config;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use tokio::sync::mpsc;

use crate::binary::{Running, paseo, run};
use crate::support::{Relay, within};

/// Makes the daemon's identity, and returns its pairing link.
async fn pair(home: &Path, relay: &Relay) -> String {
    let mut command = paseo(home, &["daemon", "pair", "-q"]);
    command
        .env("PASEO_RELAY_ENABLED", "1")
        .env("PASEO_RELAY_ENDPOINT", &relay.authority)
        .stdout(std::process::Stdio::piped());
    let output = within("the offer", command.output()).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn daemon(home: &Path, relay: &Relay) -> Running {
    let args = ["daemon", "run", "--listen", "127.0.0.1:0", "--relay"];
    Running::start(&mut paseo(
        home,
        &[&args[..], &[&*relay.authority]].concat(),
    ))
}

/// A program on a terminal: what it shows, and how it ends.
struct Shown {
    output: mpsc::UnboundedReceiver<Vec<u8>>,
    text: String,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Shown {
    fn start(home: &Path, args: &[&str]) -> Self {
        let pty = native_pty_system().openpty(PtySize::default()).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_paseo"));
        command.args(args);
        command.env_clear();
        command.env("HOME", home);
        command.env("NO_COLOR", "1");
        command.cwd(home);
        let child = pty.slave.spawn_command(command).unwrap();
        let mut reader = pty.master.try_clone_reader().unwrap();
        let (send, output) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                let _ = send.send(buffer[..length].to_vec());
            }
        });
        Self {
            output,
            text: String::new(),
            child,
            _master: pty.master,
        }
    }

    async fn wait_for(&mut self, words: &str) {
        while !self.text.contains(words) {
            let bytes = within(words, self.output.recv()).await;
            let bytes = bytes.unwrap_or_else(|| panic!("{words:?} is not in {:?}", self.text));
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    async fn end(mut self) -> u32 {
        let end = tokio::task::spawn_blocking(move || self.child.wait().unwrap().exit_code());
        within("its end", end).await.unwrap()
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// On a terminal it waits, and says so; it goes on the moment the daemon comes.
#[tokio::test]
async fn on_a_terminal_it_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::with(Config::default());
    let link = pair(dir.path(), &relay).await;
    let patient = ["ls", "--connect-timeout", "30s", "--relay", &link];
    let mut shown = Shown::start(dir.path(), &patient);
    shown.wait_for("waiting for it, at most").await;
    let _daemon = daemon(dir.path(), &relay);
    assert_eq!(shown.end().await, 0);
    drop(_daemon);
    let started = std::time::Instant::now();
    let impatient = ["ls", "--connect-timeout", "1s", "--relay", &link];
    let mut shown = Shown::start(dir.path(), &impatient);
    shown.wait_for("the daemon is not connected to it").await;
    assert_eq!(shown.end().await, 7);
    assert!(started.elapsed() >= Duration::from_millis(900));
}

/// Nobody sees a script wait.
#[tokio::test]
async fn in_batch_it_fails_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::with(Config::default());
    let link = pair(dir.path(), &relay).await;
    let args = ["ls", "--connect-timeout", "1h", "--relay", &link];
    let ran = run(dir.path(), &args).await;
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(7), "{said}");
    assert!(said.contains("the daemon is not connected to it"), "{said}");
}
