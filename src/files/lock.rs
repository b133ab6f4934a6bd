//! Advisory locks.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::FileError;
use super::look::Look;

/// How often a lock that somebody else holds is tried again.
const RETRY: Duration = Duration::from_millis(10);

/// An exclusive advisory lock, held until it is dropped. The operating system releases it when the
/// process ends, however it ends, so the lock file never goes stale and is never removed.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Locks `path`, an empty file beside what it protects that is created when absent, and waits
    /// for other holders at most `patience`.
    pub fn acquire(path: &Path, patience: Duration) -> Result<Self, FileError> {
        let file = open(path).map_err(FileError::io("lock", path))?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(error)) => return Err(FileError::io("lock", path)(error)),
                Err(TryLockError::WouldBlock) if start.elapsed() >= patience => {
                    return Err(FileError::Locked {
                        path: path.into(),
                        waited: patience,
                    });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(RETRY),
            }
        }
    }

    /// Returns whether somebody holds a lock. Those who ask do not see each other.
    pub fn is_held(path: &Path) -> Result<bool, FileError> {
        let Some(file) = super::read::open(path)? else {
            return Ok(false);
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(FileError::io("lock", path)(error)),
        }
    }
}

/// Opens the file, or creates it: then, and only then, it gets its owner.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        // A link would make a file elsewhere, and a pipe would wait for its reader.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags);
    }
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened,
    }
    let look = Look::of_new(path);
    let mut new = options.clone();
    new.create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut new, super::look::PRIVATE_FILE);
    match new.open(path) {
        Ok(file) => look.give_to(&file).map(|()| file),
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(path),
        Err(error) => Err(error),
    }
}
