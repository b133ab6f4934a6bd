//! What survives the process: private files under `builtin/` of the daemon's home.
//!
//! Records are replaced whole, in one step, by a thread of their own; a record that changes faster
//! than the disk takes it is written with its latest content. Timelines are appended to before their
//! rows are shown to anybody, so that no kill can take back what a client has seen. Against a power
//! failure rows are forced to the disk once in [`SYNC_EVERY`], and before any record that is written
//! after them: a record that says that a turn is over never stands without the turn.
//!
//! What cannot be written is kept and tried again every [`RETRY_EVERY`]. [`Store::saved`] tells whoever
//! answers a client whether the change is on the disk: without that no success is told, and the change
//! is taken back in memory. Whoever changes a record has it alone until that is decided ([`Store::alone`]), so
//! that nobody builds on a change that is taken back. A record that is damaged is set aside, never written over;
//! one that cannot be read at all ends the start.

mod rows;
mod undo;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedMutexGuard, oneshot};

pub(super) use self::rows::RowFile;
use self::rows::Rows;
pub(super) use self::undo::undo;
use crate::files::{self, FileError};

/// Largest record, in bytes; it holds for reading and for writing.
const MAX_RECORD_BYTES: u64 = 16 * 1024 * 1024;
/// Longest line of a timeline, in bytes: one item.
pub(super) const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;
/// How long a row may wait for the disk.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// How soon what could not be written is tried again.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Why something is not on the disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the daemon cannot store this: {0}")]
pub(super) struct StoreError(String);

impl StoreError {
    pub(super) fn file(error: &FileError) -> Self {
        let cause = std::error::Error::source(error);
        Self(match cause {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        })
    }

