//! What a holder of connections tells of itself, and all of them.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::commands::Context;
use crate::commands::holder::{Holder, is_private, reach};
use crate::commands::warm::SOCKET;

/// How long it may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_millis(100);

/// Largest answer, in bytes.
const MAX_ANSWER: u64 = 16 * 1024;

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

/// Asks a holder for its status; an error when it is stuck.
pub(super) fn status_of(holder: Holder) -> io::Result<Status> {
    let mut stream = holder.stream;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.set_write_timeout(Some(ANSWER_LIMIT))?;
    let request = "GET /api/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER).read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok(serde_json::from_str(body)?)
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
        let refused =
            matches!(reach(socket), Err(error) if error.kind() == io::ErrorKind::ConnectionRefused);
        if refused {
            let _ = std::fs::remove_file(socket);
        }
        !refused
    });
    sockets
}
