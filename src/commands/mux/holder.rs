//! A holder, seen through its socket.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::net::sockopt::socket_peercred;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde::{Deserialize, Serialize};

use crate::commands::Context;
use crate::commands::warm::{SOCKET, is_private};

/// How long it may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_millis(100);

/// How long it may take to end by itself.
const END_LIMIT: Duration = Duration::from_secs(1);

/// Largest answer, in bytes.
const MAX_ANSWER: u64 = 16 * 1024;

/// A process that listens on one of our sockets.
pub(super) struct Holder {
    stream: UnixStream,
    /// The process.
    pub(super) pid: Pid,
}

/// What a holder tells of itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    /// The remote.
    pub(super) remote: String,
    /// Sessions that wait for a command.
    pub(super) ready: usize,
    /// Commands that are at work.
    pub(super) sessions: usize,
    /// Commands so far.
    pub(super) served: usize,
    /// How long there was none.
    pub(super) idle_seconds: u64,
}

impl Holder {
    /// Finds who listens on a socket; `None` when nobody does. The system tells whose the process is.
    pub(super) fn at(socket: &Path) -> Option<Self> {
        let stream = UnixStream::connect(socket).ok()?;
        let peer = socket_peercred(&stream).ok()?;
        let ours = peer.uid == rustix::process::geteuid();
        ours.then_some(Self {
            stream,
            pid: peer.pid,
        })
    }

    /// Asks for its status; an error when it is stuck.
    pub(super) fn status(mut self) -> io::Result<Status> {
        self.stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        self.stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        let request = "GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        self.stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        self.stream.take(MAX_ANSWER).read_to_string(&mut answer)?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Ok(serde_json::from_str(body)?)
    }

    /// Ends the process, stuck or not.
    pub(super) fn stop(self) {
        let _ = kill_process(self.pid, Signal::TERM);
        let deadline = Instant::now() + END_LIMIT;
        while test_kill_process(self.pid).is_ok() {
            if Instant::now() > deadline {
                let _ = kill_process(self.pid, Signal::KILL);
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Returns all sockets of ours, in the order of their names. Those on which nobody listens are removed.
pub(super) fn sockets(context: &Context) -> Vec<PathBuf> {
    let dir = context.env.runtime_dir().filter(|dir| is_private(dir));
    let entries = dir.and_then(|dir| std::fs::read_dir(dir).ok());
    let paths = entries.into_iter().flatten().flatten();
    let mut sockets: Vec<_> = paths
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == SOCKET)
        })
        .collect();
    sockets.sort();
    sockets.retain(|socket| {
        let refused = UnixStream::connect(socket).is_err();
        if refused {
            let _ = std::fs::remove_file(socket);
        }
        !refused
    });
    sockets
}
