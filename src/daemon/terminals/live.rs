//! A terminal that runs: its program, its screen, and who looks at it.

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use pty_process::{OwnedReadPty, OwnedWritePty, Pty};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::timeout;

use super::screen::Screen;
use crate::daemon::hub::Socket;
use crate::daemon::processes::Running;
use crate::daemon::store::lock;
use crate::protocol::terminals::{
    OUTPUT, RESTORE, Resize, Restore, SNAPSHOT, STREAM_EXIT, Size, Terminal, TerminalExit,
};
use crate::transport::Frame;

/// How long the program waits for a reader that takes nothing, before it goes on without.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes that may wait for one reader.
const MAX_WAITING: usize = 512 * 1024;
/// One that was left behind gets the screen when no more than this waits.
const CAUGHT_UP: usize = 32 * 1024;
/// How often to look whether it has.
const LOOK: Duration = Duration::from_millis(20);
/// Input that may wait for the program, in bytes. Then whoever sends it has to wait.
const MAX_INPUT: usize = 1024 * 1024;
/// Bytes that one read takes.
const READ: usize = 16 * 1024;
/// How long output may come after the end of the program, from what it left running.
const AFTER_THE_END: Duration = Duration::from_millis(100);
/// Lines above the screen that a restore may ask for, and how many it gets when it does not say.
const MAX_RESTORED: u64 = 500;
const USUALLY_RESTORED: u64 = 200;

/// A terminal. The task of [`Task`] runs it.
#[derive(Debug)]
pub(in crate::daemon) struct Live {
    pub(in crate::daemon) id: String,
    pub(super) name: String,
    pub(super) cwd: String,
    pub(in crate::daemon) workspace_id: String,
    program: Option<String>,
    inner: Mutex<Inner>,
    input: mpsc::UnboundedSender<Input>,
    room: Arc<Semaphore>,
    /// Somebody waits for the screen.
    shows: Arc<Notify>,
    kills: Notify,
}

struct Inner {
    screen: Screen,
    lookers: Vec<Looker>,
    /// The socket that has the size.
    owner: Option<u64>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inner")
    }
}

/// A socket that looks at it.
struct Looker {
    socket: Weak<Socket>,
    slot: u8,
    how: Option<Restore>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Gets the screen next.
    New,
    /// Gets the screen once there is room.
    Behind,
    /// Gets what is written.
    Current,
}

enum Input {
    Bytes(Vec<u8>, OwnedSemaphorePermit),
    Size(Size),
}

/// What a terminal is made of.
pub(super) struct New {
    pub(super) name: String,
    pub(super) cwd: String,
    pub(super) workspace_id: String,
    pub(super) program: Option<String>,
    pub(super) screen: Screen,
}

/// The one that runs a terminal.
pub(super) struct Task {
    live: Arc<Live>,
    input: mpsc::UnboundedReceiver<Input>,
}

impl Live {
    /// Makes one, and the task to run it.
    pub(super) fn new(new: New) -> (Arc<Self>, Task) {
        let (sender, input) = mpsc::unbounded_channel();
        let live = Arc::new(Self {
            id: uuid::Uuid::new_v4().to_string(),
            name: new.name,
            cwd: new.cwd,
            workspace_id: new.workspace_id,
            program: new.program,
            inner: Mutex::new(Inner {
                screen: new.screen,
                lookers: Vec::new(),
                owner: None,
            }),
            input: sender,
            room: Arc::new(Semaphore::new(MAX_INPUT)),
            shows: Arc::default(),
            kills: Notify::new(),
        });
        let task = Task {
            live: Arc::clone(&live),
            input,
        };
        (live, task)
    }

    /// As clients see it.
    pub(in crate::daemon) fn shown(&self) -> Terminal {
        let title = lock(&self.inner).screen.title().map(str::to_owned);
        Terminal {
            id: self.id.clone(),
            name: self.name.clone(),
            cwd: Some(self.cwd.clone()),
            workspace_id: Some(self.workspace_id.clone()),
            title: title.or_else(|| self.program.clone()),
            activity: None,
        }
    }

