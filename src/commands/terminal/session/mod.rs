//! An interactive session with a terminal of the daemon's machine: what is typed here goes there, and what
//! its programs write comes back, until either side ends it.

mod input;
mod output;
mod signals;

use std::io::IsTerminal;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::sync::mpsc;

use self::input::Input;
use self::output::View;
use self::signals::Signals;
use crate::client::{CallError, DaemonClient, Events, REPLY_TIMEOUT};
use crate::commands::failure;
use crate::commands::lifeline::{self, Lifeline};
use crate::error::{CommandError, Exit, Hop};
use crate::output::Stream;
use crate::protocol::terminals::{
    INPUT, RESIZE, RESTORE_MODES, Resize, Restore, Size, SubscribeTerminal, UnsubscribeTerminal,
};
use crate::tty::{self, EscapeChar, Raw};

/// How much of the terminal's output may wait here. Then the daemon has to wait, or to leave something out.
const MAX_WAITING_BYTES: u32 = 1024 * 1024;

/// How long the daemon is told goodbye.
const GOODBYE: Duration = Duration::from_millis(100);

/// How a session ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The program in the terminal ended, with its status if the daemon tells.
    Exited(Option<u8>),
    /// The person left; the terminal is still there.
    Detached,
    /// A signal ended it: 128 and its number. The terminal is still there.
    Stopped(u8),
    /// Nobody reads stdout any more. The terminal is still there.
    ReaderGone,
}

/// What a session is to be like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// What begins an escape.
    pub(super) escape: EscapeChar,
    /// What is typed when the input ends that is no terminal.
    pub(super) last_words: &'static str,
}

/// The size of the terminal that this process has, if it has one.
pub(super) fn size() -> Option<Size> {
    tty::size().map(|(cols, rows)| Size { rows, cols })
}

/// Has a session until it ends, over as many connections as it takes where a person sees the screen. The modes of
/// the terminal are as before then, whatever the end was.
pub(super) async fn run(
    lifeline: &mut Lifeline<'_>,
    terminal_id: &str,
    settings: Settings,
) -> Result<End, CommandError> {
    let mut signals = Signals::catch()?;
    let mut connection = Connection::open(lifeline, terminal_id).await?;
    let typed = std::io::stdin().is_terminal();
    let raw = match typed {
        true => Some(Raw::enter(std::io::stdin()).map_err(|error| {
            let message = "the terminal cannot be put into raw mode";
            CommandError::new("TERMINAL_MODE_FAILED", Exit::Failed, message).because(error)
        })?),
        false => None,
    };
    let stream = Stream::for_terminal();
    let mut view = View::new(connection.restores(), terminal_id, &stream);
    let (queue, mut waiting) = input::queue();
    let input = Input {
        raw: raw.as_ref(),
        stream: &stream,
        settings,
    };
    // What was written meanwhile is seen on the screen; a file would have a hole there. And what a script typed
    // at last may have been run or not.
    let survives = typed && std::io::stdout().is_terminal();
    let end = {
        let mut reading = pin!(input.read(queue));
        loop {
            let (ending, mut sizes) = signals.split();
            let Connection { line, events } = &mut connection;
            let end = tokio::select! {
                end = view.show(line, events) => end,
                error = line.type_in(&mut waiting) => Err(error),
                end = &mut reading => Ok(end),
                status = ending => Ok(End::Stopped(status)),
                error = line.follow(&mut sizes, raw.as_ref()) => Err(error),
            };
            let error = match end {
                Err(error) if survives && lifeline::is_loss(&error) => error,
                Err(error) if !typed => break Err(unknown(error)),
                end => break end,
            };
            view.say(&told(&error, settings.escape)).await;
            let (ending, _) = signals.split();
            let again = async {
                lifeline.reconnect(error, &mut |_| {}).await?;
                Connection::open(lifeline, terminal_id).await
            };
            connection = tokio::select! {
                again = again => match again {
                    Ok(connection) => connection,
                    Err(error) if lifeline::is_loss(&error) => continue,
                    Err(error) => break Err(error),
                },
                end = &mut reading => break Ok(end),
                status = ending => break Ok(End::Stopped(status)),
            };
            view.wait_for_screen();
        }
    };
    let undo = view.undo();
    if matches!(end, Ok(End::Detached | End::Stopped(_) | End::ReaderGone)) {
        let terminal_id = terminal_id.to_owned();
        // A session that comes back within a while would get its output otherwise.
        let unsubscribe = UnsubscribeTerminal { terminal_id };
        let goodbye = connection.line.daemon.tell(&unsubscribe);
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }
    // What ended the session may have come before the last words were written.
    let last = async {
        if stream.raw(undo).await.is_ok() && matches!(end, Ok(End::Exited(_))) {
            return stream.finish().await;
        }
        stream.finish_soon().await
    };
    let (ending, _) = signals.split();
    tokio::select! {
        written = last => drop(written),
        _ = ending => {}
    }
    drop(raw);
    end
}

