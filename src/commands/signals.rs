//! The one place where commands catch signals. A question that was asked before has a default for them that would
//! otherwise come first (`output::signal_is_caught`); `clippy.toml` forbids to catch them elsewhere.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind};

/// Catches a signal from here on. Call it within a runtime.
#[cfg(unix)]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that catches signals"
)]
pub(super) fn catch(kind: SignalKind) -> io::Result<Signal> {
    crate::output::signal_is_caught(kind.as_raw_value());
    tokio::signal::unix::signal(kind)
}

/// Waits for Ctrl-C. Call it within a runtime.
pub(super) async fn ctrl_c() -> io::Result<()> {
    #[cfg(unix)]
    {
        catch(SignalKind::interrupt())?.recv().await;
        Ok(())
    }
    #[cfg(not(unix))]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that catches signals"
    )]
    tokio::signal::ctrl_c().await
}