    /// Types into it. Waits while too much waits already.
    pub(in crate::daemon) async fn type_in(&self, bytes: Vec<u8>) {
        let cost = u32::try_from(bytes.len().clamp(1, MAX_INPUT)).unwrap_or(u32::MAX);
        if let Ok(permit) = Arc::clone(&self.room).acquire_many_owned(cost).await {
            // When it has ended, nobody reads.
            let _ = self.input.send(Input::Bytes(bytes, permit));
        }
    }

    /// Gives it a size, if this socket may: it claims the size, or has it.
    pub(in crate::daemon) fn resize(&self, socket: &Socket, resize: &Resize) {
        let mut inner = lock(&self.inner);
        if resize.intent.as_deref() == Some("update") && inner.owner != Some(socket.id) {
            return;
        }
        inner.owner = Some(socket.id);
        let size = Size {
            rows: resize.rows,
            cols: resize.cols,
        };
        if inner.screen.size() != size {
            let size = inner.screen.resize(size);
            let _ = self.input.send(Input::Size(size));
        }
    }

    /// Shows it to a socket from now on: the screen once the [`Notify`] is told, and then what is written.
    pub(in crate::daemon) fn look(
        &self,
        socket: &Arc<Socket>,
        how: Option<Restore>,
    ) -> Option<(u8, Arc<Notify>)> {
        if let Some(size) = how.as_ref().and_then(|how| how.size) {
            let Size { rows, cols } = size;
            let intent = None;
            self.resize(socket, &Resize { rows, cols, intent });
        }
        let mut inner = lock(&self.inner);
        let slot = lock(&socket.terminals).take(&self.id)?;
        inner.lookers.retain(|looker| !looker.is(socket));
        inner.lookers.push(Looker {
            socket: Arc::downgrade(socket),
            slot,
            how,
            state: State::New,
        });
        Some((slot, Arc::clone(&self.shows)))
    }

    /// Shows it to a socket no longer.
    pub(in crate::daemon) fn look_away(&self, socket: &Arc<Socket>) {
        lock(&self.inner)
            .lookers
            .retain(|looker| !looker.is(socket));
        lock(&socket.terminals).give_back(&self.id);
    }

    /// Lines of it; see [`Screen::capture`].
    pub(in crate::daemon) fn capture(
        &self,
        start: Option<i64>,
        end: Option<i64>,
        ansi: bool,
    ) -> (Vec<String>, u64) {
        lock(&self.inner).screen.capture(start, end, ansi)
    }

    /// Ends it.
    pub(in crate::daemon) fn kill(&self) {
        self.kills.notify_one();
    }
}

impl Looker {
    fn is(&self, socket: &Arc<Socket>) -> bool {
        std::ptr::eq(self.socket.as_ptr(), Arc::as_ptr(socket))
    }

    /// Sends the screen, unless only what is written from now on is wanted.
    fn show(&mut self, screen: &mut Screen, socket: &Socket) {
        let new = std::mem::replace(&mut self.state, State::Current) == State::New;
        let (opcode, content) = match &self.how {
            Some(how) if how.mode == "live" && new => return,
            Some(how) => {
                let lines = match how.mode.as_str() {
                    "full-snapshot" => u64::MAX,
                    _ => how
                        .scrollback_lines
                        .unwrap_or(USUALLY_RESTORED)
                        .min(MAX_RESTORED),
                };
                let lines = usize::try_from(lines).unwrap_or(usize::MAX);
                (RESTORE, screen.restore(lines))
            }
            None => match serde_json::to_vec(&screen.shown()) {
                Ok(json) => (SNAPSHOT, json),
                Err(error) => return tracing::error!(%error, "a screen cannot be written"),
            },
        };
        socket.outbox.push(frame(opcode, self.slot, &content));
    }
}

fn frame(opcode: u8, slot: u8, content: &[u8]) -> Frame {
    let mut bytes = BytesMut::with_capacity(content.len() + 2);
    bytes.put_slice(&[opcode, slot]);
    bytes.put_slice(content);
    Frame::Binary(bytes.freeze())
}

impl Task {
    /// The terminal it runs.
    pub(super) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Runs the terminal until its program ends, it is killed, or the daemon stops. Returns the program if it
    /// may be alive.
    pub(super) async fn run(
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
