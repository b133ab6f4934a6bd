//! Files of our own: private, replaced in one step, read with a limit, one writer at a time.
//!
//! A file is replaced, never rewritten: the new content is written beside it with its final mode,
//! synced, and renamed over it. A reader, or a crash at any moment, sees the old or the new content.

mod name;

pub use name::FileName;

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

/// Mode of a file that only its owner may read.
#[cfg(unix)]
const PRIVATE_FILE: u32 = 0o600;
/// Mode of a directory that only its owner may enter.
#[cfg(unix)]
const PRIVATE_DIR: u32 = 0o700;
/// Longest chain of symbolic links that is followed, as in Linux.
const MAX_LINKS: usize = 40;
/// How the names of new files begin, until they take the place of their targets.
const STAGED_PREFIX: &str = ".";
/// How they end.
const STAGED_SUFFIX: &str = ".tmp";
/// How often a lock that somebody else holds is tried again.
const LOCK_RETRY: Duration = Duration::from_millis(10);

/// What failed with which file. Never holds content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: `read`, `write`, …
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is larger than anything we would write.
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file may hold secrets and its mode lets others in.
    #[error("{} can be read by others (mode {mode:04o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A directory, pipe or device where a file belongs.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// What is there instead.
        path: PathBuf,
    },
    /// A symbolic link that somebody else has put there.
    #[error("{} is a symbolic link of another user", path.display())]
    Foreign {
        /// The link.
        path: PathBuf,
    },
    /// The file was to be new.
    #[error("{} already exists", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another process held the lock until the deadline.
    #[error("{} has been locked by another process for {waited:?}", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long we waited.
        waited: Duration,
    },
}

impl FileError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

/// Creates a directory and its parents, each that is new with mode 0700. Those that exist stay as
/// they are.
pub fn create_private_dir(dir: &Path) -> Result<(), FileError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, PRIVATE_DIR);
    builder
        .create(dir)
        .map_err(FileError::io("create the directory", dir))
}

/// Reads a whole file of at most `limit` bytes; `None` when there is none.
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let Some(file) = open(path)? else {
        return Ok(None);
    };
    read_to_limit(file, path, limit).map(Some)
}

/// Reads a whole file that may hold secrets, like [`read`], but refuses one that its group or
/// others may access, and anything that is not a regular file.
pub fn read_private(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let Some(file) = open_at_once(path)? else {
        return Ok(None);
    };
    // Asked of what is open: the name may lead somewhere else by now.
    let found = file.metadata().map_err(FileError::io("read", path))?;
    if !found.is_file() {
        return Err(FileError::NotAFile { path: path.into() });
    }
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::MetadataExt::mode(&found) & 0o7777;
        if mode & 0o077 != 0 {
            return Err(FileError::Exposed {
                path: path.into(),
                mode,
            });
        }
    }
    read_to_limit(file, path, limit).map(Some)
}

/// Replaces a file in one step, or creates it, with mode 0600; the directory must exist. A symbolic
/// link stays, and its target is replaced, unless another user has put it there. When this returns, the
/// new content survives a crash.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let target = follow_links(path)?;
    let dir = parent(&target);
    let temp = staged(&target, content)?;
    temp.persist(&target)
        .map_err(|failed| FileError::io("replace", &target)(failed.error))?;
    sync_dir(dir)
}

/// Creates a file with mode 0600 in one step; [`FileError::Exists`] when there is one, be it a
/// symbolic link that leads nowhere. The directory must exist.
pub fn create_private(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let temp = staged(path, content)?;
    temp.persist_noclobber(path)
        .map_err(|failed| match failed.error.kind() {
            io::ErrorKind::AlreadyExists => FileError::Exists { path: path.into() },
            _ => FileError::io("create", path)(failed.error),
        })?;
    sync_dir(parent(path))
}

/// Removes a file for good, and what killed writers of it left behind; returns whether there was one.
pub fn remove(path: &Path) -> Result<bool, FileError> {
    sweep(path)?;
    match fs::remove_file(path) {
        Ok(()) => sync_dir(parent(path)).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(FileError::io("remove", path)(error)),
    }
}

/// Removes what writers of a file left beside it when they were killed. Only for who knows that nobody
/// is writing it now.
pub fn sweep(path: &Path) -> Result<(), FileError> {
    let target = follow_links(path)?;
    remove_staged(parent(&target), &staged_prefix(&target))
}

/// Like [`sweep`], for every file of a directory.
pub fn sweep_dir(dir: &Path) -> Result<(), FileError> {
    remove_staged(dir, OsStr::new(STAGED_PREFIX))
}

/// Returns what [`sweep`] removes. What somebody is writing just now is among it.
pub fn staged_for(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let target = follow_links(path)?;
    staged_like(parent(&target), &staged_prefix(&target))
}

