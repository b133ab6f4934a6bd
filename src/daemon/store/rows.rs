//! The rows of one agent on disk: one JSON object a line.
//!
//! Bytes are kept in memory until the disk has them. A failed append is cut back to the last whole
//! line. After a failed sync the system may call pages clean that it has never written, so the bytes
//! are written once more before the next sync.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::{MAX_LINE_BYTES, Shared, lock};

/// Bytes that may wait for the disk; then nothing more is taken.
const MAX_WAITING: usize = 2 * MAX_LINE_BYTES;

/// What the writer needs of a timeline.
#[derive(Debug)]
pub(super) struct Rows {
    path: PathBuf,
    file: File,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Where the next row begins.
    end: u64,
    /// How much the disk has for sure.
    synced: u64,
    /// What lies between.
    waiting: Vec<u8>,
    /// There may be half a row behind `end`.
    torn: bool,
    /// The system may have lost what waits.
    rewrite: bool,
    /// The directory may not have it yet.
    new: bool,
    /// How often rows were cut off.
    cuts: u64,
}

impl Rows {
    /// Forces the rows to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        let (size, cuts) = {
            let mut state = lock(&self.state);
            if state.rewrite {
                write_at(&self.file, state.synced, &state.waiting)?;
                state.rewrite = false;
            }
            (state.waiting.len(), state.cuts)
        };
        // Without the lock: rows may come meanwhile.
        let synced = self.file.sync_data().and_then(|()| self.sync_name());
        let mut state = lock(&self.state);
        if let Err(error) = synced {
            state.rewrite = true;
            return Err(error);
        }
        // What was cut off meanwhile may have made place for other rows.
        if state.cuts == cuts {
            state.waiting.drain(..size);
            state.synced += size as u64;
        }
        Ok(())
    }

    /// Forces the name of a new file to the disk.
    fn sync_name(&self) -> io::Result<()> {
        if !lock(&self.state).new {
            return Ok(());
        }
        #[cfg(unix)]
        if let Some(dir) = self.path.parent() {
            File::open(dir)?.sync_all()?;
        }
        lock(&self.state).new = false;
        Ok(())
    }
}

fn write_at(mut file: &File, at: u64, bytes: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

/// A timeline that can be added to.
#[derive(Debug)]
pub(in crate::daemon) struct RowFile {
    rows: Arc<Rows>,
    shared: Arc<Shared>,
}

impl RowFile {
    pub(super) fn open(
        path: PathBuf,
        shared: Arc<Shared>,
        each: impl FnMut(&[u8]),
    ) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        let end = whole_lines(&file, each)?;
        // A kill may have cut the last row off.
        file.set_len(end)?;
        let state = State {
            end,
            synced: end,
            waiting: Vec::new(),
            torn: false,
            rewrite: false,
            new: end == 0,
            cuts: 0,
        };
        let state = Mutex::new(state);
        let rows = Arc::new(Rows { path, file, state });
        Ok(Self { rows, shared })
    }

    /// Appends one row, a line of JSON without line break. All of it is in the file afterwards, or none.
    pub(in crate::daemon) fn append(&mut self, mut line: Vec<u8>) -> io::Result<()> {
        line.push(b'\n');
        {
            let mut state = lock(&self.rows.state);
            if state.waiting.len() + line.len() > MAX_WAITING {
                return Err(io::Error::other("the disk does not take the last rows"));
            }
            if state.torn {
                self.rows.file.set_len(state.end)?;
                state.torn = false;
            }
            if let Err(error) = write_at(&self.rows.file, state.end, &line) {
                state.torn = self.rows.file.set_len(state.end).is_err();
                return Err(error);
            }
            state.end += line.len() as u64;
            state.waiting.extend(line);
        }
        let mut queue = lock(&self.shared.queue);
        if !queue.unsynced.contains_key(&self.rows.path) {
            let rows = Arc::clone(&self.rows);
            queue.unsynced.insert(self.rows.path.clone(), rows);
        }
        if queue.since.is_none() {
            queue.since = Some(Instant::now());
            self.shared.wake.notify_one();
        }
        Ok(())
    }

    /// Where the next row begins.
    pub(in crate::daemon) fn end(&self) -> u64 {
        lock(&self.rows.state).end
    }

    /// Cuts off the rows from here on.
    pub(in crate::daemon) fn cut(&mut self, end: u64) {
        let mut state = lock(&self.rows.state);
        state.cuts += 1;
        // Where that is refused now, it comes before the next row.
        state.torn = self.rows.file.set_len(end).is_err();
        state.end = end;
        state.synced = state.synced.min(end);
        let left = usize::try_from(end - state.synced).unwrap_or(usize::MAX);
        state.waiting.truncate(left);
    }
}

