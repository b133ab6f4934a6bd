//! The real binary: commands that end, and servers that run until the test does.

use std::path::Path;
use std::process::{Output, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::support::within;

/// A command in a home of its own. Nothing of the machine's settings reaches it.
pub(crate) fn paseo(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paseo"));
    command
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("NO_COLOR", "1")
        .env("PASEO_BATCH", "1")
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs a command to its end.
pub(crate) async fn run(home: &Path, args: &[&str]) -> Output {
    let mut command = paseo(home, args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    within("a command", command.output()).await.unwrap()
}

/// What a command printed, which must have succeeded.
pub(crate) async fn json(home: &Path, args: &[&str]) -> serde_json::Value {
    let output = run(home, &[args, &["--json"]].concat()).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The error of a command, which must have failed with this exit status.
pub(crate) async fn error(home: &Path, args: &[&str], exit: i32) -> serde_json::Value {
    let output = run(home, &[args, &["--json"]].concat()).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(exit), "{args:?}: {stderr}");
    let start = stderr.find('{').unwrap();
    serde_json::from_str::<serde_json::Value>(&stderr[start..]).unwrap()["error"].take()
}

/// A server, killed when dropped.
pub(crate) struct Running {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, log }
    }

    /// Ends it without a chance to say anything (SIGKILL).
    pub(crate) async fn kill(&mut self) {
        within("its end", self.child.kill()).await.unwrap();
    }

    /// Asks it to end (SIGTERM).
    #[cfg(unix)]
    pub(crate) fn terminate(&self) {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        let process = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits for its end, which must be a success.
    pub(crate) async fn ended(&mut self) {
        let status = within("its end", self.child.wait()).await.unwrap();
        assert!(status.success(), "{status}");
    }

    /// Returns the rest of its log, up to its end.
    #[cfg(unix)]
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = String::new();
        let read = async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                rest += &line;
                rest.push('\n');
            }
        };
        within("the end of its log", read).await;
        rest
    }

    /// Returns the next line of its log that holds these words.
    pub(crate) async fn says(&mut self, words: &str) -> String {
        within(words, self.hears(words)).await
    }

    /// The same, for whoever has a deadline of his own.
    pub(crate) async fn hears(&mut self, words: &str) -> String {
        loop {
            let line = self.log.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("it ended without {words:?}"));
            if line.contains(words) {
                return line;
            }
        }
    }
}
