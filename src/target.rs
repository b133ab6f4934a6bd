//! Where to connect, with nothing left to look up.
//!
//! The hinge of the program: everything before a [`Target`] is about names and files, everything after
//! it about bytes and peers. A relay without encryption cannot be written down.

use std::fmt;
use std::path::PathBuf;

use crate::e2ee::PublicKey;
use crate::protocol::relay::Endpoint;
use crate::secret::{RelayToken, Secret};
use crate::transport::SshHost;

/// A daemon, and the way to it.
#[derive(Debug, Clone)]
pub enum Target {
    /// Through a relay, end-to-end encrypted.
    Relay {
        /// Where the relay listens.
        relay: Endpoint,
        /// Whether the relay speaks TLS.
        tls: bool,
        /// The id that the relay routes by.
        server_id: Secret<String>,
        /// The key that the daemon must prove to hold.
        daemon_key: PublicKey,
        /// What a private relay wants to see.
        token: Option<RelayToken>,
        /// The daemon's password. It is shown inside the channel only.
        password: Option<Secret<String>>,
    },
    /// Straight over TCP.
    Tcp {
        /// Where the daemon listens.
        endpoint: Endpoint,
        /// Whether the daemon speaks TLS.
        tls: bool,
        /// The daemon's password.
        password: Option<Secret<String>>,
    },
    /// Straight to a daemon on the loopback of a machine that the system's ssh reaches.
    Ssh {
        /// Where ssh goes.
        host: SshHost,
        /// The daemon's password.
        password: Option<Secret<String>>,
    },
    /// Straight over a Unix socket.
    Unix {
        /// The socket.
        path: PathBuf,
        /// The daemon's password, which applies to the socket too.
        password: Option<Secret<String>>,
    },
}

impl Target {
    /// Returns the password that is shown to the daemon. A blank one is none.
    pub fn password(&self) -> Option<&Secret<String>> {
        let (Self::Relay { password, .. }
        | Self::Tcp { password, .. }
        | Self::Unix { password, .. }
        | Self::Ssh { password, .. }) = self;
        let password = password.as_ref();
        password.filter(|password| !password.expose().trim().is_empty())
    }
}

/// Names the target without any secret.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relay { relay, .. } => write!(f, "relay {relay}"),
            Self::Tcp { endpoint, .. } => endpoint.fmt(f),
            Self::Ssh { host, .. } => write!(f, "ssh://{host}"),
            Self::Unix { path, .. } => write!(f, "unix://{}", path.display()),
        }
    }
}
