//! Standard output, as far as it is one.

use std::io;

/// Returns standard output; an error when it is open for reading only. The standard library takes what is written
/// there for written.
pub(super) fn stdout() -> io::Result<io::Stdout> {
    let stdout = io::stdout();
    #[cfg(unix)]
    {
        use rustix::fs::{OFlags, fcntl_getfl};
        let mode = fcntl_getfl(&stdout)? & OFlags::RWMODE;
        if mode == OFlags::RDONLY {
            return Err(io::Error::from(rustix::io::Errno::BADF));
        }
    }
    Ok(stdout)
}
