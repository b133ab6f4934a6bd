//! Errors of a daemon's home.

use super::{CommandError, Exit, Hop};
use crate::pairing::HomeError;

impl From<HomeError> for CommandError {
    fn from(error: HomeError) -> Self {
        let hint = match &error {
            HomeError::Config { .. } => "correct it; or name another home with --home",
            HomeError::ServerId { .. } => "remove the file to make a new id, or restore it",
            HomeError::KeyPair { .. } => {
                "restore the file; or remove it, and pair every client anew with a new key"
            }
            HomeError::Pid { .. } => "when no daemon runs in this home, remove the file",
            HomeError::Exposed { .. } => {
                "if everything in it is yours, run chmod go-w on it and start again"
            }
            HomeError::File(_) => "",
        };
        match error {
            HomeError::File(error) => error.into(),
            other => Self::new("DAEMON_HOME_INVALID", Exit::Config, other.to_string())
                .at(Hop::Config)
                .because(other)
                .hint(hint),
        }
    }
}
