//! Why no WebSocket was opened.

use std::fmt;
use std::time::Duration;

use crate::transport::network::Family;
use crate::transport::peer::Unknown;
use crate::transport::proxy::ProxyError;
use crate::transport::tls::{CertificateFault, TlsSetupError};
use crate::transport::user;

/// A step on the way to an open WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Name resolution.
    Dns,
    /// TCP, Unix socket, or the start of ssh.
    Connect,
    /// What a proxy does before it is out of the way.
    Proxy,
    /// TLS handshake.
    Tls,
    /// HTTP upgrade.
    Upgrade,
}

impl Step {
    /// Returns a word for it, as in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "tcp",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Upgrade => "upgrade",
        }
    }
}

/// Names what it waits for.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "the name to resolve",
            Self::Connect => "the connection to open",
            Self::Proxy => "the proxy to connect",
            Self::Tls => "the TLS handshake",
            Self::Upgrade => "the WebSocket upgrade",
        })
    }
}

/// The other end of a connection, as errors name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherEnd {
    /// Its address.
    pub address: String,
    /// Whether it is a relay: a daemon behind it may be well.
    pub relay: bool,
}

/// Says when it is a relay.
impl fmt::Display for OtherEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.relay { "the relay " } else { "" };
        write!(f, "{kind}{}", self.address)
    }
}

/// Why no WebSocket was opened. Nothing in it repeats the path or the password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The name does not resolve.
    #[error("the name {}{host} cannot be resolved", if *.relay { "of the relay " } else { "" })]
    Resolve {
        /// Whether it is that of a relay.
        relay: bool,
        /// The name.
        host: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The name resolves, to addresses of the other family.
    #[error("{host} has no {} address", family.as_str())]
    NoAddress {
        /// The name.
        host: OtherEnd,
        /// What was asked for.
        family: Family,
    },
    /// The proxy made no connection.
    #[error("the proxy {proxy} made no connection to {address}")]
    Proxy {
        /// The proxy, without user and password.
        proxy: String,
        /// The other end.
        address: OtherEnd,
        /// Why not.
        #[source]
        source: ProxyError,
    },
    /// ssh did not get there.
    #[error("ssh made no connection to {address}{}", said.as_ref().map(|said| format!(": {said}")).unwrap_or_default())]
    Ssh {
        /// The destination as ssh knows it.
        address: String,
        /// The last line that ssh said.
        said: Option<String>,
    },
    /// No address accepts the connection.
    #[error("no connection to {address}")]
    Connect {
        /// The other end.
        address: OtherEnd,
        /// What the system says of the last address tried.
        #[source]
        source: std::io::Error,
    },
    /// TLS cannot be set up on this side.
    #[error(transparent)]
    TlsSetup(#[from] TlsSetupError),
    /// The other end does not speak TLS.
    #[error("{address} does not speak TLS")]
    NotTls {
        /// The other end.
        address: OtherEnd,
    },
    /// The TLS handshake failed.
    #[error("the TLS handshake with {address} failed")]
    Tls {
        /// The other end.
        address: OtherEnd,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
    /// What answers is not HTTP; often a TLS port that was dialled without TLS.
    #[error("{address} does not answer with HTTP; perhaps it speaks TLS")]
    NotHttp {
        /// The other end.
        address: OtherEnd,
    },
    /// The certificate cannot be accepted.
    #[error("the certificate of {address} {fault}")]
    Certificate {
        /// The other end.
        address: OtherEnd,
        /// What is wrong with it.
        fault: CertificateFault,
    },
    /// On this machine, and another user's: no password was sent.
    #[error("{address} is another user's: {}", user::named(*uid))]
    OtherUser {
        /// The other end.
        address: String,
        /// The user.
        uid: u32,
    },
    /// On this machine, and the system's answer whose it is could not be read: no password was sent.
    #[error("cannot check which user listens at {address}: {why}")]
    OwnerUnreadable {
        /// The other end.
        address: String,
        /// Why not.
        why: Unknown,
    },
    /// The daemon does not answer to the name that it was asked under.
    #[error("the daemon at {address} refuses the host name {host}")]
    HostName {
        /// The other end.
        address: String,
        /// The name.
        host: String,
    },
    /// An HTTP server refused the upgrade.
    #[error("{address} refused the WebSocket upgrade with HTTP status {status}")]
    Refused {
        /// The other end.
        address: OtherEnd,
        /// Whether it was asked as a relay, not as a daemon.
        relay: bool,
        /// The status.
        status: u16,
        /// Whether the answer says that TLS is wanted.
        wants_tls: bool,
        /// The first line of the answer, if it is plain text: untrusted, printable, and without the path.
        said: Option<String>,
    },
    /// A private relay wants a token, or another one.
    #[error("the relay {address} {}", if *.sent { "refused the token" } else { "wants a token" })]
    Token {
        /// The relay.
        address: String,
        /// Whether one was sent.
        sent: bool,
    },
    /// The connection ended during the upgrade.
    #[error("{address} closed the connection during the WebSocket upgrade")]
    Dropped {
        /// The other end.
        address: OtherEnd,
    },
    /// The time is over.
    #[error("{address}: still waiting for {step} after {}", humantime::format_duration(*limit))]
    Timeout {
        /// The other end.
        address: OtherEnd,
        /// What it was waiting for.
        step: Step,
        /// The limit.
        limit: Duration,
    },
}
