//! What a daemon must be able to do for a command.

use crate::client::DaemonClient;
use crate::error::{CommandError, Exit, Hop};

/// Refuses a daemon that does not advertise a feature. `code` is what the official CLI says then.
pub(super) fn require(
    daemon: &DaemonClient,
    feature: &str,
    code: &'static str,
    what: &str,
) -> Result<(), CommandError> {
    let server = daemon.server();
    if server.has(feature) {
        return Ok(());
    }
    let version = server.version.as_deref().unwrap_or("an unknown version");
    Err(CommandError::new(
        code,
        Exit::Incompatible,
        format!("this daemon ({version}) cannot {what}: it lacks the feature {feature}"),
    )
    .at(Hop::Daemon)
    .hint("update the daemon: 0.5.0 has it"))
}

/// Refuses a daemon that no longer has `what` of 0.1.65. Newer ones need not even answer requests about it; that they
/// keep projects tells them.
pub(super) fn require_old(daemon: &DaemonClient, what: &str) -> Result<(), CommandError> {
    let server = daemon.server();
    if !server.has("projectList") {
        return Ok(());
    }
    let version = server.version.as_deref().unwrap_or("an unknown version");
    Err(CommandError::new(
        "DAEMON_TOO_NEW",
        Exit::Incompatible,
        format!("this daemon ({version}) has no {what} any more: those of 0.1.65 did"),
    )
    .at(Hop::Daemon))
}
