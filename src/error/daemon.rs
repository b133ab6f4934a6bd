//! Errors of the built-in daemon.

use crate::daemon::StartError;
use crate::pairing::ClaimError;

use super::{CommandError, Exit, Hop};

impl CommandError {
    /// A listener that other machines could reach would let everybody in.
    pub fn password_needed() -> Self {
        let message = "an address beyond this machine needs a password";
        Self::usage("PASSWORD_NEEDED", message)
    }
}

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
                    .hint("wait for it, or choose another home with --home")
            }
            StartError::Claim(error @ ClaimError::Elsewhere { .. }) => {
                Self::new("DAEMON_ALREADY_RUNNING", Exit::Failed, error.to_string())
                    .at(Hop::Config)
                    .hint("if that daemon no longer runs, remove the pid file")
            }
            StartError::Listen { at, source } => Self::new(
                "LISTEN_FAILED",
                Exit::Failed,
                format!("cannot listen on {at}"),
            )
            .at(Hop::Tcp)
            .because(source)
            .hint("choose another address with --listen"),
            StartError::PasswordNeeded => Self::password_needed()
                .hint("set PASEO_PASSWORD, or daemon.auth.password in config.json; or listen on 127.0.0.1"),
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