/// Says that the connection was lost, and how to leave.
fn told(error: &CommandError, escape: EscapeChar) -> String {
    let mut told = lifeline::lost(error);
    if let Some(escape) = escape.shown() {
        told += &format!(" ({escape}. leaves)");
    }
    told
}

/// What was typed may have been run, or not.
fn unknown(mut error: CommandError) -> CommandError {
    if lifeline::is_loss(&error) {
        error.exit = Exit::Timeout;
        error.retryable = false;
    }
    error
}

/// One connection of a session.
struct Connection {
    line: Line,
    events: Events,
}

impl Connection {
    /// Asks for the terminal's output on the connection of now.
    async fn open(lifeline: &Lifeline<'_>, terminal_id: &str) -> Result<Self, CommandError> {
        let daemon = lifeline.daemon();
        let mut events = daemon.events_within(MAX_WAITING_BYTES);
        let slot = subscribe(&daemon, &mut events, terminal_id).await?;
        let line = Line { daemon, slot };
        if !line.restores() {
            line.resize().await?;
        }
        Ok(Self { line, events })
    }

    fn restores(&self) -> bool {
        self.line.restores()
    }
}

/// Asks for the terminal's output, and takes its size over. Returns the slot of its frames.
async fn subscribe(
    daemon: &DaemonClient,
    events: &mut Events,
    terminal_id: &str,
) -> Result<u8, CommandError> {
    let restores = daemon.server().has(RESTORE_MODES);
    let request = SubscribeTerminal {
        terminal_id: terminal_id.to_owned(),
        restore: restores.then(|| Restore {
            mode: "visible-snapshot".to_owned(),
            scrollback_lines: Some(0),
            size: size(),
        }),
    };
    let reply = daemon.start(&request).await?.wait(Some(REPLY_TIMEOUT));
    tokio::pin!(reply);
    let reply = loop {
        // What comes before the reply is left from an earlier session, but has to be taken: the reply is
        // behind it.
        tokio::select! {
            biased;
            reply = &mut reply => break reply?,
            Some(_) = events.recv() => {}
        }
    };
    let error = reply.error;
    let slot = reply.slot;
    slot.ok_or_else(|| failure::says("TERMINAL_ATTACH_FAILED", error))
}

/// The way to the terminal on the other side.
struct Line {
    daemon: Rc<DaemonClient>,
    slot: u8,
}

impl Line {
    /// Whether the daemon sends the screen of a terminal with its modes.
    fn restores(&self) -> bool {
        self.daemon.server().has(RESTORE_MODES)
    }

    /// Sends what is typed for ever; returns why that is no longer possible. The piece that was on its way then
    /// may have arrived or not, and is not sent again.
    async fn type_in(&self, waiting: &mut mpsc::Receiver<Vec<u8>>) -> CommandError {
        while let Some(piece) = waiting.recv().await {
            if let Err(error) = self.send(INPUT, &piece).await {
                return self.lost(error);
            }
        }
        std::future::pending().await
    }

    /// Sends a frame.
    async fn send(&self, opcode: u8, content: &[u8]) -> Result<(), CallError> {
        let mut frame = BytesMut::with_capacity(content.len() + 2);
        frame.put_slice(&[opcode, self.slot]);
        frame.put_slice(content);
        self.daemon.send_binary(Bytes::from(frame)).await
    }

    /// Gives the other side the size of this terminal.
    async fn resize(&self) -> Result<(), CallError> {
        let Some(size) = size() else { return Ok(()) };
        // Daemons that know nothing of owners refuse the word.
        let intent = self.restores();
        let resize = Resize {
            rows: size.rows,
            cols: size.cols,
            intent: intent.then(|| "claim".to_owned()),
        };
        let content = serde_json::to_vec(&resize).expect("a size is a struct with string keys");
        self.send(RESIZE, &content).await
    }

    /// Follows the size of this terminal for ever; returns why that is no longer possible.
    async fn follow(&self, sizes: &mut signals::Sizes<'_>, raw: Option<&Raw>) -> CommandError {
        loop {
            sizes.changed().await;
            // Whoever had the terminal while this process was stopped may have changed its mode. One that
            // is gone is noticed when nothing can be read from it.
            let _ = raw.map(Raw::again);
            if let Err(error) = self.resize().await {
                return self.lost(error);
            }
        }
    }

    /// Says why the connection is gone.
    fn lost(&self, error: CallError) -> CommandError {
        let why = self.daemon.ended().unwrap_or(error);
        let message = "the connection to the daemon was lost";
        CommandError::new("CONNECTION_LOST", Exit::DaemonOffline, message)
            .at(Hop::Daemon)
            .because(why)
            .retryable()
    }
}
