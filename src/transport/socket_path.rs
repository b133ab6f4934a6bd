//! How long the path of a Unix socket may be.

use std::path::Path;

/// Longest path in bytes: `sun_path` without its NUL.
pub const MAX_SOCKET_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The path is longer than [`MAX_SOCKET_PATH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path of a socket has at most {MAX_SOCKET_PATH} bytes, this one has {0}")]
pub struct PathTooLong(pub usize);

/// Checks a path before the system refuses it in words that nobody knows.
pub fn check_socket_path(path: &Path) -> Result<(), PathTooLong> {
    match path.as_os_str().len() {
        0..=MAX_SOCKET_PATH => Ok(()),
        length => Err(PathTooLong(length)),
    }
}
