//! The thread that writes, and tells what it could not write.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::rows::Rows;
use super::{MAX_RECORD_BYTES, Queue, RETRY_EVERY, SYNC_EVERY, Shared, StoreError, Waiter, lock};
use crate::files;

/// What the writer does next.
struct Work {
    unsynced: BTreeMap<PathBuf, Arc<Rows>>,
    pending: BTreeMap<PathBuf, Option<Vec<u8>>>,
    waiting: Vec<Waiter>,
    ended: bool,
}

/// What became of it: what failed is done again.
#[derive(Default)]
struct Failed {
    unsynced: BTreeMap<PathBuf, Arc<Rows>>,
    pending: BTreeMap<PathBuf, Option<Vec<u8>>>,
    why: BTreeMap<PathBuf, StoreError>,
}

impl Shared {
    pub(super) fn run(&self) {
        loop {
            let work = self.next();
            let failed = attempt(work.unsynced, work.pending);
            let mut queue = lock(&self.queue);
            queue.take_back(failed);
            for Waiter { paths, done } in work.waiting {
                let faults = [&queue.failing, &queue.too_large];
                let mut faults = faults.iter().flat_map(|faults| {
                    let mut paths = paths.iter();
                    paths.find_map(|path| faults.get(path))
                });
                // Who no longer waits need not be told.
                let _ = done.send(faults.next().cloned().map_or(Ok(()), Err));
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
            let sync = queue.since.map(|since| since + SYNC_EVERY);
            let due = [sync, queue.retry].into_iter().flatten().min();
            let left = due.map(|due| due.saturating_duration_since(Instant::now()));
            if queue.urgent || queue.ended || left.is_some_and(|left| left.is_zero()) {
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
        (queue.since, queue.retry, queue.urgent) = (None, None, false);
        Work {
            unsynced: std::mem::take(&mut queue.unsynced),
            pending: std::mem::take(&mut queue.pending),
            waiting: std::mem::take(&mut queue.waiting),
            ended: queue.ended,
        }
    }
}

impl Queue {
    /// Takes over what failed, unless there is something newer, and says when that begins and ends.
    fn take_back(&mut self, failed: Failed) {
        for (path, content) in failed.pending {
            self.pending.entry(path).or_insert(content);
        }
        for (path, rows) in failed.unsynced {
            self.unsynced.entry(path).or_insert(rows);
        }
        let (before, now) = (self.failing.is_empty(), failed.why.is_empty());
        self.failing = failed.why;
        match (before, now) {
            (true, false) => {
                let (path, error) = self.failing.iter().next().expect("it is not empty");
                tracing::error!(path = %path.display(), %error, "changes are refused until it can be written");
            }
            (false, true) => tracing::info!("everything is on the disk again"),
            _ => {}
        }
        if !now {
            self.retry = Some(Instant::now() + RETRY_EVERY);
        }
    }
}

fn attempt(
    unsynced: BTreeMap<PathBuf, Arc<Rows>>,
    pending: BTreeMap<PathBuf, Option<Vec<u8>>>,
) -> Failed {
    let mut failed = Failed::default();
    let mut without_rows: BTreeMap<OsString, StoreError> = BTreeMap::new();
    for (path, rows) in unsynced {
        if let Err(error) = rows.sync() {
            let error = StoreError::io(&error);
            without_rows.insert(agent_of(&path), error.clone());
            failed.why.insert(path.clone(), error);
            failed.unsynced.insert(path, rows);
        }
    }
    // Removing makes room.
    let (removed, written): (Vec<_>, Vec<_>) = pending
        .into_iter()
        .partition(|(_, content)| content.is_none());
    for (path, content) in removed.into_iter().chain(written) {
        let done = match (&content, without_rows.get(&agent_of(&path))) {
            (None, _) => {
                let removed = files::remove(&path).map(|_| ());
                removed.map_err(|error| StoreError::file(&error))
            }
            // It may tell of a turn whose rows are not there.
            (Some(_), Some(error)) => Err(error.clone()),
            (Some(content), None) => {
                let written = files::write_private(&path, content, MAX_RECORD_BYTES);
                written.map_err(|error| StoreError::file(&error))
            }
        };
        if let Err(error) = done {
            failed.why.insert(path.clone(), error);
            failed.pending.insert(path, content);
        }
    }
    failed
}

/// What record and rows of an agent have in common: its id. Other records have names of their own.
fn agent_of(path: &Path) -> OsString {
    path.file_stem().unwrap_or_default().to_owned()
}
