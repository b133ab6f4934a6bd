//! Processes of ours that stay behind a Unix socket and hold something for later commands: connections
//! ([`super::mux`]), or the key of the vault ([`super::keystore`]). How one is found, told from others, and ended.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use sha2::{Digest, Sha256};

use crate::error::{CommandError, Exit};
use crate::files;
use crate::listen;

/// How often a holder looks whether it is still wanted.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a place in the queue of a busy holder is waited for.
const QUEUE_LIMIT: Duration = Duration::from_secs(1);

/// How long a holder may take to end by itself.
const END_LIMIT: Duration = Duration::from_secs(1);

/// A process that listens on one of our sockets.
pub(super) struct Holder {
    pub(super) stream: UnixStream,
    /// The process.
    pub(super) pid: Pid,
}

impl Holder {
    /// Finds who listens on a socket; `None` when nobody does. The system tells whose the process is.
    pub(super) fn at(socket: &Path) -> Option<Self> {
        let stream = reach(socket).ok()?;
        let peer = socket_peercred(&stream).ok()?;
        let ours = peer.uid == rustix::process::geteuid();
        ours.then_some(Self {
            stream,
            pid: peer.pid,
        })
    }

    /// Ends the process, stuck or not.
    pub(super) fn stop(self) {
        // What listens is closed only with the end, and what comes after it listens there again.
        for signal in [Signal::TERM, Signal::KILL] {
            let end = End::of(self.pid);
            let _ = kill_process(self.pid, signal);
            if end.comes_within(END_LIMIT) {
                return;
            }
        }
    }
}

/// The end of a process that is no child of ours.
struct End {
    pid: Pid,
    /// Linux tells of the end also where nobody has taken note of it yet.
    #[cfg(target_os = "linux")]
    handle: Option<std::os::fd::OwnedFd>,
}

impl End {
    fn of(pid: Pid) -> Self {
        Self {
            pid,
            #[cfg(target_os = "linux")]
            handle: rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok(),
        }
    }

    fn comes_within(&self, limit: Duration) -> bool {
        #[cfg(target_os = "linux")]
        if let Some(handle) = &self.handle {
            use rustix::event::{PollFd, PollFlags, Timespec, poll};
            let limit = Timespec::try_from(limit).ok();
            let mut ends = [PollFd::new(handle, PollFlags::IN)];
            return matches!(poll(&mut ends, limit.as_ref()), Ok(1..));
        }
        let deadline = Instant::now() + limit;
        while test_kill_process(self.pid).is_ok() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }
}

/// Connects to a socket. One whose queue stays full, because its process is stuck, is an error.
pub(super) fn reach(socket: &Path) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(socket)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let connection = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let deadline = Instant::now() + QUEUE_LIMIT;
    while let Err(error) = connect(&connection, &address) {
        if error != Errno::AGAIN || Instant::now() > deadline {
            return Err(error.into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let stream = UnixStream::from(connection);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// Returns where the holder of something listens. Its name tells nothing, and differs for all that differs.
pub(super) fn socket_in(dir: &Path, what: &str, ending: &str) -> PathBuf {
    let digest = Sha256::digest(what);
    let name: String = digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    dir.join(name).with_extension(ending)
}

/// Makes the directory of a socket, and refuses one that others may get into: no command would use a socket there.
pub(super) fn prepare_dir(socket: &Path) -> Result<(), CommandError> {
    let Some(dir) = socket.parent() else {
        return Ok(());
    };
    files::create_private_dir(dir)?;
    match is_private(dir) {
        true => Ok(()),
        false => {
            let message = format!("{} is not a directory of yours alone", dir.display());
            Err(
                CommandError::new("DIRECTORY_EXPOSED", Exit::Config, message)
                    .hint("remove it, or point XDG_RUNTIME_DIR to a directory with mode 0700"),
            )
        }
    }
}

/// Returns whether a directory is ours alone.
pub(super) fn is_private(dir: &Path) -> bool {
    let owner = rustix::process::geteuid().as_raw();
    dir.symlink_metadata()
        .is_ok_and(|dir| dir.is_dir() && dir.uid() == owner && dir.mode() & 0o077 == 0)
}

/// Returns once another process listens on the socket, or none.
pub(super) async fn replaced(socket: &Path) {
    let ours = listen::inode(socket);
    while ours.is_some() && listen::inode(socket) == ours {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