/// Reads whole lines, and returns where the last one ends. A line that is longer than a row can be is
/// passed over.
fn whole_lines(file: &File, mut each: impl FnMut(&[u8])) -> io::Result<u64> {
    let mut reader = BufReader::new(file);
    let (mut line, mut whole, mut at, mut too_long) = (Vec::new(), 0, 0, false);
    loop {
        line.clear();
        let limit = MAX_LINE_BYTES as u64 + 1;
        let read = (&mut reader).take(limit).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(whole);
        }
        at += read as u64;
        if line.pop() != Some(b'\n') {
            too_long = true;
            continue;
        }
        whole = at;
        if !std::mem::take(&mut too_long) {
            each(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &std::path::Path) -> (RowFile, Vec<String>) {
        let mut lines = Vec::new();
        let each = |line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
        let rows = RowFile::open(path.to_owned(), Arc::default(), each).unwrap();
        (rows, lines)
    }

    #[test]
    fn a_torn_row_is_cut_off_and_swallows_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows");
        std::fs::write(&path, "1\n2\nhalf").unwrap();
        let (mut rows, lines) = open(&path);
        assert_eq!(lines, ["1", "2"]);
        rows.append(b"3".to_vec()).unwrap();
        // As a failed append leaves it.
        write_at(&rows.rows.file, rows.end(), b"half").unwrap();
        lock(&rows.rows.state).torn = true;
        rows.append(b"4".to_vec()).unwrap();
        assert_eq!(open(&path).1, ["1", "2", "3", "4"]);
    }

    #[test]
    fn a_line_that_is_too_long_costs_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows");
        let long = "x".repeat(MAX_LINE_BYTES + 5);
        std::fs::write(&path, format!("1\n{long}\n2\n{long}")).unwrap();
        assert_eq!(open(&path).1, ["1", "2"]);
        let left = std::fs::metadata(&path).unwrap().len();
        assert_eq!(left, long.len() as u64 + 5, "the long line stays");
    }

    #[test]
    fn rows_that_are_cut_are_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows");
        let (mut rows, _) = open(&path);
        rows.append(b"1".to_vec()).unwrap();
        rows.rows.sync().unwrap();
        let end = rows.end();
        rows.append(b"2".to_vec()).unwrap();
        rows.cut(end);
        rows.append(b"3".to_vec()).unwrap();
        rows.rows.sync().unwrap();
        assert_eq!(open(&path).1, ["1", "3"]);
        rows.cut(0);
        assert_eq!(open(&path).1, [] as [&str; 0]);
    }

    #[test]
    fn what_a_failed_sync_may_have_lost_is_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows");
        let (mut rows, _) = open(&path);
        rows.append(b"1".to_vec()).unwrap();
        // As a system that lost the pages of a failed sync has it.
        write_at(&rows.rows.file, 0, b"\0\0").unwrap();
        lock(&rows.rows.state).rewrite = true;
        rows.rows.sync().unwrap();
        assert_eq!(open(&path).1, ["1"]);
    }
}
