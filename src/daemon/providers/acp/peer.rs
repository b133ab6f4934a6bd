//! The agent's process and the lines to and from it.
//!
//! Lines are read only as fast as they are used: an agent that floods waits at its own pipe. One that
//! does not read what it is sent is given up once [`WAITING`] lines wait.

use std::collections::VecDeque;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};

use anstream::adapter::strip_str;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::rpc::{self, Incoming};
use crate::daemon::processes::{Processes, Running};
use crate::daemon::store::lock;

/// Longest line of the agent, in bytes.
const MAX_LINE_BYTES: u64 = 8 * 1024 * 1024;
/// Lines that may wait, in each direction.
const WAITING: usize = 64;
/// Lines on standard output that are no messages and are passed over; some agents greet there.
const MAX_GARBAGE: usize = 100;
/// Of these, how many are kept to explain an early end.
const KEPT_GARBAGE: usize = 5;
/// Bytes of standard error that are kept, the last ones.
const MAX_STDERR_BYTES: usize = 4 * 1024;
/// Bytes of a line that are shown.
const SHOWN_BYTES: usize = 400;

/// Why there is no more to be had from an agent.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    /// It ended.
    #[error("the agent ended ({}){}", how(.status), explained(.stderr, .stdout))]
    Ended {
        /// Its exit status.
        status: Option<ExitStatus>,
        /// The end of its standard error.
        stderr: String,
        /// The end of its standard output, as far as that was no message.
        stdout: String,
    },
    /// It writes something else.
    #[error("the agent does not speak ACP: it wrote {0:?}")]
    Garbage(String),
    /// A line has no end.
    #[error("the agent wrote a line of more than {MAX_LINE_BYTES} bytes")]
    TooLong,
    /// It takes nothing.
    #[error("the agent does not read what it is sent")]
    Deaf,
}

fn how(status: &Option<ExitStatus>) -> String {
    status.map_or_else(
        || "nobody knows how".to_owned(),
        |status| status.to_string(),
    )
}

/// What it said last: on standard error, else where only messages belong.
fn explained(stderr: &str, stdout: &str) -> String {
    match (stderr.trim(), stdout) {
        ("", "") => String::new(),
        ("", said) => format!("; it wrote: {said}"),
        (said, _) => format!(": {said}"),
    }
}

enum Read {
    Message(Incoming),
    Garbage(String),
    TooLong,
}

/// An agent that runs. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Peer {
    /// How it ended, once it has.
    ended: oneshot::Receiver<Option<ExitStatus>>,
    /// Asks it to end, once.
    end: Option<oneshot::Sender<()>>,
    incoming: mpsc::Receiver<Read>,
    outgoing: mpsc::Sender<Vec<u8>>,
    stderr: Arc<Mutex<Vec<u8>>>,
    status: Option<Option<ExitStatus>>,
    garbage: usize,
    /// The last of it.
    wrote: VecDeque<String>,
    last_id: u64,
    _tasks: JoinSet<()>,
}

impl Peer {
    /// Starts the agent; its standard streams are ours.
    pub(super) fn start(processes: &Arc<Processes>, mut command: Command) -> std::io::Result<Self> {
        use std::process::Stdio;
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut running = processes.spawn(command)?;
        let (lines, incoming) = mpsc::channel(WAITING);
        let (outgoing, waiting) = mpsc::channel(WAITING);
        let stderr = Arc::<Mutex<Vec<u8>>>::default();
        let mut tasks = JoinSet::new();
        if let Some(stdout) = running.stdout() {
            tasks.spawn(read(stdout, lines));
        }
        if let Some(stdin) = running.stdin() {
            tasks.spawn(write(stdin, waiting));
        }
        if let Some(errors) = running.stderr() {
            tasks.spawn(keep_tail(errors, Arc::clone(&stderr)));
        }
        let (end, asked) = oneshot::channel();
        let (told, ended) = oneshot::channel();
        tasks.spawn(watch(running, asked, told));
        Ok(Self {
            ended,
            end: Some(end),
            incoming,
            outgoing,
            stderr,
            status: None,
            garbage: 0,
            wrote: VecDeque::new(),
            last_id: 0,
            _tasks: tasks,
        })
    }

    /// Whether it still talks.
    pub(super) fn is_alive(&self) -> bool {
        !self.incoming.is_closed()
    }

