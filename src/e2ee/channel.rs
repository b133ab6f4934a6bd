//! An open channel: a transport of plaintext frames on top of a transport of sealed ones.
//!
//! | payload | binary ciphertext agreed | not agreed |
//! |---|---|---|
//! | text | text frame, base64 | the same |
//! | binary | binary frame, raw | text frame, base64 |
//!
//! What is not agreed cannot be told apart by the receiver: there, a frame is text when it is UTF-8, and
//! the session layer must look at its first byte before it takes it for JSON.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::accept::Responder;
use super::handshake::{Established, Greeting};
use super::receive::Receiver;
use super::seal::{Sealer, TooLarge};
use super::standing::Standing;
use crate::protocol::e2ee::{MAX_BINARY_BYTES, MAX_TEXT_BYTES};
use crate::transport::{Closed, Frame, FrameReceiver, FrameSender, Transport, TransportError};

/// An open channel. Its ends are ordinary transports.
#[derive(Debug)]
pub struct Channel {
    /// Plaintext frames in and out. An error in receiving is final.
    pub transport: Transport,
    /// Whether text and binary are kept apart. Otherwise route by the first byte before parsing.
    pub binary: bool,
    /// Whether the peer has proved to hold its key.
    pub proof: Proof,
    /// What shows that the frame that was received last is no recording. Of a client's channel it says nothing.
    pub standing: Standing,
}

/// Whether a frame from the peer has been authenticated yet.
///
/// `e2ee_ready` is plaintext, so a client that offers the wrong key gets it all the same. A channel that
/// ends while nothing is proved says nothing of the key: a daemon that restarts and a relay that drops the connection
/// look the same.
#[derive(Debug, Clone, Default)]
pub struct Proof(Arc<AtomicBool>);

impl Proof {
    /// Returns whether a frame from the peer has been authenticated.
    pub fn is_given(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn give(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The sealed side, which the receiver needs too: to answer a repeated hello and to close.
pub(super) type SharedSender = Arc<Mutex<Box<dyn FrameSender>>>;

/// What the two sides do differently on an open channel.
pub(super) enum Role {
    Client,
    Daemon {
        responder: Arc<Responder>,
        greeting: Greeting,
    },
}

impl Channel {
    pub(super) fn new(
        established: Established,
        role: Role,
        sender: Box<dyn FrameSender>,
        receiver: Box<dyn FrameReceiver>,
    ) -> Self {
        let Established {
            sealer,
            opener,
            binary,
        } = established;
        let shared = Arc::new(Mutex::new(sender));
        let (proof, standing) = (Proof::default(), Standing::unknown());
        let receiver = Receiver::new(
            receiver,
            shared.clone(),
            opener,
            binary,
            role,
            (proof.clone(), standing.clone()),
        );
        let sender = Sender {
            inner: shared,
            sealer,
            binary,
            sealed: Vec::new(),
        };
        Self {
            transport: Transport {
                sender: Box::new(sender),
                receiver: Box::new(receiver),
            },
            binary,
            proof,
            standing,
        }
    }
}

struct Sender {
    inner: SharedSender,
    sealer: Sealer,
    binary: bool,
    /// Sealed, and not yet handed on: the peer counts frames, so one that has its number must leave, also when whoever
    /// sends it gives up.
    sealed: Vec<Frame>,
}

impl Sender {
    fn seal(&mut self, frame: Frame) -> Result<Frame, TooLarge> {
        match frame {
            Frame::Binary(bytes) if self.binary => {
                let bundle = self.sealer.seal(bytes.into())?;
                Ok(Frame::Binary(bundle.into()))
            }
            Frame::Binary(bytes) => self.sealer.seal_to_base64(bytes.into()).map(Frame::Text),
            Frame::Text(text) => self.sealer.seal_to_base64(text.into()).map(Frame::Text),
        }
    }
}

impl Sender {
    async fn hand_on(&mut self) -> Result<(), TransportError> {
        let mut inner = self.inner.lock().await;
        inner.send_all(std::mem::take(&mut self.sealed)).await
    }
}

impl FrameSender for Sender {
    fn send(&mut self, frame: Frame) -> BoxFuture<'_, Result<(), TransportError>> {
        self.send_all(vec![frame])
    }

    fn send_all(&mut self, frames: Vec<Frame>) -> BoxFuture<'_, Result<(), TransportError>> {
        let sealed = frames.into_iter().try_for_each(|frame| {
            let frame = self.seal(frame)?;
            self.sealed.push(frame);
            Ok::<_, TooLarge>(())
        });
        Box::pin(async move {
            self.hand_on().await?;
            Ok(sealed?)
        })
    }

    fn largest(&self) -> usize {
        match self.binary {
            true => MAX_BINARY_BYTES,
            false => MAX_TEXT_BYTES,
        }
    }

    fn close(&mut self, closed: Closed) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.inner.lock().await.close(closed).await })
    }
}

impl From<TooLarge> for TransportError {
    fn from(error: TooLarge) -> Self {
        Self::TooLarge { limit: error.limit }
    }
}
