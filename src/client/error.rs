//! Why there is no session.

use std::sync::Arc;
use std::time::Duration;

use crate::e2ee;
use crate::protocol::relay::Endpoint;
use crate::transport::{DialError, TransportError};

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
    /// The daemon wants a password, or another one.
    #[error("the daemon refused the password")]
    Password {
        /// Whether one was sent.
        sent: bool,
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
