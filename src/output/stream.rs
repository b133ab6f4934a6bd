//! Output that comes piece by piece, while the command goes on.
//!
//! A thread writes, so that a reader that pauses (a pager) holds up neither the connection nor its pings.
//! Only so much waits for it; then [`Stream::text`] waits.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::safe_text;

/// How many pieces wait for the writer.
const QUEUE: usize = 64;

/// Whoever read stdout has left, or it cannot be written; [`Stream::finish`] tells which.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the output any more")]
pub struct ReaderGone;

enum Piece {
    Out(Vec<u8>),
    Err(String),
}

/// Stdout and stderr, written in the order of the calls.
#[derive(Debug)]
pub struct Stream {
    pieces: mpsc::Sender<Piece>,
    end: oneshot::Receiver<io::Result<()>>,
    terminal: bool,
}

impl Stream {
    /// Starts the writer. Text for a terminal is made safe.
    pub fn start(terminal: bool) -> Self {
        let (pieces, receiver) = mpsc::channel(QUEUE);
        let (ended, end) = oneshot::channel();
        std::thread::spawn(move || {
            let _ = ended.send(write(receiver));
        });
        Self {
            pieces,
            end,
            terminal,
        }
    }

    /// Writes text to stdout, as it is: a line feed is the caller's.
    pub async fn text(&self, text: &str) -> Result<(), ReaderGone> {
        let text = safe_text(text, self.terminal).into_owned();
        self.send(Piece::Out(text.into_bytes())).await
    }

    /// Writes bytes to stdout that are meant for a terminal, escape sequences included.
    pub async fn raw(&self, bytes: Vec<u8>) -> Result<(), ReaderGone> {
        self.send(Piece::Out(bytes)).await
    }

    /// Writes a line of JSON to stdout.
    pub async fn json_line(&self, value: &impl Serialize) -> Result<(), ReaderGone> {
        let mut line = serde_json::to_string(value).expect("output is structs with string keys");
        line.push('\n');
        self.send(Piece::Out(line.into_bytes())).await
    }

    /// Writes text to stderr, after what stdout already got.
    pub async fn warn(&self, text: &str) -> Result<(), ReaderGone> {
        let text = safe_text(text, io::stderr().is_terminal()).into_owned();
        self.send(Piece::Err(text)).await
    }

    async fn send(&self, piece: Piece) -> Result<(), ReaderGone> {
        self.pieces.send(piece).await.map_err(|_| ReaderGone)
    }

    /// Waits until everything is written. A closed pipe is no error: whoever read has seen enough.
    pub async fn finish(self) -> io::Result<()> {
        drop(self.pieces);
        match self.end.await {
            Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Ok(result) => result,
            Err(_) => Err(io::Error::other("the writer ended")),
        }
    }

    /// The same for somebody who wants to leave: what a reader does not take soon is given up.
    pub async fn finish_soon(self) -> io::Result<()> {
        const PATIENCE: Duration = Duration::from_millis(300);
        match tokio::time::timeout(PATIENCE, self.finish()).await {
            Ok(result) => result,
            Err(_) => Ok(()),
        }
    }
}

/// Writes pieces until there are no more or one cannot be written. Flushes whenever nothing waits.
fn write(mut pieces: mpsc::Receiver<Piece>) -> io::Result<()> {
    let mut stdout = io::BufWriter::new(io::stdout());
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Piece::Out(bytes) => stdout.write_all(&bytes)?,
            Piece::Err(text) => {
                stdout.flush()?;
                // Nothing can be done when stderr cannot be written.
                let _ = io::stderr().write_all(text.as_bytes());
            }
        }
        if pieces.is_empty() {
            stdout.flush()?;
        }
    }
    stdout.flush()
}
