//! From the keyboard to the daemon.

use std::time::Instant;

use tokio::sync::mpsc;

use super::{End, Settings};
use crate::output::Stream;
use crate::tty::{Characters, Escape, Raw, Typed, keys};

/// Pieces of input that may wait while the daemon takes none: with 16 KiB each, a megabyte. Escapes work
/// meanwhile.
const WAITING: usize = 64;

/// Exit status of a terminal that hung up, as if by the signal.
const HUNG_UP: u8 = 129;

/// Makes the queue of what is typed.
pub(super) fn queue() -> (mpsc::Sender<Vec<u8>>, mpsc::Receiver<Vec<u8>>) {
    mpsc::channel(WAITING)
}

/// The input of a session.
pub(super) struct Input<'a> {
    /// `None`: stdin is no terminal.
    pub(super) raw: Option<&'a Raw>,
    pub(super) stream: &'a Stream,
    pub(super) settings: Settings,
}

impl Input<'_> {
    /// Reads until an escape or a signal ends it. What is typed while there is no connection waits.
    pub(super) async fn read(&self, queue: mpsc::Sender<Vec<u8>>) -> End {
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
