//! Frames between two ends, whatever carries them.
//!
//! A [`Transport`] is two halves, so that reading never waits for writing. The encrypted channel
//! ([`crate::e2ee`]) takes one and gives another: everything above it cannot tell the difference.

pub mod budget;
pub mod dial;
mod greeting;
mod intake;
mod network;
pub mod peer;
mod presence;
mod proxy;
mod socket_path;
mod ssh;
mod stopwatch;
mod tap;
mod tls;
mod traffic;
mod user;
pub mod websocket;

pub use dial::{Address, Dial, DialError, Dialed, OtherEnd, Step, dial, dial_for_stranger};
pub use greeting::Greeting;
pub use intake::STRANGER_BYTES;
pub use network::{Family, FamilyError, Header, HeaderError, Network};
pub use presence::Presence;
pub use proxy::{NoProxy, Proxy, ProxyError, ProxyParseError};
pub use socket_path::{MAX_SOCKET_PATH, PathTooLong, check_socket_path};
pub use ssh::{SshHost, SshHostError};
pub use stopwatch::{Lap, Stopwatch};
pub use tls::{CertificateFault, TlsSetupError};
pub use traffic::Traffic;

pub mod memory;

use std::fmt;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::protocol::relay::MAX_MESSAGE_BYTES;

/// One message. Text and binary are kept apart on every hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// UTF-8, mostly JSON.
    Text(String),
    /// Anything else.
    Binary(Bytes),
}

impl Frame {
    /// Length of the payload in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Returns whether there is no payload.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Why a WebSocket was closed (RFC 6455 section 7.4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closed {
    /// The close code; `None` when the peer gave none (1005).
    pub code: Option<u16>,
    /// The peer's text: untrusted, at most 123 bytes.
    pub reason: String,
}

impl Closed {
    /// A close with a code and a text.
    pub fn new(code: u16, reason: &str) -> Self {
        Self {
            code: Some(code),
            reason: reason.to_owned(),
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.reason.as_str()) {
            (None, _) => f.write_str("no code"),
            (Some(code), "") => write!(f, "code {code}"),
            (Some(code), reason) => write!(f, "code {code}, {reason}"),
        }
    }
}

/// Why an open transport ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The peer closed it.
    #[error("closed by the other side ({0})")]
    Closed(Closed),
    /// The connection broke without a close frame.
    #[error("the connection was lost")]
    Lost(#[source] std::io::Error),
    /// A message is larger than the limit, in bytes.
    #[error("a message is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// All connections of this process together hold too much, and this one wants more.
    #[error("all connections together hold too much")]
    Overloaded,
    /// A message was on its way for too long.
    #[error("a message did not come to its end in time")]
    Unfinished,
    /// The peer broke the rules of the layer that is named.
    #[error("the other side broke the {layer} protocol: {what}")]
    Protocol {
        /// `WebSocket` or `encryption`.
        layer: &'static str,
        /// What is wrong.
        what: String,
    },
    /// Another daemon answers than the one that was meant.
    #[error("another daemon answers than the paired one")]
    OtherPeer,
    /// Frames were lost, repeated or moved on the way, or are of another connection.
    #[error("the relay did not pass on the frames as they were sent: {what}")]
    Disorder {
        /// What is wrong with the first of them.
        what: String,
    },
    /// A frame did not decrypt: the peer has another key, or somebody changed the frame.
    #[error("a frame could not be authenticated")]
    NotAuthentic,
}

/// The writing half.
///
/// Cancelling a send leaves no gap: the frame was not taken at all, or it leaves with the next one. A sender that numbers
/// its frames takes them when it is called.
pub trait FrameSender: Send {
    /// Sends one frame; returns when it has left for the operating system.
    fn send(&mut self, frame: Frame) -> BoxFuture<'_, Result<(), TransportError>>;

    /// Sends several frames with one flush, so that they leave in one flight.
    fn send_all(&mut self, frames: Vec<Frame>) -> BoxFuture<'_, Result<(), TransportError>>;

    /// Largest payload of a binary frame, in bytes. One of text may have less.
    fn largest(&self) -> usize {
        MAX_MESSAGE_BYTES
    }

    /// Sends a close frame, as far as that is still possible, and waits for nothing.
    fn close(&mut self, closed: Closed) -> BoxFuture<'_, ()>;
}

/// The reading half.
pub trait FrameReceiver: Send {
    /// Receives the next frame. Cancelling it loses nothing.
    fn recv(&mut self) -> BoxFuture<'_, Result<Frame, TransportError>>;

    /// The peer has shown who it is: where strangers may send short messages only, it may send long ones from now on.
    fn admit(&mut self) {}
}

/// Both halves of an open connection.
pub struct Transport {
    /// The writing half.
    pub sender: Box<dyn FrameSender>,
    /// The reading half.
    pub receiver: Box<dyn FrameReceiver>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}
