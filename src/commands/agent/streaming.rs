//! Commands that print while they run: how they stop.

use std::sync::LazyLock;

use tokio::sync::watch;

use crate::commands::{CommandResult, Outcome, signals};
use crate::error::{CommandError, Exit};
use crate::output::{ReaderGone, Stream};

/// Why a streaming command stops before its end.
pub(in crate::commands) enum Stop {
    /// Whoever read the output has seen enough.
    ReaderGone,
    /// It failed.
    Failed(CommandError),
}

impl Stop {
    /// Returns the error, unless it stopped for another reason.
    pub(in crate::commands) fn error(self) -> Result<CommandError, Self> {
        match self {
            Self::Failed(error) => Ok(error),
            Self::ReaderGone => Err(self),
        }
    }
}

impl From<ReaderGone> for Stop {
    fn from(_: ReaderGone) -> Self {
        Self::ReaderGone
    }
}

impl From<CommandError> for Stop {
    fn from(error: CommandError) -> Self {
        Self::Failed(error)
    }
}

/// Prints to the end.
pub(in crate::commands) async fn to_the_end(
    stream: Stream,
    work: impl AsyncFnOnce(&Stream) -> Result<(), Stop>,
) -> CommandResult {
    let result = work(&stream).await;
    let written = stream.finish().await;
    end(result, written)
}

/// Prints until somebody interrupts it, which is no failure; `farewell` is the last text then.
pub(in crate::commands) async fn until_interrupted(
    stream: Stream,
    farewell: &str,
    work: impl AsyncFnOnce(&Stream) -> Result<(), Stop>,
) -> CommandResult {
    let result = tokio::select! {
        biased;
        () = interrupted() => None,
        result = work(&stream) => Some(result),
    };
    let Some(result) = result else {
        let _ = stream.text(farewell).await;
        return end(Ok(()), stream.finish_soon().await);
    };
    let written = stream.finish().await;
    end(result, written)
}

fn end(result: Result<(), Stop>, written: std::io::Result<()>) -> CommandResult {
    if let Err(Stop::Failed(error)) = result {
        return Err(error);
    }
    written.map_err(|error| {
        CommandError::new("OUTPUT_FAILED", Exit::Failed, "stdout cannot be written").because(error)
    })?;
    Ok(Outcome::default())
}

/// Whether this process was asked to end. The parts of a command for several daemons hear it from each other: one that
/// began to listen after the signal would never know.
static ASKED: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// Waits until this process is asked to end, or was.
async fn interrupted() {
    let mut asked = ASKED.subscribe();
    tokio::select! {
        () = signalled() => drop(ASKED.send_replace(true)),
        _ = asked.wait_for(|asked| *asked) => {}
    }
}

/// Waits for Ctrl-C, or for a request to end.
async fn signalled() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::SignalKind;

        use crate::commands::signals::catch;
        let Ok(mut terminate) = catch(SignalKind::terminate()) else {
            return ctrl_c().await;
        };
        tokio::select! {
            () = ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    ctrl_c().await;
}

async fn ctrl_c() {
    if signals::ctrl_c().await.is_err() {
        // Without a handler the signal ends the process.
        std::future::pending::<()>().await;
    }
}
