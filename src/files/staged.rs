//! New content beside its target, before it takes its place; and what killed writers left there.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::FileError;
use super::links::{self, parent};
use super::look::Look;

/// How the names of new files begin, until they take the place of their targets.
const PREFIX: &str = ".";
/// How they end.
const SUFFIX: &str = ".tmp";

/// Writes and syncs the content into a new file beside its target; dropping it removes it.
pub(super) fn staged(
    target: &Path,
    content: &[u8],
    look: Look,
) -> Result<NamedTempFile, FileError> {
    let prefix = prefix(target);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(SUFFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(
        super::look::PRIVATE_FILE,
    ));
    let write = || {
        let mut temp = builder.tempfile_in(parent(target))?;
        temp.write_all(content)?;
        look.give_to(temp.as_file())?;
        temp.as_file().sync_all()?;
        Ok(temp)
    };
    write().map_err(FileError::io("write", target))
}

/// Removes what writers of a file left beside it when they were killed. Only for who knows that nobody
/// is writing it now.
pub fn sweep(path: &Path) -> Result<(), FileError> {
    let target = links::follow(path)?;
    remove(parent(&target), &prefix(&target))
}

/// Like [`sweep`], for every file of a directory.
pub fn sweep_dir(dir: &Path) -> Result<(), FileError> {
    remove(dir, OsStr::new(PREFIX))
}

/// Returns what [`sweep`] removes. What somebody is writing just now is among it.
pub fn staged_for(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let target = links::follow(path)?;
    like(parent(&target), &prefix(&target))
}

/// Like [`staged_for`], for every file of a directory.
pub fn staged_in(dir: &Path) -> Result<Vec<PathBuf>, FileError> {
    like(dir, OsStr::new(PREFIX))
}

fn remove(dir: &Path, prefix: &OsStr) -> Result<(), FileError> {
    let mut staged = like(dir, prefix)?.into_iter();
    staged.try_for_each(|path| fs::remove_file(&path).map_err(FileError::io("remove", &path)))
}

fn like(dir: &Path, prefix: &OsStr) -> Result<Vec<PathBuf>, FileError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FileError::io("read", dir)(error)),
    };
    let is_staged = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        name.starts_with(prefix.as_encoded_bytes()) && name.ends_with(SUFFIX.as_bytes())
    };
    let staged = entries.flatten().filter(is_staged);
    Ok(staged.map(|entry| entry.path()).collect())
}

/// How the names of new files for a target begin.
fn prefix(target: &Path) -> OsString {
    let mut prefix = OsString::from(PREFIX);
    prefix.push(target.file_name().unwrap_or_default());
    prefix.push(".");
    prefix
}
