//! Which channels with deployed clients there have been: `agreements` and `agreements.older` of the store.
//!
//! A relay can play a recorded connection back, and nothing in a deployed client's frames tells them from new ones. So
//! the daemon remembers the keys that it has agreed on, over restarts too. Clients of ours need no memory
//! ([`crate::e2ee`]), and are not written down.
//!
//! Each agreement is 8 bytes in a file that only grows. There is no line to be torn: what a crash or a full disk leaves
//! behind the last whole entry is written over. A file that is full takes the place of the older one, so at least
//! [`GENERATION`] agreements are remembered, and at most twice as many: 4 MiB on the disk.
//!
//! An entry is added once a frame was authenticated with the key, so only the holder of an offer adds any. A relay that cuts
//! a client off again and again makes it connect again, and add one each time.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;

use super::store::lock;
use crate::e2ee::{Agreement, Memory, Recent};
use crate::files::{self, FileError};

/// Agreements of one file.
const GENERATION: usize = 1 << 18;
/// Bytes of one.
const ENTRY: usize = 8;

type Entry = [u8; ENTRY];

/// The agreements that are remembered.
pub(super) struct Agreements {
    known: Mutex<Recent<Entry, GENERATION>>,
    disk: Arc<Mutex<Disk>>,
}

impl Agreements {
    /// Reads what earlier daemons of this home have written into a directory.
    pub(super) fn open(dir: &Path) -> Result<Self, FileError> {
        let mut known = Recent::new();
        let disk = Disk::open(dir, GENERATION, |entry| {
            known.insert(entry);
        })?;
        Ok(Self {
            known: Mutex::new(known),
            disk: Arc::new(Mutex::new(disk)),
        })
    }
}

impl Memory for Agreements {
    fn contains(&self, agreement: Agreement) -> bool {
        lock(&self.known).contains(&agreement.0)
    }

    fn keep(&self, agreement: Agreement) -> BoxFuture<'static, bool> {
        lock(&self.known).insert(agreement.0);
        let disk = Arc::clone(&self.disk);
        Box::pin(async move {
            let save = move || lock(&disk).save(agreement.0);
            match tokio::task::spawn_blocking(save).await {
                Ok(Ok(())) => true,
                Ok(Err(error)) => {
                    tracing::error!(%error, "a connection cannot be written down: its client may only read");
                    false
                }
                Err(_) => false,
            }
        })
    }
}

/// The files.
struct Disk {
    younger: PathBuf,
    older: PathBuf,
    /// Entries of one file.
    generation: usize,
    /// The younger one, once something was written to it.
    file: Option<File>,
    /// Entries of the younger one that are on the disk.
    written: usize,
    /// Entries that are not, because the disk took none.
    owed: Vec<Entry>,
}

impl Disk {
    /// Finds the files; `each` gets what is in them, the oldest first.
    fn open(dir: &Path, generation: usize, mut each: impl FnMut(Entry)) -> Result<Self, FileError> {
        let (younger, older) = (dir.join("agreements"), dir.join("agreements.older"));
        let mut written = 0;
        for path in [&older, &younger] {
            // No more than the files can have: what is owed is written at once, and is less than a generation.
            let limit = 2 * (generation * ENTRY) as u64;
            let content = files::read_private(path, limit)?.unwrap_or_default();
            let (entries, _torn) = content.as_chunks::<ENTRY>();
            entries.iter().copied().for_each(&mut each);
            written = entries.len();
        }
        Ok(Self {
            younger,
            older,
            generation,
            file: None,
            written,
            owed: Vec::new(),
        })
    }

    /// Adds an entry; it is on the disk when this succeeds, with all that are owed.
    fn save(&mut self, entry: Entry) -> io::Result<()> {
        if self.owed.len() >= self.generation {
            // Room for it, or no promise that it is kept.
            self.write()?;
        }
        self.owed.push(entry);
        self.write()
    }

    /// Writes what is owed.
    fn write(&mut self) -> io::Result<()> {
        if self.written >= self.generation {
            std::fs::rename(&self.younger, &self.older)?;
            (self.file, self.written) = (None, 0);
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(open(&self.younger)?),
        };
        file.seek(SeekFrom::Start((self.written * ENTRY) as u64))?;
        file.write_all(self.owed.as_flattened())?;
        file.sync_data()?;
        self.written += self.owed.len();
        self.owed.clear();
        Ok(())
    }
}

/// Opens a private file to write to, and makes its name survive a crash.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }
    let file = options.open(path)?;
    #[cfg(unix)]
    if let Some(dir) = path.parent() {
        File::open(dir)?.sync_all()?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64) -> Entry {
        number.to_be_bytes()
    }

    fn read(dir: &Path, generation: usize) -> (Disk, Vec<u64>) {
        let mut found = Vec::new();
        let disk = Disk::open(dir, generation, |it| found.push(u64::from_be_bytes(it))).unwrap();
        (disk, found)
    }

    #[test]
    fn entries_survive_and_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..10 {
            let (mut disk, found) = read(dir.path(), 4);
            assert!(found.len() <= 8, "{found:?}");
            assert!(
                found
                    .iter()
                    .copied()
                    .eq(number - found.len() as u64..number)
            );
            assert!(found.len() as u64 >= number.min(4), "{found:?}");
            disk.save(entry(number)).unwrap();
        }
    }

    #[test]
    fn what_a_crash_left_is_written_over() {
        let dir = tempfile::tempdir().unwrap();
        read(dir.path(), 4).0.save(entry(1)).unwrap();
        let path = dir.path().join("agreements");
        let mut content = std::fs::read(&path).unwrap();
        content.extend([7; 5]);
        std::fs::write(&path, content).unwrap();
        let (mut disk, found) = read(dir.path(), 4);
        assert_eq!(found, [1]);
        disk.save(entry(2)).unwrap();
        assert_eq!(read(dir.path(), 4).1, [1, 2]);
    }

    #[test]
    fn nothing_is_said_to_be_kept_that_is_not() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("builtin");
        let (mut disk, _) = read(&dir, 4);
        for number in 0..6 {
            disk.save(entry(number)).unwrap_err();
        }
        std::fs::create_dir(&dir).unwrap();
        disk.save(entry(6)).unwrap();
        let (_, found) = read(&dir, 4);
        assert!(found.contains(&6), "{found:?}");
    }

    #[tokio::test]
    async fn what_the_disk_refuses_is_not_kept_and_written_later() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("builtin");
        std::fs::create_dir(&dir).unwrap();
        let agreements = Agreements::open(&dir).unwrap();
        std::fs::remove_dir(&dir).unwrap();
        assert!(!agreements.keep(Agreement(entry(1))).await);
        assert!(
            agreements.contains(Agreement(entry(1))),
            "this process knows it"
        );
        std::fs::create_dir(&dir).unwrap();
        assert!(agreements.keep(Agreement(entry(2))).await);

        let agreements = Agreements::open(&dir).unwrap();
        for number in [1, 2] {
            assert!(agreements.contains(Agreement(entry(number))), "{number}");
        }
        assert!(!agreements.contains(Agreement(entry(3))));
    }
}
