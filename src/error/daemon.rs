//! Errors of the built-in daemon.

use crate::daemon::StartError;
use crate::pairing::ClaimError;

use super::{CommandError, Exit, Hop};

impl From<StartError> for CommandError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Claim(ClaimError::Home(error)) | StartError::Home(error) => error.into(),
            StartError::Claim(error @ ClaimError::Running(_)) => {
                Self::new("DAEMON_ALREADY_RUNNING", Exit::Failed, error.to_string())
                    .at(Hop::Config)
                    .hint("stop it first, or name another home with --home")
            }
            StartError::Claim(error @ ClaimError::Starting) => {
                Self::new("DAEMON_ALREADY_RUNNING", Exit::Failed, error.to_string())
                    .at(Hop::Config)
                    .hint("wait for it, or name another home with --home")
            }
            StartError::Claim(error @ ClaimError::Elsewhere { .. }) => {
                Self::new("DAEMON_ALREADY_RUNNING", Exit::Failed, error.to_string())
                    .at(Hop::Config)
                    .hint("if it does not run any more, remove that file")
            }
            StartError::Listen { at, source } => Self::new(
                "LISTEN_FAILED",
                Exit::Failed,
                format!("cannot listen on {at}"),
            )
            .at(Hop::Tcp)
            .because(source)
            .hint("choose another address with --listen"),
            StartError::Duplicate(_) => Self::usage("DUPLICATE_AGENT", error.to_string()),
            StartError::Store(error) => error.into(),
            error => Self::new(
                "DAEMON_START_FAILED",
                Exit::Failed,
                "the daemon cannot start",
            )
            .because(error),
        }
    }
}
