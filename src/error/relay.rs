//! Errors of a relay that cannot start.

use crate::relay::{ServerError, TlsError};

use super::{CommandError, Exit, Hop};

impl From<ServerError> for CommandError {
    fn from(error: ServerError) -> Self {
        let text = error.to_string();
        match error {
            ServerError::Listen { source, .. } => {
                let hint = match source.kind() {
                    std::io::ErrorKind::AddrInUse => {
                        "another process has this port: choose one with --listen"
                    }
                    std::io::ErrorKind::PermissionDenied => {
                        "ports below 1024 need a privilege: choose another one, or see docs/relay.md"
                    }
                    _ => "choose an address of this machine with --listen",
                };
                Self::new("LISTEN_FAILED", Exit::Failed, text)
                    .at(Hop::Tcp)
                    .because(source)
                    .hint(hint)
            }
            ServerError::List { source, .. } => {
                Self::new("LIST_UNREADABLE", Exit::Config, text).because(source)
            }
            ServerError::Cluster(error) => Self::usage("INVALID_SETTING", error.to_string())
                .hint("separate several servers by commas"),
            ServerError::Tls(error) => {
                let made = Self::new("TLS_FILES_INVALID", Exit::Config, text)
                    .at(Hop::Tls)
                    .hint("both files are PEM; the first certificate is the relay's own");
                match error {
                    TlsError::File { source, .. } => made.because(source),
                    TlsError::Unusable(source) => made.because(source),
                    _ => made,
                }
            }
        }
    }
}
