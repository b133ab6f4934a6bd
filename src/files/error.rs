//! What can go wrong with a file.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    /// The change is in place, and a power failure may still undo it. Nothing that the file names now may
    /// be taken back.
    #[error("{} was changed, but the disk did not confirm it", path.display())]
    Unconfirmed {
        /// The file.
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
    /// The file would become larger than what is read of it. It was not written.
    #[error("{} would become larger than {limit} bytes", path.display())]
    WouldBeTooLarge {
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
    /// A directory, pipe, socket or device where a file belongs.
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
    /// A symbolic link to something that does not exist. This is not an absent file: the user has one, and
    /// it cannot be reached.
    #[error("{} is a symbolic link that leads nowhere", path.display())]
    Dangling {
        /// The link: the file itself or a directory above it.
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
    /// The other end of a pipe neither wrote nor closed it before the deadline.
    #[error("no data from {} for {waited:?}", path.display())]
    Silent {
        /// The pipe.
        path: PathBuf,
        /// How long we waited.
        waited: Duration,
    },
}

impl FileError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// Returns whether the new content is in place all the same.
    pub fn is_in_place(&self) -> bool {
        matches!(self, Self::Unconfirmed { .. })
    }
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Io { source, .. } => source,
            other => Self::other(other),
        }
    }
}
