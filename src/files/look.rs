//! Owner, group and mode of what is written.
//!
//! A replaced file keeps its owner and group. A new one belongs to whoever made it; when root makes it in a
//! directory of another user (sudo that keeps HOME), it belongs to that user: a private file of root's in there
//! would lock them out of their own settings.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::FileError;
#[cfg(unix)]
use super::links::parent;

/// Mode of a file that only its owner may read.
#[cfg(unix)]
pub(super) const PRIVATE_FILE: u32 = 0o600;

/// Owner, group and mode of a file that is about to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    #[cfg(unix)]
    mode: u32,
    /// User and group; `None` leaves it to the system.
    #[cfg(unix)]
    owner: Option<(u32, u32)>,
    /// Whether there is a file that has this owner now: then it must stay so.
    #[cfg(unix)]
    must: bool,
}

#[cfg(unix)]
impl Look {
    /// Returns that of a private file of whoever runs this.
    pub(super) fn ours() -> Self {
        Self {
            mode: PRIVATE_FILE,
            owner: None,
            must: false,
        }
    }

    /// Returns that of a private file that is new in its directory.
    pub(super) fn of_new(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt;
        let root = rustix::process::geteuid().is_root();
        let dir = fs::metadata(parent(path)).ok().filter(|_| root);
        let owner = dir.map(|dir| (dir.uid(), dir.gid()));
        Self {
            owner: owner.filter(|(uid, _)| *uid != 0),
            ..Self::ours()
        }
    }

    /// Returns that of a file that is there; `None` when none is. Nothing else is ever replaced.
    pub(super) fn of_old(path: &Path) -> Result<Option<Self>, FileError> {
        use std::os::unix::fs::MetadataExt;
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_file() => Ok(Some(Self {
                mode: found.mode() & 0o777,
                owner: Some((found.uid(), found.gid())),
                must: true,
            })),
            Ok(_) => Err(FileError::NotAFile { path: path.into() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::io("replace", path)(error)),
        }
    }

    /// Makes it private.
    pub(super) fn private(self) -> Self {
        Self {
            mode: PRIVATE_FILE,
            ..self
        }
    }

    /// Gives it to a file that we have just made with mode 0600.
    pub(super) fn give_to(&self, file: &File) -> io::Result<()> {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let mut mode = self.mode;
        if let Some((uid, gid)) = self.owner {
            let now = file.metadata()?;
            if rustix::process::geteuid().is_root() {
                if (now.uid(), now.gid()) != (uid, gid) {
                    let given = std::os::unix::fs::fchown(file, Some(uid), Some(gid));
                    if self.must {
                        given?;
                    }
                }
            } else if now.gid() != gid && std::os::unix::fs::fchown(file, None, Some(gid)).is_err()
            {
                // What was allowed to one group is not allowed to another.
                mode &= !0o070;
            }
        }
        match mode == PRIVATE_FILE {
            true => Ok(()),
            false => file.set_permissions(fs::Permissions::from_mode(mode)),
        }
    }
}

#[cfg(not(unix))]
impl Look {
    pub(super) fn ours() -> Self {
        Self {}
    }

    pub(super) fn of_new(_: &Path) -> Self {
        Self {}
    }

    pub(super) fn of_old(_: &Path) -> Result<Option<Self>, FileError> {
        Ok(None)
    }

    pub(super) fn private(self) -> Self {
        self
    }

    pub(super) fn give_to(&self, _: &File) -> io::Result<()> {
        Ok(())
    }
}
