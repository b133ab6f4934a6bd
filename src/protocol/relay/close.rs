//! Why a relay closes a socket: each code with its text.

use std::fmt;

/// A relay's reason to close a socket. Codes and texts of the first six are the official ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Close {
    /// A newer socket took the seat.
    Replaced,
    /// To a data socket: its last client left.
    ClientGone,
    /// To a client: its data socket left, for whatever reason.
    ServerGone,
    /// To a control socket: it did not bring a data socket for a waiting client.
    ControlUnresponsive,
    /// To a control socket: it does not read what the relay tells it.
    ControlSendFailed,
    /// A message is larger than the limit.
    TooLarge {
        /// Size of the message, in bytes.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The peer broke the WebSocket protocol (RFC 6455).
    BadProtocol,
    /// A text message is not UTF-8.
    BadText,
    /// The peer's queue stayed full for too long.
    TooSlow,
    /// The daemon is absent and the client sent more than the relay keeps.
    HeldTooMuch,
    /// The peer answers no pings.
    Silent,
    /// A limit of the relay as a whole is reached.
    Overloaded,
    /// The relay stops; come back.
    Restart,
}

impl Close {
    /// Returns the close code (RFC 6455 section 7.4, and 1012 and 1013 of its registry).
    pub fn code(self) -> u16 {
        match self {
            Self::ClientGone => 1001,
            Self::BadProtocol => 1002,
            Self::BadText => 1007,
            Self::Replaced | Self::TooSlow | Self::Silent => 1008,
            Self::TooLarge { .. } => 1009,
            Self::ControlUnresponsive | Self::ControlSendFailed => 1011,
            Self::ServerGone | Self::Restart => 1012,
            Self::HeldTooMuch | Self::Overloaded => 1013,
        }
    }
}

/// The close reason as it is on the wire: at most 123 bytes.
impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Replaced => "Replaced by new connection",
            Self::ClientGone => "Client disconnected",
            Self::ServerGone => "Server disconnected",
            Self::ControlUnresponsive => "Control unresponsive",
            Self::ControlSendFailed => "Control send failed",
            Self::TooLarge { size, limit } => {
                return write!(f, "Message is too large: {size} > {limit}");
            }
            Self::BadProtocol => "Protocol violation",
            Self::BadText => "Text is not UTF-8",
            Self::TooSlow => "Too slow",
            Self::HeldTooMuch => "Server absent and buffer full",
            Self::Silent => "No answer to pings",
            Self::Overloaded => "Relay overloaded",
            Self::Restart => "Relay restarting",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn official_codes_and_texts() {
        for (close, code, text) in [
            (Close::Replaced, 1008, "Replaced by new connection"),
            (Close::ClientGone, 1001, "Client disconnected"),
            (Close::ServerGone, 1012, "Server disconnected"),
            (Close::ControlUnresponsive, 1011, "Control unresponsive"),
            (Close::ControlSendFailed, 1011, "Control send failed"),
            (
                Close::TooLarge {
                    size: 34_603_008,
                    limit: crate::protocol::relay::MAX_MESSAGE_BYTES,
                },
                1009,
                "Message is too large: 34603008 > 33554432",
            ),
        ] {
            assert_eq!((close.code(), close.to_string().as_str()), (code, text));
        }
    }
}
