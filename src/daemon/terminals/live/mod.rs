//! A terminal that runs: its program, its screen, and who looks at it.

mod task;

pub(super) use task::Task;

use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};

use super::screen::Screen;
use crate::daemon::hub::Socket;
use crate::daemon::store::lock;
use crate::protocol::terminals::{RESTORE, Resize, Restore, SNAPSHOT, Size, Terminal};
use crate::transport::Frame;

/// How long the program waits for a reader that takes nothing, before it goes on without.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// Input that may wait for the program, in bytes. Then whoever sends it has to wait.
const MAX_INPUT: usize = 1024 * 1024;
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
