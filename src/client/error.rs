//! Why there is no session.

use std::sync::Arc;
use std::time::Duration;

use crate::e2ee;
use crate::protocol::admission::{Rejection, is_token};
use crate::protocol::relay::Endpoint;
use crate::secret::Secret;
use crate::transport::{DialError, TransportError};

/// What is wrong with the password of a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// The daemon requires one, and none is known for it.
    #[error("the daemon requires a password")]
    Required,
    /// The daemon says that it is wrong.
    #[error("the password is incorrect")]
    Incorrect,
    /// The daemon did not see it: before 0.10 it reads only what can stand in a header, and this one cannot.
    #[error("the daemon cannot take this password")]
    NotToken,
    /// The daemon did not see it, though it stood in a header, too.
    #[error("the password did not reach the daemon")]
    Lost,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No WebSocket.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The relay says that no daemon is there.
    #[error("the relay {relay} answers, but the daemon is not connected to it")]
    DaemonAbsent {
        /// The relay.
        relay: Endpoint,
    },
    /// The relay took the connection, and nothing came back in time.
    #[error("the relay {relay} answers, but the daemon behind it did not within {}", humantime::format_duration(*limit))]
    DaemonSilent {
        /// The relay.
        relay: Endpoint,
        /// The limit.
        limit: Duration,
    },
    /// The other side answered the handshake, and the connection ended before anything showed whose key it has. A daemon
    /// with another key ends it, and so do one that restarts and a relay that drops it.
    #[error("the connection ended before the daemon proved its key")]
    NotProven {
        /// How the connection ended; `None`: nothing came in time.
        #[source]
        source: Option<Arc<TransportError>>,
    },
    /// What the other side sealed was not sealed with the daemon's key, or was changed on the way.
    #[error("the answer was not made with the paired daemon's key")]
    WrongKey {
        /// How that was seen.
        #[source]
        source: Option<Arc<TransportError>>,
    },
    /// Frames came that nobody had sealed.
    #[error("an unencrypted frame arrived on the encrypted channel")]
    NotSealed(#[source] Arc<TransportError>),
    /// The daemon takes no more clients.
    #[error("the daemon has too many connections")]
    Full,
    /// The channel broke the rules.
    #[error("the encrypted channel could not be opened")]
    Channel(#[source] e2ee::ConnectError),
    /// Another daemon than the paired one listens there.
    #[error("another daemon than the paired one listens at {address}")]
    OtherDaemon {
        /// Where.
        address: String,
    },
    /// The daemon requires a password, or another one.
    #[error("{0}")]
    Password(PasswordFault),
    /// The daemon refuses the hello for a reason that this version does not know.
    #[error("the daemon refused the connection: {reason}")]
    Rejected {
        /// Its word for it: untrusted text.
        reason: String,
    },
    /// The daemon speaks another protocol version.
    #[error("the daemon speaks another version of the protocol")]
    ProtocolVersion,
    /// The daemon took the connection and never introduced itself.
    #[error("the daemon accepted the connection and then said nothing for {}", humantime::format_duration(*limit))]
    Silent {
        /// The limit.
        limit: Duration,
    },
    /// The connection ended before the session was open.
    #[error("the connection ended before the session was open")]
    Ended(#[source] Arc<TransportError>),
}

impl ConnectError {
    /// Returns what a daemon's refusal means, where this password was shown.
    pub fn of_rejection(rejection: Rejection, shown: Option<&Secret<String>>) -> Self {
        let is_token = shown.map(|password| is_token(password.expose()));
        Self::Password(match (rejection, is_token) {
            (Rejection::IncompatibleProtocol, _) => return Self::ProtocolVersion,
            (Rejection::Other(reason), _) => return Self::Rejected { reason },
            // What it refused may be the credential of an earlier run.
            (_, None) => PasswordFault::Required,
            (Rejection::IncorrectPassword, Some(_)) => PasswordFault::Incorrect,
            (Rejection::PasswordRequired, Some(false)) => PasswordFault::NotToken,
            (Rejection::PasswordRequired, Some(true)) => PasswordFault::Lost,
        })
    }
}