    pub(super) fn io(error: &std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// The files of one daemon.
#[derive(Debug, Clone)]
pub(super) struct Store {
    root: PathBuf,
    shared: Arc<Shared>,
    /// Ends the thread when the last store is dropped.
    _end: Arc<End>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    /// Who changes which record.
    changing: Mutex<BTreeMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>,
}

/// Has a record alone until it is dropped.
pub(super) type Alone = OwnedMutexGuard<()>;

#[derive(Debug, Default)]
struct Queue {
    /// Newest content by file; `None` removes it.
    pending: BTreeMap<PathBuf, Option<Vec<u8>>>,
    /// Timelines with rows that the disk may not have, and since when the first of them.
    unsynced: BTreeMap<PathBuf, Arc<Rows>>,
    since: Option<Instant>,
    /// Something is to be done at once.
    urgent: bool,
    /// What could not be written at the last try, and why. It is still pending, or unsynced.
    failing: BTreeMap<PathBuf, StoreError>,
    /// Records whose newest content is larger than a record may be, so that it is not pending.
    too_large: BTreeMap<PathBuf, StoreError>,
    /// When what failed is tried again.
    retry: Option<Instant>,
    waiting: Vec<Waiter>,
    /// Turns that wait for room, by agent.
    stalled: BTreeMap<String, StoreError>,
    /// Files that could not be read, where they are now.
    aside: Vec<PathBuf>,
    ended: bool,
}

/// Somebody who answers once these files are on the disk.
#[derive(Debug)]
struct Waiter {
    paths: Vec<PathBuf>,
    done: oneshot::Sender<Result<(), StoreError>>,
}

#[derive(Debug)]
struct End {
    shared: Arc<Shared>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Drop for End {
    fn drop(&mut self) {
        lock(&self.shared.queue).ended = true;
        self.shared.wake.notify_one();
        if let Some(thread) = lock(&self.thread).take() {
            // A thread that panicked has nothing more to write.
            let _ = thread.join();
        }
    }
}

/// Takes a lock; a holder that panicked left nothing half done that would matter here.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a change is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept<'a> {
    /// The record and the rows of an agent.
    Agent(&'a str),
    /// Projects and workspaces.
    Workspaces,
    /// Schedules and their runs.
    Schedules,
    /// What clients have set.
    Settings,
}

impl Kept<'_> {
    fn record(self) -> PathBuf {
        match self {
            Self::Agent(id) => format!("agents/{id}.json").into(),
            Self::Workspaces => "workspaces.json".into(),
            Self::Schedules => "schedules.json".into(),
            Self::Settings => "settings.json".into(),
        }
    }
}

impl Store {
    /// Opens the files of a home, making the directories.
    pub(super) fn open(home: &Path) -> Result<Self, FileError> {
        let root = home.join("builtin");
        files::create_private_dir(&root.join("agents"))?;
        files::create_private_dir(&root.join("timelines"))?;
        let shared = Arc::new(Shared::default());
        let writer = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("paseo-store".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| FileError::Io {
                action: "start the writer of",
                path: root.clone(),
                source,
            })?;
        Ok(Self {
            root,
            _end: Arc::new(End {
                shared: Arc::clone(&shared),
                thread: Mutex::new(Some(thread)),
            }),
            shared,
        })
    }

    /// Returns the directory of the files.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Saves a record. [`Store::saved`] tells what became of it.
    pub(super) fn save(&self, kept: Kept<'_>, record: &impl Serialize) {
        let path = self.path(kept);
        let content = match serde_json::to_vec(record) {
            Ok(content) if content.len() as u64 <= MAX_RECORD_BYTES => Ok(content),
            Ok(content) => Err(format!(
                "a record of {} bytes is larger than {MAX_RECORD_BYTES}",
                content.len()
            )),
            Err(error) => Err(error.to_string()),
        };
        match content {
            Ok(content) => self.put(path, Some(content)),
            Err(why) => {
                tracing::error!(path = %path.display(), why, "a record cannot be written");
                lock(&self.shared.queue)
                    .too_large
                    .insert(path, StoreError(why));
            }
        }
    }

    /// Removes a record. [`Store::saved`] tells what became of it.
    pub(super) fn remove(&self, kept: Kept<'_>) {
        self.put(self.path(kept), None);
    }

    /// Waits until nobody else changes a record, and then keeps the others waiting. Take it before the record is
    /// changed, and keep it until [`Store::saved`] has told, and the change is taken back if it has to be.
    pub(super) async fn alone(&self, kept: Kept<'_>) -> Alone {
        let turn = {
            let mut changing = lock(&self.shared.changing);
            changing.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(changing.entry(kept.record()).or_default())
        };
        turn.lock_owned().await
    }

    /// Returns once these, as they are saved by now, are on the disk; else why one of them is not.
    pub(super) async fn saved(&self, kept: &[Kept<'_>]) -> Result<(), StoreError> {
        let mut paths = Vec::new();
        for kept in kept {
            paths.push(self.path(*kept));
            if let Kept::Agent(id) = kept {
                paths.push(self.row_path(id));
            }
        }
        let (done, wait) = oneshot::channel();
        {
            let mut queue = lock(&self.shared.queue);
            queue.waiting.push(Waiter { paths, done });
            queue.urgent = true;
        }
        self.shared.wake.notify_one();
        let ended = || StoreError("the daemon ends".to_owned());
        wait.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Returns once everything that is saved by now was tried.
    pub(super) async fn flush(&self) {
        // What is not on the disk has been told in the log.
        let _ = self.saved(&[]).await;
    }

    /// Reads a record; `None` when there is none. One that is damaged, or larger than any that we write, is set
    /// aside. Whatever else keeps it from being read may pass, and nothing may be written over it.
    pub(super) fn load<T: DeserializeOwned>(&self, kept: Kept<'_>) -> Result<Option<T>, FileError> {
        let path = self.path(kept);
        let why = match files::read_private(&path, MAX_RECORD_BYTES) {
            Ok(None) => return Ok(None),
            Ok(Some(bytes)) => match serde_json::from_slice(&bytes) {
                Ok(record) => return Ok(Some(record)),
                Err(error) => error.to_string(),
            },
            Err(error @ FileError::TooLarge { .. }) => error.to_string(),
            Err(error) => return Err(error),
        };
        let aside = files::set_aside(&path)?;
        let (path, shown) = (path.display(), aside.display());
        tracing::error!(%path, aside = %shown, why, "a record is damaged and was set aside");
        lock(&self.shared.queue).aside.push(aside);
        Ok(None)
    }

    /// What a person should know about the files of this daemon; nothing when all is well.
    pub(super) fn problems(&self) -> Vec<String> {
        let queue = lock(&self.shared.queue);
        let failing = queue.failing.values().chain(queue.too_large.values());
        let first = failing.chain(queue.stalled.values()).next();
        let mut problems: Vec<String> = first.map(ToString::to_string).into_iter().collect();
        let aside = queue.aside.iter();
        problems.extend(aside.map(|path| {
            let path = path.display();
            format!("a damaged record was set aside: {path}")
        }));
        problems
    }

    /// Notes that the turn of an agent waits for room, or that it does not any more.
    pub(super) fn stalled(&self, agent: &str, why: Option<StoreError>) {
        let mut queue = lock(&self.shared.queue);
        match why {
            Some(why) => {
                if !queue.stalled.contains_key(agent) {
                    tracing::error!(agent, %why, "a turn waits, because its items cannot be stored");
                }
                queue.stalled.insert(agent.to_owned(), why);
            }
            None => {
                queue.stalled.remove(agent);
            }
        }
    }

    /// Names of the agents that have a record.
    pub(super) fn agents(&self) -> Result<Vec<String>, FileError> {
        let path = self.root.join("agents");
        let failed = |source| FileError::Io {
            action: "read",
            path: path.clone(),
            source,
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name().into_string();
            let id = name
                .ok()
                .and_then(|name| Some(name.strip_suffix(".json")?.to_owned()));
            names.extend(id.filter(|id| uuid::Uuid::try_parse(id).is_ok()));
        }
        Ok(names)
    }

    /// Opens the rows of an agent; `each` gets every whole line. A line that a kill cut off is
    /// removed. Nothing may be unsynced: see [`Store::saved`].
    pub(super) fn rows(&self, agent: &str, each: impl FnMut(&[u8])) -> std::io::Result<RowFile> {
        RowFile::open(self.row_path(agent), Arc::clone(&self.shared), each)
    }

    /// Does not wait for the rows of an agent that is to be removed.
    pub(super) fn without_rows(&self, agent: &str) {
        lock(&self.shared.queue)
            .unsynced
            .remove(&self.row_path(agent));
    }

    /// Removes the rows of an agent.
    pub(super) fn remove_rows(&self, agent: &str) {
        let path = self.row_path(agent);
        if let Err(error) = files::remove(&path) {
            tracing::warn!(%error, "a timeline cannot be removed");
        }
    }

    fn put(&self, path: PathBuf, content: Option<Vec<u8>>) {
        let mut queue = lock(&self.shared.queue);
        queue.too_large.remove(&path);
        queue.pending.insert(path, content);
        queue.urgent = true;
        self.shared.wake.notify_one();
    }

    fn path(&self, kept: Kept<'_>) -> PathBuf {
        self.root.join(kept.record())
    }

    fn row_path(&self, agent: &str) -> PathBuf {
        self.root.join("timelines").join(format!("{agent}.jsonl"))
    }
}
