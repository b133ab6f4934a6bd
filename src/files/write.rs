//! Writing: the new content is staged beside the file, synced, and renamed over it.
//!
//! Each function takes the limit in bytes that its file is read with: what could not be read again is not
//! written.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::FileError;
use super::links::{self, parent};
use super::look::Look;
use super::staged::{staged, sweep};

/// What [`set_aside`] appends to a name.
const DAMAGED: &str = ".damaged";
/// Most damaged versions of a file that are kept.
const MAX_DAMAGED: usize = 9;

/// Replaces a private file in one step, or creates it; the directory must exist. Its mode is 0600, and its
/// owner stays. A symbolic link stays, and its target is replaced, unless another user has put it there. When
/// this returns, the new content survives a crash; see [`FileError::Unconfirmed`].
pub fn write_private(path: &Path, content: &[u8], limit: u64) -> Result<(), FileError> {
    replace(path, content, limit, Look::private)
}

/// Like [`write_private`], for a file that others may be allowed to read: its mode stays, too.
pub fn rewrite(path: &Path, content: &[u8], limit: u64) -> Result<(), FileError> {
    replace(path, content, limit, |look| look)
}

/// Creates a private file in one step; [`FileError::Exists`] when there is one, be it a symbolic link that
/// leads nowhere. The directory must exist.
pub fn create_private(path: &Path, content: &[u8], limit: u64) -> Result<(), FileError> {
    fits(path, content, limit)?;
    create(path, content, Look::of_new(path))
}

/// Writes a private file that the user has named, for other programs or people. It belongs to whoever runs
/// this, also where it replaces another one; without `over` it never does.
pub fn export(path: &Path, content: &[u8], over: bool) -> Result<(), FileError> {
    if !over {
        return create(path, content, Look::ours());
    }
    let target = links::follow(path)?;
    Look::of_old(&target)?;
    put(&target, content, Look::ours())
}

/// Removes a file permanently, and what killed writers of it left behind; returns whether there was one.
pub fn remove(path: &Path) -> Result<bool, FileError> {
    sweep(path)?;
    match fs::remove_file(path) {
        Ok(()) => confirm(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(FileError::io("remove", path)(error)),
    }
}

/// Renames a damaged file to `NAME.damaged`, or `NAME.damaged-2` and so on, so that nothing is written over
/// it; returns the new name. After nine of them it fails.
pub fn set_aside(path: &Path) -> Result<PathBuf, FileError> {
    let names = (1..=MAX_DAMAGED).map(|n| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(DAMAGED);
        if n > 1 {
            name.push(format!("-{n}"));
        }
        path.with_file_name(name)
    });
    let free = { names }.find(|path| fs::symlink_metadata(path).is_err());
    let free = free.ok_or_else(|| FileError::Exists { path: path.into() })?;
    fs::rename(path, &free).map_err(FileError::io("set aside", path))?;
    confirm(&free).map(|()| free)
}

/// Returns what [`set_aside`] has left in a directory.
pub fn damaged_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let damaged = entries.filter(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().contains(DAMAGED)
    });
    damaged.map(|entry| entry.path()).collect()
}

/// Makes earlier renames in the directory of a file survive a crash.
pub fn settle(path: &Path) -> Result<(), FileError> {
    confirm(&links::follow(path)?)
}

fn replace(
    path: &Path,
    content: &[u8],
    limit: u64,
    change: fn(Look) -> Look,
) -> Result<(), FileError> {
    fits(path, content, limit)?;
    let target = links::follow(path)?;
    let look = match Look::of_old(&target)? {
        Some(old) => change(old),
        None => Look::of_new(&target),
    };
    put(&target, content, look)
}

fn put(target: &Path, content: &[u8], look: Look) -> Result<(), FileError> {
    let temp = staged(target, content, look)?;
    temp.persist(target)
        .map_err(|failed| FileError::io("replace", target)(failed.error))?;
    confirm(target)
}

fn create(path: &Path, content: &[u8], look: Look) -> Result<(), FileError> {
    let temp = staged(path, content, look)?;
    temp.persist_noclobber(path)
        .map_err(|failed| match failed.error.kind() {
            io::ErrorKind::AlreadyExists => FileError::Exists { path: path.into() },
            _ => FileError::io("create", path)(failed.error),
        })?;
    confirm(path)
}

fn fits(path: &Path, content: &[u8], limit: u64) -> Result<(), FileError> {
    match content.len() as u64 > limit {
        true => Err(FileError::WouldBeTooLarge {
            path: path.into(),
            limit,
        }),
        false => Ok(()),
    }
}

/// Makes the rename or removal of a file survive a crash. Not every file system can; the change itself has
/// succeeded then.
fn confirm(path: &Path) -> Result<(), FileError> {
    #[cfg(unix)]
    match File::open(parent(path)).and_then(|dir| dir.sync_all()) {
        Err(source) if source.kind() != io::ErrorKind::InvalidInput => {
            return Err(FileError::Unconfirmed {
                path: path.into(),
                source,
            });
        }
        _ => {}
    }
    Ok(())
}
