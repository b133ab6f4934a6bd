//! From the keyboard to the daemon.

use std::time::Instant;

use tokio::sync::mpsc;

use super::{End, Line, Settings};
use crate::error::CommandError;
use crate::output::Stream;
use crate::protocol::terminals::INPUT;
use crate::tty::{Characters, Escape, Raw, Typed, keys};

/// Pieces of input that may wait while the daemon takes none: with 16 KiB each, a megabyte. Escapes work
/// meanwhile.
const WAITING: usize = 64;

/// Exit status of a terminal that hung up, as if by the signal.
const HUNG_UP: u8 = 129;

/// The input of a session.
pub(super) struct Input<'a> {
    pub(super) line: &'a Line<'a>,
    /// `None`: stdin is no terminal.
    pub(super) raw: Option<&'a Raw>,
    pub(super) stream: &'a Stream,
    pub(super) settings: Settings,
}

impl Input<'_> {
    /// Sends what is typed until an escape ends it.
    pub(super) async fn run(&self) -> Result<End, CommandError> {
        let (queue, mut waiting) = mpsc::channel::<Vec<u8>>(WAITING);
        let sending = async {
            while let Some(piece) = waiting.recv().await {
                if let Err(error) = self.line.send(INPUT, &piece).await {
                    return self.line.lost(error);
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            error = sending => Err(error),
            end = self.read(queue) => Ok(end),
        }
    }

    async fn read(&self, queue: mpsc::Sender<Vec<u8>>) -> End {
        let mut keys = keys();
        // In a file an escape is text as any other.
        let none = "none".parse().expect("it is a word for no escape");
        let mut escape = Escape::new(if self.raw.is_some() {
            self.settings.escape
        } else {
            none
        });
        let mut characters = Characters::default();
        let mut last = b'\n';
        while let Some(bytes) = keys.recv().await {
            last = bytes.last().copied().unwrap_or(last);
            for typed in escape.take(&bytes, Instant::now()) {
                match typed {
                    Typed::Bytes(bytes) => {
                        let piece = characters.whole(bytes);
                        // Sending fails only when the whole session is over.
                        if !piece.is_empty() {
                            let _ = queue.send(piece).await;
                        }
                    }
                    Typed::Detach => return End::Detached,
                    Typed::Help => self.help().await,
                    Typed::Suspend => self.suspend(),
                }
            }
        }
        if self.raw.is_some() {
            return End::Stopped(HUNG_UP);
        }
        let mut rest = characters.rest();
        if last != b'\n' {
            rest.push(b'\n');
        }
        rest.extend(self.settings.last_words.as_bytes());
        let _ = queue.send(rest).await;
        // The other side ends it now.
        std::future::pending().await
    }

    async fn help(&self) {
        let escape = self.settings.escape.shown().unwrap_or_default();
        let help = format!(
            "{escape}?\r\n\
             {escape}.   leave; the terminal stays as it is\r\n\
             {escape}^Z  stop this program; fg brings it back\r\n\
             {escape}?   this\r\n\
             {escape}{escape}   {escape} itself\r\n\
             (each after Enter)\r\n"
        );
        // Nobody reads it when the output is gone.
        let _ = self.stream.raw(help.into_bytes()).await;
    }

    /// Stops this process, as Ctrl-Z would. It goes on here.
    fn suspend(&self) {
        use rustix::process::{Signal, getpid, kill_process};
        if let Some(raw) = self.raw {
            raw.pause();
            // A shell without job control does not stop anybody; then nothing happened.
            let _ = kill_process(getpid(), Signal::TSTP);
            let _ = raw.again();
        }
    }
}
