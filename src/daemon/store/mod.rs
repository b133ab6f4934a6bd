//! What survives the process: private files under `builtin/` of the daemon's home.
//!
//! Records are replaced whole, in one step, by a thread of their own; a record that changes faster
//! than the disk takes it is written with its latest content. Timelines are appended to before their
//! rows are shown to anybody, so that no kill can take back what a client has seen. Against a power
//! failure rows are forced to the disk once in [`SYNC_EVERY`], and before any record that is written
//! after them: a record that says that a turn is over never stands without the turn.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::files::{self, FileError};

/// Largest record, in bytes.
const MAX_RECORD_BYTES: u64 = 16 * 1024 * 1024;
/// Longest line of a timeline, in bytes: one item.
pub(super) const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;
/// How long a row may wait for the disk.
const SYNC_EVERY: Duration = Duration::from_secs(1);

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
}

#[derive(Debug, Default)]
struct Queue {
    /// Newest content by file; `None` removes it.
    pending: BTreeMap<PathBuf, Option<Vec<u8>>>,
    /// Timelines with rows that the disk may not have, and since when the first of them.
    unsynced: BTreeMap<PathBuf, Arc<File>>,
    since: Option<Instant>,
    waiting: Vec<oneshot::Sender<()>>,
    ended: bool,
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

    /// Saves a record under a name of ours, such as `workspaces` or `agents/<id>`.
    pub(super) fn save(&self, name: &str, record: &impl Serialize) {
        match serde_json::to_vec(record) {
            Ok(content) => self.put(self.record(name), Some(content)),
            Err(error) => tracing::error!(name, %error, "a record cannot be written"),
        }
    }

    /// Removes a record.
    pub(super) fn remove(&self, name: &str) {
        self.put(self.record(name), None);
    }

    /// Returns when everything saved so far is on disk.
    pub(super) async fn saved(&self) {
        let (done, wait) = oneshot::channel();
        lock(&self.shared.queue).waiting.push(done);
        self.shared.wake.notify_one();
        // The thread ends only after it has served everybody.
        let _ = wait.await;
    }

    /// Reads a record; `None` when there is none or it is of no use.
    pub(super) fn load<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let path = self.record(name);
        let read = files::read_private(&path, MAX_RECORD_BYTES);
        match read.map(|content| content.map(|bytes| serde_json::from_slice(&bytes))) {
            Ok(None) => None,
            Ok(Some(Ok(record))) => Some(record),
            Ok(Some(Err(error))) => {
                tracing::warn!(path = %path.display(), %error, "a record is damaged and is left out");
                None
            }
            Err(error) => {
                tracing::warn!(%error, "a record cannot be read and is left out");
                None
            }
        }
    }

    /// Names of the agents that have a record.
    pub(super) fn agents(&self) -> Vec<String> {
        let Ok(dir) = std::fs::read_dir(self.root.join("agents")) else {
            return Vec::new();
        };
        dir.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
            .filter(|name| uuid::Uuid::try_parse(name).is_ok())
            .collect()
    }

    /// Opens the rows of an agent; `each` gets every whole line. A line that a kill cut off is
    /// removed.
    pub(super) fn rows(&self, agent: &str, each: impl FnMut(&[u8])) -> std::io::Result<RowFile> {
        RowFile::open(self.row_path(agent), Arc::clone(&self.shared), each)
    }

    /// Removes the rows of an agent.
    pub(super) fn remove_rows(&self, agent: &str) {
        if let Err(error) = files::remove(&self.row_path(agent)) {
            tracing::warn!(%error, "a timeline cannot be removed");
        }
    }

    fn put(&self, path: PathBuf, content: Option<Vec<u8>>) {
        lock(&self.shared.queue).pending.insert(path, content);
        self.shared.wake.notify_one();
    }

    fn record(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.json"))
    }

    fn row_path(&self, agent: &str) -> PathBuf {
        self.root.join("timelines").join(format!("{agent}.jsonl"))
    }
}

/// What the writer does next.
#[derive(Default)]
struct Work {
    unsynced: BTreeMap<PathBuf, Arc<File>>,
    pending: BTreeMap<PathBuf, Option<Vec<u8>>>,
    waiting: Vec<oneshot::Sender<()>>,
    ended: bool,
}

impl Shared {
    fn run(&self) {
        loop {
            let work = self.next();
            for (path, file) in work.unsynced {
                if let Err(error) = file.sync_data() {
                    tracing::error!(path = %path.display(), %error, "a timeline is not on the disk");
                }
            }
            for (path, content) in work.pending {
                let done = match content {
                    Some(content) => files::write_private(&path, &content),
                    None => files::remove(&path).map(|_| ()),
                };
                if let Err(error) = done {
                    tracing::error!(%error, "a record cannot be written");
                }
            }
            for waiter in work.waiting {
                // Who no longer waits need not be told.
                let _ = waiter.send(());
            }
            if work.ended {
                return;
            }
        }
    }

    /// Waits until there is something to do.
    fn next(&self) -> Work {
        let mut queue = lock(&self.queue);
        loop {
            let due = queue.since.map(|since| since + SYNC_EVERY);
            let left = due.map(|due| due.saturating_duration_since(Instant::now()));
            let urgent = !queue.pending.is_empty() || !queue.waiting.is_empty() || queue.ended;
            if urgent || left.is_some_and(|left| left.is_zero()) {
                break;
            }
            // A holder of the lock that panicked left nothing half done.
            queue = match left {
                Some(left) => {
                    let waited = self.wake.wait_timeout(queue, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let waited = self.wake.wait(queue);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
        queue.since = None;
        Work {
            unsynced: std::mem::take(&mut queue.unsynced),
            pending: std::mem::take(&mut queue.pending),
            waiting: std::mem::take(&mut queue.waiting),
            ended: queue.ended,
        }
    }
}

/// The rows of one agent on disk: one JSON object a line.
#[derive(Debug)]
pub(super) struct RowFile {
    path: PathBuf,
    file: Arc<File>,
    shared: Arc<Shared>,
}

impl RowFile {
    fn open(
        path: PathBuf,
        shared: Arc<Shared>,
        mut each: impl FnMut(&[u8]),
    ) -> std::io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        let mut whole = 0;
        loop {
            line.clear();
            let limit = MAX_LINE_BYTES as u64 + 1;
            let read = (&mut reader).take(limit).read_until(b'\n', &mut line)?;
            if line.pop() != Some(b'\n') {
                break;
            }
            whole += read as u64;
            each(&line);
        }
        file.set_len(whole)?;
        (&file).seek(SeekFrom::End(0))?;
        let file = Arc::new(file);
        Ok(Self { path, file, shared })
    }

    /// Appends one row, a line of JSON without line break.
    pub(super) fn append(&mut self, mut line: Vec<u8>) -> std::io::Result<()> {
        line.push(b'\n');
        (&*self.file).write_all(&line)?;
        let mut queue = lock(&self.shared.queue);
        if !queue.unsynced.contains_key(&self.path) {
            let file = Arc::clone(&self.file);
            queue.unsynced.insert(self.path.clone(), file);
        }
        if queue.since.is_none() {
            queue.since = Some(Instant::now());
            self.shared.wake.notify_one();
        }
        Ok(())
    }
}
