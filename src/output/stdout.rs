//! Standard output, as far as it is one.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether what was written last is the beginning of a line.
static MID_LINE: AtomicBool = AtomicBool::new(false);

/// Remembers how text for people ended.
pub(super) fn wrote(text: &[u8]) {
    if let Some(last) = text.last() {
        MID_LINE.store(*last != b'\n', Ordering::Relaxed);
    }
}

/// Returns whether a line was begun, and takes it for ended.
pub(super) fn take_mid_line() -> bool {
    MID_LINE.swap(false, Ordering::Relaxed)
}

/// Whether this process was started without stdout (`>&-`). The runtime opens `/dev/null` in its place before `main`.
#[cfg(unix)]
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Looks before the runtime does. It only asks the system, because nothing else is ready yet.
#[cfg(unix)]
#[ctor::ctor(unsafe)]
fn look() {
    if rustix::io::fcntl_getfd(rustix::stdio::stdout()).is_err() {
        CLOSED.store(true, Ordering::Relaxed);
    }
}

/// Returns standard output; an error when it was closed, or is open for reading only. The standard library takes what is
/// written there for written.
pub(super) fn stdout() -> io::Result<io::Stdout> {
    let stdout = io::stdout();
    #[cfg(unix)]
    {
        use rustix::fs::{OFlags, fcntl_getfl};
        let mode = fcntl_getfl(&stdout)? & OFlags::RWMODE;
        if CLOSED.load(Ordering::Relaxed) || mode == OFlags::RDONLY {
            return Err(io::Error::from(rustix::io::Errno::BADF));
        }
    }
    Ok(stdout)
}
