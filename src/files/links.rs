//! Symbolic links: where they end, whose may be followed, and which lead nowhere.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::FileError;

/// Longest chain of symbolic links that is followed, as in Linux.
const MAX_LINKS: usize = 40;

/// Returns where a chain of symbolic links ends; nothing need be there.
pub(super) fn follow(path: &Path) -> Result<PathBuf, FileError> {
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

/// Fails when a path that cannot be found is, or lies behind, a link that leads nowhere.
pub(super) fn is_plainly_absent(path: &Path) -> Result<(), FileError> {
    for at in path.ancestors() {
        match fs::symlink_metadata(at) {
            Ok(found) if found.is_symlink() && fs::metadata(at).is_err() => {
                return Err(FileError::Dangling { path: at.into() });
            }
            Ok(_) => return Ok(()),
            Err(_) => {}
        }
    }
    Ok(())
}

/// Returns the directory of a path.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if dir.as_os_str().is_empty() => Path::new("."),
        Some(dir) => dir,
        None => path,
    }
}

/// A link is followed when it is ours, or when it belongs to the owner of its directory. In a directory that
/// everybody can write to, another user's link would lead us to a file of ours that we did not mean. Root could
/// be led to any file, so another user's link leads root only to what that user owns.
#[cfg(unix)]
fn is_trusted(link: &fs::Metadata, path: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::MetadataExt;
    let dir = fs::metadata(parent(path)).map_err(FileError::io("follow", path))?;
    let ours = rustix::process::geteuid();
    let foreign = link.uid() != ours.as_raw();
    let trusted = !foreign || link.uid() == dir.uid();
    if !trusted || (foreign && ours.is_root() && owner_behind(path)? != Some(link.uid())) {
        return Err(FileError::Foreign { path: path.into() });
    }
    Ok(())
}

/// Returns who owns what a link leads to; where that is absent, who owns the directory that it would be in.
#[cfg(unix)]
fn owner_behind(link: &Path) -> Result<Option<u32>, FileError> {
    use std::os::unix::fs::MetadataExt;
    if let Ok(found) = fs::metadata(link) {
        return Ok(Some(found.uid()));
    }
    let target = fs::read_link(link).map_err(FileError::io("follow", link))?;
    let target = parent(link).join(target);
    Ok(fs::metadata(parent(&target)).ok().map(|dir| dir.uid()))
}

#[cfg(not(unix))]
fn is_trusted(_: &fs::Metadata, _: &Path) -> Result<(), FileError> {
    Ok(())
}
