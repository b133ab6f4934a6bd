//! Output that comes piece by piece, while the command goes on.
//!
//! A thread writes, so that a reader that pauses (a pager) holds up neither the connection nor its pings.
//! Only so much waits for it; then [`Stream::text`] waits.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::stdout::{stdout, wrote};
use super::{Label, Settings, safe_text};

/// How many pieces wait for the writer.
const QUEUE: usize = 64;

/// A line with a label that does not go on for so long is shown as far as it is.
const LINE_PAUSE: Duration = Duration::from_millis(500);

/// Longest such line in bytes; the rest begins a new one.
const MAX_LINE: usize = 64 * 1024;

/// Whoever read stdout has left, or it cannot be written; [`Stream::finish`] tells which.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the output any more")]
pub struct ReaderGone;

enum Piece {
    Out(Vec<u8>),
    /// Bytes that no label belongs before.
    Raw(Vec<u8>),
    Err(String),
}

/// Stdout and stderr, written in the order of the calls.
#[derive(Debug)]
pub struct Stream {
    pieces: mpsc::Sender<Piece>,
    end: oneshot::Receiver<io::Result<()>>,
    terminal: bool,
    label: Option<Label>,
}

impl Stream {
    /// Starts the writer. Text for a terminal is made safe; with a label, that stands before every line.
    pub fn start(settings: &Settings) -> Self {
        let (pieces, receiver) = mpsc::channel(QUEUE);
        let (ended, end) = oneshot::channel();
        let terminal = settings.terminal;
        let before = settings
            .label
            .as_ref()
            .map(|label| label.before(terminal, settings.color));
        std::thread::spawn(move || {
            let _ = ended.send(match before {
                None => write(receiver),
                Some(before) => write_lines(receiver, &before),
            });
        });
        Self {
            pieces,
            end,
            terminal,
            label: settings.label.clone(),
        }
    }

    /// Starts the writer of a stream for the terminal itself, escape sequences included.
    pub fn for_terminal() -> Self {
        Self::start(&Settings::default())
    }

    /// Writes text to stdout, as it is: a line feed is the caller's.
    pub async fn text(&self, text: &str) -> Result<(), ReaderGone> {
        let text = safe_text(text, self.terminal).into_owned();
        self.send(Piece::Out(text.into_bytes())).await
    }

    /// Writes bytes to stdout that are meant for a terminal, escape sequences included.
    pub async fn raw(&self, bytes: Vec<u8>) -> Result<(), ReaderGone> {
        self.send(Piece::Raw(bytes)).await
    }

    /// Writes a line of JSON to stdout.
    pub async fn json_line(&self, value: &impl Serialize) -> Result<(), ReaderGone> {
        let line = super::json_line(value, self.terminal);
        let mut line = match &self.label {
            Some(label) => label.in_json(line),
            None => line,
        };
        line.push('\n');
        self.send(Piece::Raw(line.into_bytes())).await
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
        const PATIENCE: Duration = Duration::from_secs(1);
        match tokio::time::timeout(PATIENCE, self.finish()).await {
            Ok(result) => result,
            Err(_) => Ok(()),
        }
    }
}

/// Writes pieces until there are no more or one cannot be written. Flushes whenever nothing waits.
fn write(mut pieces: mpsc::Receiver<Piece>) -> io::Result<()> {
    let mut stdout = io::BufWriter::new(stdout()?);
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Piece::Out(bytes) => {
                stdout.write_all(&bytes)?;
                wrote(&bytes);
            }
            Piece::Raw(bytes) => stdout.write_all(&bytes)?,
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

/// The same with a label before every line. A line is written at once, so that those of other streams do
/// not come into it.
fn write_lines(pieces: mpsc::Receiver<Piece>, before: &str) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    runtime.block_on(label_lines(pieces, before, &mut |line| {
        let mut stdout = stdout()?.lock();
        stdout.write_all(line)?;
        stdout.flush()
    }))
}

async fn label_lines(
    mut pieces: mpsc::Receiver<Piece>,
    before: &str,
    write: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut line: Vec<u8> = Vec::new();
    let labelled = |line: &mut Vec<u8>| {
        let text = [before.as_bytes(), line, b"\n"].concat();
        line.clear();
        text
    };
    loop {
        let next = pieces.recv();
        let piece = match line.is_empty() {
            true => next.await,
            false => match tokio::time::timeout(LINE_PAUSE, next).await {
                Ok(piece) => piece,
                Err(_) => {
                    write(&labelled(&mut line))?;
                    continue;
                }
            },
        };
        match piece {
            None if line.is_empty() => return Ok(()),
            None => return write(&labelled(&mut line)),
            Some(Piece::Raw(text)) => write(&text)?,
            Some(Piece::Out(text)) => {
                for part in text.split_inclusive(|byte| *byte == b'\n') {
                    let whole = part.ends_with(b"\n");
                    line.extend_from_slice(part.strip_suffix(b"\n").unwrap_or(part));
                    // An empty line says nothing beside those of others.
                    if (whole && !line.is_empty()) || line.len() > MAX_LINE {
                        write(&labelled(&mut line))?;
                    }
                }
            }
            Some(Piece::Err(text)) => {
                let lines = text.lines().filter(|line| !line.is_empty());
                let text: String = lines.map(|line| format!("{before}{line}\n")).collect();
                // Nothing can be done when stderr cannot be written.
                let _ = io::stderr().write_all(text.as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_line_begins_with_its_label_and_none_is_kept_back() {
        let (sender, receiver) = mpsc::channel(8);
        let out = |text: &str| Piece::Out(text.as_bytes().to_vec());
        let feed = async move {
            for text in ["a", "b\nc\n\nd"] {
                sender.send(out(text)).await.unwrap();
            }
            tokio::time::sleep(LINE_PAUSE * 3).await;
            sender.send(out("e")).await.unwrap();
        };
        let mut lines = String::new();
        let mut write = |line: &[u8]| {
            lines.push_str(std::str::from_utf8(line).unwrap());
            Ok(())
        };
        let (_, written) = tokio::join!(feed, label_lines(receiver, "x | ", &mut write));
        written.unwrap();
        assert_eq!(lines, "x | ab\nx | c\nx | d\nx | e\n");
    }
}
