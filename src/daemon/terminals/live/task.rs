//! What runs a terminal: its output to those who look, their input to its program, and its end.

use std::sync::Arc;
use std::time::Duration;

use pty_process::{OwnedReadPty, OwnedWritePty, Pty};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::{Inner, Input, Live, PATIENCE, State, frame};
use crate::daemon::processes::Running;
use crate::daemon::store::lock;
use crate::protocol::terminals::{OUTPUT, STREAM_EXIT, TerminalExit};

/// Bytes that may wait for one reader.
const MAX_WAITING: usize = 512 * 1024;
/// One that was left behind gets the screen when no more than this waits.
const CAUGHT_UP: usize = 32 * 1024;
/// How often to look whether it has.
const LOOK: Duration = Duration::from_millis(20);
/// Bytes that one read takes.
const READ: usize = 16 * 1024;
/// How long output may come after the end of the program, from what it left running.
const AFTER_THE_END: Duration = Duration::from_millis(100);

/// The one that runs a terminal.
pub(in crate::daemon::terminals) struct Task {
    pub(super) live: Arc<Live>,
    pub(super) input: mpsc::UnboundedReceiver<Input>,
}

impl Task {
    /// The terminal it runs.
    pub(in crate::daemon::terminals) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Runs the terminal until its program ends, it is killed, or the daemon stops. Returns the program if it
    /// may be alive.
    pub(in crate::daemon::terminals) async fn run(
        self,
        pty: Pty,
        mut running: Running,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<Running> {
        let (mut reader, writer) = pty.into_split();
        let Self { live, input } = self;
        let (answers, asked) = mpsc::channel(16);
        let status = {
            let reading = read(&live, &mut reader, &answers);
            let writing = write(input, asked, writer);
            let showing = show(&live);
            tokio::pin!(reading);
            let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
            tokio::select! {
                status = running.leader() => {
                    let _ = timeout(AFTER_THE_END, &mut reading).await;
                    Some(status)
                }
                // Its last program has closed the terminal.
                () = &mut reading => timeout(PATIENCE, running.leader()).await.ok(),
                () = writing => None,
                () = showing => None,
                () = live.kills.notified() => None,
                () = stopped => None,
            }
        };
        // With its last handle the terminal hangs up, which ends what still runs in it.
        drop(reader);
        end(&live, status.and_then(code));
        Some(running)
    }
}

/// Takes what the program writes, and shows it to those who look.
async fn read(live: &Live, reader: &mut OwnedReadPty, answers: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = vec![0; READ];
    // An error means that no program has the terminal any more.
    while let Ok(length @ 1..) = reader.read(&mut buffer).await {
        let waiting = {
            let mut inner = lock(&live.inner);
            let Inner {
                screen, lookers, ..
            } = &mut *inner;
            let answer = screen.take(&buffer[..length]);
            if !answer.is_empty() {
                // A program that asks and does not read gets no answer.
                let _ = answers.try_send(answer);
            }
            let mut waiting = Vec::new();
            lookers.retain(|looker| {
                let Some(socket) = looker
                    .socket
                    .upgrade()
                    .filter(|socket| !socket.outbox.is_closed())
                else {
                    return false;
                };
                if looker.state == State::Current {
                    socket
                        .outbox
                        .push(frame(OUTPUT, looker.slot, &buffer[..length]));
                    waiting.push(socket);
                }
                true
            });
            waiting
        };
        for socket in waiting {
            if timeout(PATIENCE, socket.outbox.room(MAX_WAITING))
                .await
                .is_err()
            {
                let mut inner = lock(&live.inner);
                let behind = inner.lookers.iter_mut().filter(|looker| looker.is(&socket));
                behind.for_each(|looker| looker.state = State::Behind);
            }
        }
    }
}

/// Shows the screen to those who wait for it, for ever.
async fn show(live: &Live) {
    loop {
        let behind = {
            let mut inner = lock(&live.inner);
            let Inner {
                screen, lookers, ..
            } = &mut *inner;
            for looker in lookers
                .iter_mut()
                .filter(|looker| looker.state != State::Current)
            {
                if let Some(socket) = looker.socket.upgrade()
                    && (looker.state == State::New || socket.outbox.queued() <= CAUGHT_UP)
                {
                    looker.show(screen, &socket);
                }
            }
            lookers.iter().any(|looker| looker.state == State::Behind)
        };
        match behind {
            true => drop(timeout(LOOK, live.shows.notified()).await),
            false => {
                let _ = timeout(PATIENCE, live.shows.notified()).await;
            }
        }
    }
}

/// Gives the program what is typed, and the answers to its questions.
async fn write(
    mut input: mpsc::UnboundedReceiver<Input>,
    mut answers: mpsc::Receiver<Vec<u8>>,
    mut writer: OwnedWritePty,
) {
    loop {
        let (bytes, _permit) = tokio::select! {
            Some(answer) = answers.recv() => (answer, None),
            Some(input) = input.recv() => match input {
                Input::Bytes(bytes, permit) => (bytes, Some(permit)),
                Input::Size(size) => {
                    // A terminal that has ended has no size.
                    let _ = writer.resize(pty_process::Size::new(size.rows, size.cols));
                    continue;
                }
            },
        };
        if writer.write_all(&bytes).await.is_err() {
            // Its end is noticed where it is read.
            std::future::pending::<()>().await;
        }
    }
}

/// Tells those who look that it has ended.
fn end(live: &Live, exit_code: Option<u8>) {
    let exit = TerminalExit {
        terminal_id: live.id.clone(),
        exit_code,
    };
    for looker in std::mem::take(&mut lock(&live.inner).lookers) {
        if let Some(socket) = looker.socket.upgrade() {
            socket.send(STREAM_EXIT, &exit);
            lock(&socket.terminals).give_back(&live.id);
        }
    }
}

fn code(status: std::io::Result<std::process::ExitStatus>) -> Option<u8> {
    use std::os::unix::process::ExitStatusExt;
    let status = status.ok()?;
    let number = status.code().or_else(|| Some(128 + status.signal()?))?;
    u8::try_from(number).ok()
}
