//! The runtime in which a command talks to daemons.

use std::pin::{Pin, pin};

use tokio::runtime::Runtime;

use crate::error::{CommandError, Exit};

/// How many files a command has open at once, at least: with fewer the runtime panics, or a connection fails for a
/// reason that nobody finds.
const FILES: u64 = 20;

/// Refuses to go on where the process may not open so many files.
pub(super) fn may_open(files: u64) -> Result<(), CommandError> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        if limit < files {
            let message = format!("this process may open {limit} files; paseo needs {files}");
            let error = CommandError::new("TOO_FEW_FILES", Exit::Failed, message);
            return Err(error.hint("raise the limit: ulimit -n 1024"));
        }
    }
    Ok(())
}

/// Returns a runtime on this thread. Fails where the process may not open so many files.
pub(super) fn current_thread(files: u64) -> Result<Runtime, CommandError> {
    may_open(files)?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            CommandError::internal("the asynchronous runtime cannot start").because(error)
        })
}

/// Runs the asynchronous part of a command. Everything before it is blocking code: the keyring must
/// never be called from inside a runtime.
pub(super) fn run_async<T>(
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let mut result = None;
    drive(&mut pin!(async { result = Some(work.await) }))?;
    ended(result)
}

/// Returns what the work gave.
pub(super) fn ended<T>(result: Option<Result<T, CommandError>>) -> Result<T, CommandError> {
    result.unwrap_or_else(|| Err(CommandError::internal("the runtime ended early")))
}

/// The part of [`run_async`] that is the same for every command. The runtime's loop would otherwise be
/// compiled once for each of them.
fn drive(work: &mut Pin<&mut dyn Future<Output = ()>>) -> Result<(), CommandError> {
    let runtime = current_thread(FILES)?;
    runtime.block_on(work);
    // A name lookup that hangs would hold up an ordinary shutdown.
    runtime.shutdown_background();
    Ok(())
}
