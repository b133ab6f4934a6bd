//! Why a connection never becomes a socket.

use hyper::StatusCode;

use crate::protocol::relay::QueryError;

/// A refusal: the answer's status and text, and the label of its metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// No such path.
    #[error("Not found")]
    Path,
    /// The query is not valid.
    #[error("{0}")]
    Query(QueryError),
    /// The request is no upgrade.
    #[error("Expected WebSocket upgrade")]
    Upgrade,
    /// An upgrade to a version of WebSocket that does not exist.
    #[error("Expected WebSocket version 13")]
    Version,
    /// An upgrade without its key.
    #[error("Missing Sec-WebSocket-Key header")]
    Key,
    /// The relay stops.
    #[error("draining")]
    Draining,
    /// No token, or a wrong one.
    #[error("This relay needs a token")]
    Token,
    /// The server id is not on the list.
    #[error("This relay does not serve this server")]
    Server,
    /// Another daemon holds the server id, and lives.
    #[error("Another daemon is connected with this server id")]
    Claimed,
    /// The node that owns the session does not answer.
    #[error("cluster")]
    Cluster,
    /// The session has all sockets that it may have.
    #[error("Too many sockets for this server")]
    Session,
    /// The address has all sockets that it may have.
    #[error("Too many sockets from this address")]
    Address,
    /// The address opens sockets too fast.
    #[error("Too many new sockets from this address")]
    Rate,
    /// A TLS greeting where plain HTTP is spoken.
    #[error("This port speaks plain HTTP: use ws:// or http://, or set useTls to false")]
    TlsOnPlain,
    /// Plain HTTP where TLS is spoken.
    #[error("This port speaks TLS: use wss:// or https://, or set useTls to true")]
    PlainOnTls,
    /// The TLS handshake failed.
    #[error("TLS handshake failed")]
    Tls,
    /// All sockets are taken. There is no answer: it would need what there is too little of.
    #[error("too many sockets")]
    Sockets,
    /// The head did not come in time or is no HTTP; hyper has answered.
    #[error("no request in time")]
    Handshake,
}

impl Refusal {
    /// Labels of all metrics.
    pub(super) const LABELS: [&str; 15] = [
        "not_found",
        "bad_request",
        "draining",
        "sockets",
        "handshake",
        "token",
        "server",
        "claimed",
        "cluster",
        "session_sockets",
        "address_sockets",
        "address_rate",
        "tls_on_plain",
        "plain_on_tls",
        "tls_handshake",
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Path => "not_found",
            Self::Query(_) | Self::Upgrade | Self::Version | Self::Key => "bad_request",
            Self::Draining => "draining",
            Self::Sockets => "sockets",
            Self::Handshake => "handshake",
            Self::Token => "token",
            Self::Server => "server",
            Self::Claimed => "claimed",
            Self::Cluster => "cluster",
            Self::Session => "session_sockets",
            Self::Address => "address_sockets",
            Self::Rate => "address_rate",
            Self::TlsOnPlain => "tls_on_plain",
            Self::PlainOnTls => "plain_on_tls",
            Self::Tls => "tls_handshake",
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Path => StatusCode::NOT_FOUND,
            Self::Query(_) | Self::Key | Self::TlsOnPlain | Self::PlainOnTls | Self::Tls => {
                StatusCode::BAD_REQUEST
            }
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::Server => StatusCode::FORBIDDEN,
            Self::Claimed => StatusCode::CONFLICT,
            Self::Session | Self::Address | Self::Rate => StatusCode::TOO_MANY_REQUESTS,
            Self::Upgrade | Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Draining | Self::Sockets | Self::Cluster => StatusCode::SERVICE_UNAVAILABLE,
            Self::Handshake => StatusCode::REQUEST_TIMEOUT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_listed() {
        for refusal in [
            Refusal::Path,
            Refusal::Query(QueryError::NoServer),
            Refusal::Upgrade,
            Refusal::Version,
            Refusal::Key,
            Refusal::Draining,
            Refusal::Sockets,
            Refusal::Handshake,
            Refusal::Token,
            Refusal::Server,
            Refusal::Claimed,
            Refusal::Cluster,
            Refusal::Session,
            Refusal::Address,
            Refusal::Rate,
            Refusal::TlsOnPlain,
            Refusal::PlainOnTls,
            Refusal::Tls,
        ] {
            assert!(Refusal::LABELS.contains(&refusal.label()));
        }
    }
}