/// Like [`staged_for`], for every file of a directory.
pub fn staged_in(dir: &Path) -> Result<Vec<PathBuf>, FileError> {
    staged_like(dir, OsStr::new(STAGED_PREFIX))
}

fn remove_staged(dir: &Path, prefix: &OsStr) -> Result<(), FileError> {
    let mut staged = staged_like(dir, prefix)?.into_iter();
    staged.try_for_each(|path| fs::remove_file(&path).map_err(FileError::io("remove", &path)))
}

fn staged_like(dir: &Path, prefix: &OsStr) -> Result<Vec<PathBuf>, FileError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FileError::io("read", dir)(error)),
    };
    let is_staged = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        name.starts_with(prefix.as_encoded_bytes()) && name.ends_with(STAGED_SUFFIX.as_bytes())
    };
    let staged = entries.flatten().filter(is_staged);
    Ok(staged.map(|entry| entry.path()).collect())
}

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
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        {
            use rustix::fs::OFlags;
            // A link would make a file elsewhere, and a pipe would wait for its reader.
            let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, PRIVATE_FILE);
            std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags);
        }
        let file = options.open(path).map_err(FileError::io("lock", path))?;
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
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_RETRY),
            }
        }
    }

    /// Returns whether somebody holds a lock. Those who ask do not see each other.
    pub fn is_held(path: &Path) -> Result<bool, FileError> {
        let Some(file) = open_at_once(path)? else {
            return Ok(false);
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(FileError::io("lock", path)(error)),
        }
    }
}

fn open(path: &Path) -> Result<Option<File>, FileError> {
    found(path, File::open(path))
}

/// Opens a file without waiting: a pipe would wait for its writer.
fn open_at_once(path: &Path) -> Result<Option<File>, FileError> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags);
    }
    found(path, options.open(path))
}

fn found(path: &Path, opened: io::Result<File>) -> Result<Option<File>, FileError> {
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::io("read", path)(error)),
    }
}

fn read_to_limit(file: File, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let mut content = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(FileError::io("read", path))?;
    if content.len() as u64 > limit {
        return Err(FileError::TooLarge {
            path: path.into(),
            limit,
        });
    }
    Ok(content)
}

/// Writes and syncs the content into a new private file beside its target; dropping it removes it.
fn staged(target: &Path, content: &[u8]) -> Result<NamedTempFile, FileError> {
    let prefix = staged_prefix(target);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(STAGED_SUFFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(PRIVATE_FILE));
    let write = || {
        let mut temp = builder.tempfile_in(parent(target))?;
        temp.write_all(content)?;
        temp.as_file().sync_all()?;
        Ok(temp)
    };
    write().map_err(FileError::io("write", target))
}

/// How the names of new files for a target begin.
fn staged_prefix(target: &Path) -> OsString {
    let mut prefix = OsString::from(STAGED_PREFIX);
    prefix.push(target.file_name().unwrap_or_default());
    prefix.push(".");
    prefix
}

/// Makes a rename survive a crash. Not every file system can; the rename itself has succeeded then.
fn sync_dir(dir: &Path) -> Result<(), FileError> {
    #[cfg(unix)]
    match File::open(dir).and_then(|dir| dir.sync_all()) {
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => {
            return Err(FileError::io("sync", dir)(error));
        }
        _ => {}
    }
    Ok(())
}

/// Returns where a chain of symbolic links ends; nothing need be there.
fn follow_links(path: &Path) -> Result<PathBuf, FileError> {
    let mut target = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::symlink_metadata(&target) {
            Ok(found) if found.is_symlink() => {
                is_trusted(&found, &target)?;
                let link = fs::read_link(&target).map_err(FileError::io("follow", &target))?;
                target = parent(&target).join(link);
            }
            _ => return Ok(target),
        }
    }
    Err(FileError::io("follow", path)(io::Error::other(
        "too many symbolic links",
    )))
}

/// A link is followed when it is ours, or of whom the directory is. In a directory that everybody can write
/// to, somebody else's would lead us to a file of our own that we did not mean.
#[cfg(unix)]
fn is_trusted(link: &fs::Metadata, path: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::MetadataExt;
    let dir = fs::metadata(parent(path)).map_err(FileError::io("follow", path))?;
    let ours = rustix::process::geteuid().as_raw();
    match link.uid() == ours || link.uid() == dir.uid() {
        true => Ok(()),
        false => Err(FileError::Foreign { path: path.into() }),
    }
}

#[cfg(not(unix))]
fn is_trusted(_: &fs::Metadata, _: &Path) -> Result<(), FileError> {
    Ok(())
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if dir.as_os_str().is_empty() => Path::new("."),
        Some(dir) => dir,
        None => path,
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
