//! Reading: never more than a limit, never waiting for ever, never what others may read where secrets are.
//!
//! A file of ours (settings, secrets, state) must be a regular file. What a command line names may be a pipe,
//! because shells make one of `<(pass show x)`: it is read until its end, the limit or a deadline.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::{FileError, links};

/// Bytes that are read at once.
const CHUNK: usize = 4096;

/// Reads a whole file of ours of at most `limit` bytes; `None` when there is none. Refuses what is no
/// regular file, and a link that leads nowhere.
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let file = open_regular(path)?;
    file.map(|file| file_to_limit(file, path, limit))
        .transpose()
}

/// Reads a file of ours that may hold secrets: like [`read`], but refuses one that its group or others may
/// access.
pub fn read_private(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let Some(file) = open_regular(path)? else {
        return Ok(None);
    };
    is_private(&about(&file, path)?, path)?;
    file_to_limit(file, path, limit).map(Some)
}

/// Reads what the command line names: a regular file, or a pipe within a deadline.
pub fn read_given(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let file = open_given(path)?;
    file.map(|file| given_to_limit(file, path, limit))
        .transpose()
}

/// Like [`read_given`], for text. An absent file is an error, too.
pub fn read_given_text(path: &Path, limit: u64) -> io::Result<String> {
    let bytes = read_given(path, limit)?.ok_or(io::ErrorKind::NotFound)?;
    let invalid = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text");
    String::from_utf8(bytes).map_err(invalid)
}

/// Reads a secret that the command line names: like [`read_given`], but refuses a file that its group or
/// others may access.
pub fn read_given_private(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let Some(file) = open_given(path)? else {
        return Ok(None);
    };
    is_private(&about(&file, path)?, path)?;
    given_to_limit(file, path, limit).map(Some)
}

/// Returns the mode of a regular file that its group or others may access; `None` for any other. A pipe is not
/// opened for it: that would end its writer.
pub fn exposed(path: &Path) -> Option<u32> {
    let found = fs::metadata(path).ok()?;
    match is_private(&found, path) {
        Err(FileError::Exposed { mode, .. }) if found.is_file() => Some(mode),
        _ => None,
    }
}

/// Opens what the command line names, without waiting for the other end of a pipe.
pub fn open_given(path: &Path) -> Result<Option<File>, FileError> {
    let Some(file) = open(path)? else {
        return Ok(None);
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = about(&file, path)?.file_type();
        if !kind.is_file() && !kind.is_fifo() && !kind.is_char_device() {
            return Err(FileError::NotAFile { path: path.into() });
        }
    }
    Ok(Some(file))
}

fn open_regular(path: &Path) -> Result<Option<File>, FileError> {
    let Some(file) = open(path)? else {
        return links::is_plainly_absent(path).map(|()| None);
    };
    // Asked of what is open: the name may lead somewhere else by now.
    match about(&file, path)?.is_file() {
        true => Ok(Some(file)),
        false => Err(FileError::NotAFile { path: path.into() }),
    }
}

/// Opens a file without waiting: a pipe would wait for its writer.
pub(super) fn open(path: &Path) -> Result<Option<File>, FileError> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags);
    }
    match options.open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // What a socket answers, and a device without a driver.
        #[cfg(unix)]
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
            Err(FileError::NotAFile { path: path.into() })
        }
        Err(error) => Err(FileError::io("read", path)(error)),
    }
}

fn about(file: &File, path: &Path) -> Result<Metadata, FileError> {
    file.metadata().map_err(FileError::io("read", path))
}

/// A device keeps nothing, so its mode says nothing: a terminal's lets `mesg` and `write` in.
#[cfg(unix)]
fn is_private(found: &Metadata, path: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let mode = found.mode() & 0o7777;
    match mode & 0o077 == 0 || found.file_type().is_char_device() {
        true => Ok(()),
        false => Err(FileError::Exposed {
            path: path.into(),
            mode,
        }),
    }
}

#[cfg(not(unix))]
fn is_private(_: &Metadata, _: &Path) -> Result<(), FileError> {
    Ok(())
}

fn file_to_limit(file: File, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let content = to_limit(file, limit).map_err(FileError::io("read", path))?;
    content.ok_or_else(|| too_large(path, limit))
}

/// Reads to the end; `None` when there is more than the limit. It may be a secret, so no other copy is left.
pub fn to_limit(mut from: impl Read, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut content = Zeroizing::new(Vec::new());
    let mut chunk = Zeroizing::new([0; CHUNK]);
    loop {
        match from.read(&mut chunk[..]) {
            Ok(0) => return Ok(Some(std::mem::take(&mut *content))),
            Ok(read) if (content.len() + read) as u64 > limit => return Ok(None),
            Ok(read) => append(&mut content, &chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Appends bytes. What `Vec` leaves behind when it grows is not wiped.
fn append(content: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    let length = content.len() + bytes.len();
    if length > content.capacity() {
        let mut larger = Vec::with_capacity(length.max(2 * content.len()));
        larger.extend_from_slice(content);
        *content = Zeroizing::new(larger);
    }
    content.extend_from_slice(bytes);
}

fn too_large(path: &Path, limit: u64) -> FileError {
    FileError::TooLarge {
        path: path.into(),
        limit,
    }
}

#[cfg(unix)]
use pipe::given_to_limit;

#[cfg(not(unix))]
fn given_to_limit(file: File, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    file_to_limit(file, path, limit)
}

#[cfg(unix)]
pub(super) mod pipe {
    //! Reading of a pipe or terminal, with a deadline.

    use std::time::{Duration, Instant};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;

    use super::*;

    /// How long the other end may take for all it has: it may ask somebody for a passphrase.
    const PATIENCE: Duration = Duration::from_secs(60);

    pub(super) fn given_to_limit(
        file: File,
        path: &Path,
        limit: u64,
    ) -> Result<Vec<u8>, FileError> {
        match about(&file, path)?.is_file() {
            true => file_to_limit(file, path, limit),
            false => within(file, path, limit, PATIENCE),
        }
    }

    /// Reads until the other end closes it. One that nobody has opened for writing yet is waited for, too.
    pub(in crate::files) fn within(
        mut file: File,
        path: &Path,
        limit: u64,
        patience: Duration,
    ) -> Result<Vec<u8>, FileError> {
        let failed = |errno: Errno| FileError::io("read", path)(errno.into());
        let deadline = Instant::now() + patience;
        let mut content = Zeroizing::new(Vec::new());
        let mut chunk = Zeroizing::new([0; CHUNK]);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).map_err(|_| failed(Errno::INVAL))?;
            let mut polled = [PollFd::new(&file, PollFlags::IN)];
            match poll(&mut polled, Some(&left)) {
                Ok(0) => {
                    return Err(FileError::Silent {
                        path: path.into(),
                        waited: patience,
                    });
                }
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(failed(errno)),
            }
            match file.read(&mut chunk[..]) {
                Ok(0) => return Ok(std::mem::take(&mut *content)),
                Ok(read) if (content.len() + read) as u64 > limit => {
                    return Err(too_large(path, limit));
                }
                Ok(read) => append(&mut content, &chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(FileError::io("read", path)(error)),
            }
        }
    }
}
