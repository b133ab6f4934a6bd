//! A Unix socket that only its owner can open.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::process::umask;
use tokio::net::{UnixListener, UnixStream};

use crate::transport::peer::{self, Owner};

/// An open Unix socket. Its file has mode 0600, and is removed when this is dropped.
#[derive(Debug)]
pub struct UnixSocket {
    listener: UnixListener,
    /// Held for its drop.
    _file: SocketFile,
}

impl UnixSocket {
    /// Opens it. Replaces a file that nobody listens on. Call it within a runtime.
    pub fn open(path: &Path) -> io::Result<Self> {
        let stale = path
            .symlink_metadata()
            .is_ok_and(|meta| meta.file_type().is_socket());
        if stale && std::os::unix::net::UnixStream::connect(path).is_err() {
            std::fs::remove_file(path)?;
        }
        // With the mode that it keeps: whoever came before a later change would stay connected.
        let usual = umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
        let listener = UnixListener::bind(path);
        umask(usual);
        Ok(Self {
            listener: listener?,
            _file: SocketFile {
                path: path.to_owned(),
                inode: inode(path),
            },
        })
    }

    /// Waits for a connection, and returns it with the user that it is of.
    pub(super) async fn accept(&self) -> io::Result<(UnixStream, Owner)> {
        let (stream, _) = self.listener.accept().await?;
        let owner = peer::owner_of_unix(&stream);
        Ok((stream, owner))
    }

    /// Waits for a connection of this user. Those of others are closed, root's too.
    pub async fn accept_own(&self) -> io::Result<UnixStream> {
        let ours = Owner::User(rustix::process::geteuid().as_raw());
        loop {
            match self.accept().await? {
                (stream, owner) if owner == ours => return Ok(stream),
                _ => tracing::warn!("the connection of another user was refused"),
            }
        }
    }
}

/// The file of a Unix socket; removed when dropped, unless another one has taken its place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    inode: Option<(u64, u64)>,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if inode(&self.path) == self.inode {
            // Best effort: a socket that stays refuses connections, and the next start replaces it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Returns what tells a file from every other one that is there.
pub fn inode(path: &Path) -> Option<(u64, u64)> {
    let found = path.symlink_metadata().ok()?;
    Some((found.dev(), found.ino()))
}
