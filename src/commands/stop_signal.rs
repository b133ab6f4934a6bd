//! The signals that end a server.

use crate::error::CommandError;

/// Returns what is ready when the process is asked to stop: SIGTERM or Ctrl-C. Call it within a
/// runtime.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>, CommandError> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::SignalKind;

        use super::signals::catch;
        let failed = |error| CommandError::internal("signals cannot be caught").because(error);
        let mut terminate = catch(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = catch(SignalKind::interrupt()).map_err(failed)?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        // Without the signal there is only the hard way to stop.
        if super::signals::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
