//! From the daemon to the screen.

use std::io::IsTerminal;

use super::{End, Line, size};
use crate::client::{CallError, Event, Events};
use crate::error::CommandError;
use crate::output::{ReaderGone, Stream};
use crate::protocol::screen::Screen;
use crate::protocol::terminals::{OUTPUT, RESTORE, SNAPSHOT, STREAM_EXIT, TerminalExit};
use crate::transport::{Closed, TransportError};
use crate::tty::{Answered, Filter, erase, paint, scroll_away};

/// How much is handed to the writer at once: little, so that little waits for a slow terminal.
const PIECE: usize = 32 * 1024;

/// What is shown of the terminal on the other side.
pub(super) struct View<'a> {
    terminal_id: &'a str,
    stream: &'a Stream,
    filter: Filter,
    /// Whether stdout is a terminal, on which a screen can be painted.
    terminal: bool,
    painted: bool,
    /// Whether the screen of this connection came.
    current: bool,
}

impl<'a> View<'a> {
    /// Shows nothing yet.
    pub(super) fn new(restores: bool, terminal_id: &'a str, stream: &'a Stream) -> Self {
        let answered = match restores {
            true => Answered::More,
            false => Answered::Kind,
        };
        Self {
            terminal_id,
            stream,
            filter: Filter::new(answered),
            terminal: std::io::stdout().is_terminal(),
            painted: false,
            current: false,
        }
    }

    /// Shows what comes until the end.
    pub(super) async fn show(
        &mut self,
        line: &Line,
        events: &mut Events,
    ) -> Result<End, CommandError> {
        while let Some(event) = events.recv().await {
            match event {
                Event::Binary(frame) => {
                    if let [opcode, slot, content @ ..] = &frame[..]
                        && *slot == line.slot
                        && self.frame(*opcode, content).await.is_err()
                    {
                        return Ok(End::ReaderGone);
                    }
                }
                Event::Message { kind, payload } if kind == STREAM_EXIT => {
                    if let Ok(exit) = serde_json::from_str::<TerminalExit>(payload.get())
                        && exit.terminal_id == self.terminal_id
                    {
                        return Ok(End::Exited(exit.exit_code));
                    }
                }
                Event::Message { .. } => {}
            }
        }
        let closed = std::sync::Arc::new(TransportError::Closed(Closed::default()));
        Err(line.lost(CallError::Lost {
            source: closed,
            mutates: false,
        }))
    }

    /// Leaves out what comes on a new connection before its screen, which replaces the old one.
    pub(super) fn wait_for_screen(&mut self) {
        self.current = false;
    }

    /// Says something of the session itself, on a line of its own.
    pub(super) async fn say(&self, text: &str) {
        // Nobody reads it when the output is gone.
        let _ = self
            .stream
            .raw(format!("\r\n{text}\r\n").into_bytes())
            .await;
    }

    /// Returns what brings the modes of the terminal back that programs have changed.
    pub(super) fn undo(&self) -> Vec<u8> {
        match self.terminal {
            true => self.filter.undo(),
            false => Vec::new(),
        }
    }

    async fn frame(&mut self, opcode: u8, content: &[u8]) -> Result<(), ReaderGone> {
        match opcode {
            // What comes before the screen belongs to an earlier session.
            OUTPUT if self.current => self.write(content).await,
            // A pipe has no screen: it gets what is written from now on.
            SNAPSHOT | RESTORE if !self.terminal => {
                self.current = true;
                Ok(())
            }
            SNAPSHOT => {
                // A snapshot that cannot be read is none.
                let Ok(screen) = serde_json::from_slice::<Screen<'_>>(content) else {
                    return Ok(());
                };
                self.prepare().await?;
                self.write(paint(&screen).as_bytes()).await
            }
            RESTORE => {
                self.prepare().await?;
                self.write(content).await
            }
            _ => Ok(()),
        }
    }

    /// Makes room for a screen. The first one moves away what is shown; later ones come when the daemon had
    /// to leave something out, and replace the screen before.
    async fn prepare(&mut self) -> Result<(), ReaderGone> {
        self.filter.cut();
        let room = match (self.painted, size()) {
            (false, Some(size)) => scroll_away(size.rows),
            _ => erase().to_owned(),
        };
        (self.painted, self.current) = (true, true);
        self.write(room.as_bytes()).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), ReaderGone> {
        for piece in bytes.chunks(PIECE) {
            let mut shown = Vec::with_capacity(piece.len());
            self.filter.pass(piece, &mut shown);
            if !shown.is_empty() {
                self.stream.raw(shown).await?;
            }
        }
        Ok(())
    }
}