    /// Returns the last line of its standard error that has a word in it, if there is one.
    pub(super) fn last_words(&self) -> Option<String> {
        let stderr = String::from_utf8_lossy(&lock(&self.stderr)).into_owned();
        let last = stderr.lines().rev().map(str::trim);
        // What a program prints of its objects ends with a bracket.
        let has_word = |line: &&str| line.chars().filter(|c| c.is_alphanumeric()).count() > 2;
        last.into_iter()
            .find(has_word)
            .map(|line| shown(line.as_bytes()))
    }

    /// Sends a request and returns its id.
    pub(super) fn request(&mut self, method: &str, params: Value) -> Result<u64, Lost> {
        self.last_id += 1;
        self.send(rpc::request(self.last_id, method, params))?;
        Ok(self.last_id)
    }

    /// Sends a line.
    pub(super) fn send(&self, line: Vec<u8>) -> Result<(), Lost> {
        match self.outgoing.try_send(line) {
            Err(mpsc::error::TrySendError::Full(_)) => Err(Lost::Deaf),
            // That it has gone shows when it is read from.
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }

    /// Has it end, and returns how it did.
    async fn ends(&mut self) -> Option<ExitStatus> {
        if let Some(status) = self.status {
            return status;
        }
        if let Some(end) = self.end.take() {
            // It has ended already when nobody hears this.
            let _ = end.send(());
        }
        let status = (&mut self.ended).await.ok().flatten();
        self.status = Some(status);
        status
    }

    /// The next message. May be given up and called again.
    pub(super) async fn next(&mut self) -> Result<Incoming, Lost> {
        loop {
            let line = tokio::select! {
                biased;
                line = self.incoming.recv() => line,
                // What it started may hold its standard output open; that ends with it.
                status = &mut self.ended, if self.status.is_none() => {
                    self.status = Some(status.ok().flatten());
                    continue;
                }
            };
            match line {
                Some(Read::Message(message)) => return Ok(message),
                Some(Read::TooLong) => return Err(Lost::TooLong),
                Some(Read::Garbage(line)) => {
                    self.garbage += 1;
                    if self.garbage > MAX_GARBAGE {
                        return Err(Lost::Garbage(line));
                    }
                    if self.wrote.len() == KEPT_GARBAGE {
                        self.wrote.pop_front();
                    }
                    self.wrote.push_back(line);
                }
                None => {
                    let status = self.ends().await;
                    let stderr =
                        strip_str(&String::from_utf8_lossy(&lock(&self.stderr))).to_string();
                    let stdout = self.wrote.make_contiguous().join("\n");
                    return Err(Lost::Ended {
                        status,
                        stderr,
                        stdout,
                    });
                }
            }
        }
    }
}

/// Watches the process at all times: what it started ends with it, between two turns as well.
async fn watch(
    mut running: Running,
    asked: oneshot::Receiver<()>,
    told: oneshot::Sender<Option<ExitStatus>>,
) {
    let status = tokio::select! {
        status = running.wait() => status,
        Ok(()) = asked => running.end().await,
    };
    // Nobody waits any more when this cannot be told.
    let _ = told.send(status.ok());
}

async fn read(stdout: impl AsyncRead + Unpin, lines: mpsc::Sender<Read>) {
    let mut stdout = BufReader::new(stdout);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut stdout).take(MAX_LINE_BYTES);
        match limited.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let whole = line.last() == Some(&b'\n');
        if !whole && line.len() as u64 >= MAX_LINE_BYTES {
            // Nobody waits any more when this cannot be told.
            let _ = lines.send(Read::TooLong).await;
            return;
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let read = match rpc::decode(line) {
            Ok(message) => Read::Message(message),
            Err(rpc::Malformed) => Read::Garbage(shown(line)),
        };
        if lines.send(read).await.is_err() {
            return;
        }
    }
}

fn shown(line: &[u8]) -> String {
    let cut = line.len().min(SHOWN_BYTES);
    let text = String::from_utf8_lossy(&line[..cut]);
    // Programs colour what they log, also where no terminal is.
    let mut text = strip_str(&text).to_string();
    if cut < line.len() {
        text.push('…');
    }
    text
}

async fn write(mut stdin: ChildStdin, mut lines: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        if stdin.write_all(&line).await.is_err() {
            return;
        }
    }
}

async fn keep_tail(mut errors: impl AsyncRead + Unpin, kept: Arc<Mutex<Vec<u8>>>) {
    let mut piece = [0; 1024];
    while let Ok(read) = errors.read(&mut piece).await
        && read > 0
    {
        let mut kept = lock(&kept);
        kept.extend_from_slice(&piece[..read]);
        let excess = kept.len().saturating_sub(MAX_STDERR_BYTES);
        kept.drain(..excess);
    }
}
