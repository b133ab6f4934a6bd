//! Private directories.

use std::fs::DirBuilder;
use std::io;
use std::path::Path;

use super::FileError;
#[cfg(unix)]
use super::links::parent;

/// Mode of a directory that only its owner may enter.
#[cfg(unix)]
const PRIVATE_DIR: u32 = 0o700;

/// Creates a directory and its parents, each that is new with mode 0700. Those that exist stay as
/// they are. What root makes inside a directory of another user belongs to that user.
pub fn create_private_dir(dir: &Path) -> Result<(), FileError> {
    create(dir).map_err(FileError::io("create the directory", dir))
}

fn builder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, PRIVATE_DIR);
    builder
}

fn create(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if rustix::process::geteuid().is_root() {
        return for_owner::create(dir);
    }
    builder().recursive(true).create(dir)
}

#[cfg(unix)]
mod for_owner {
    use std::fs::{self, OpenOptions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
    use std::path::Path;

    use rustix::fs::OFlags;

    use super::{builder, parent};

    pub(super) fn create(dir: &Path) -> io::Result<()> {
        let is_absent = |path: &&Path| !path.as_os_str().is_empty() && fs::metadata(path).is_err();
        let absent: Vec<&Path> = dir.ancestors().take_while(is_absent).collect();
        let Some(top) = absent.last() else {
            return builder().recursive(true).create(dir);
        };
        let above = fs::metadata(parent(top))?;
        let owner = (above.uid() != 0).then(|| (above.uid(), above.gid()));
        for dir in absent.into_iter().rev() {
            match (builder().create(dir), owner) {
                (Ok(()), Some((uid, gid))) => give(dir, uid, gid)?,
                (Err(error), _) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(error);
                }
                _ => {}
            }
        }
        // What is there may be a file.
        builder().recursive(true).create(dir)
    }

    /// The owner of the directory above may have put something else in its place, so what is opened must be
    /// an empty directory of root's.
    fn give(dir: &Path, uid: u32, gid: u32) -> io::Result<()> {
        let flags = (OFlags::NOFOLLOW | OFlags::DIRECTORY).bits().cast_signed();
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(dir)?;
        let entries = rustix::fs::Dir::read_from(&opened)?;
        let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_owned()));
        let is_empty = { names }.all(|name| matches!(name.to_bytes(), b"." | b".."));
        match opened.metadata()?.uid() == 0 && is_empty {
            true => fchown(&opened, Some(uid), Some(gid)),
            false => Err(io::Error::other("it was replaced while it was created")),
        }
    }
}
