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
    /// All sockets are taken. There is no answer: it would need what there is too little of.
    #[error("too many sockets")]
    Sockets,
    /// The head did not come in time or is no HTTP; hyper has answered.
    #[error("no request in time")]
    Handshake,
}

impl Refusal {
    /// Labels of all metrics.
    pub(super) const LABELS: [&str; 5] = [
        "not_found",
        "bad_request",
        "draining",
        "sockets",
        "handshake",
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Path => "not_found",
            Self::Query(_) | Self::Upgrade | Self::Version | Self::Key => "bad_request",
            Self::Draining => "draining",
            Self::Sockets => "sockets",
            Self::Handshake => "handshake",
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Path => StatusCode::NOT_FOUND,
            Self::Query(_) | Self::Key => StatusCode::BAD_REQUEST,
            Self::Upgrade | Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Draining | Self::Sockets => StatusCode::SERVICE_UNAVAILABLE,
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
        ] {
            assert!(Refusal::LABELS.contains(&refusal.label()));
        }
    }
}
