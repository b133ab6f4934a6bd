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
use super::keys::PublicKey;
use super::seal::{OpenError, Opener, Sealer, TooLarge};
use crate::protocol::e2ee::{CLOSE_FAILED, CLOSE_KEY_MISMATCH, Handshake, KEY_MISMATCH};
use crate::transport::{Closed, Frame, FrameReceiver, FrameSender, Transport, TransportError};

/// Handshake frames that an open channel takes. A client repeats its hello every second until it is
/// answered, and each may be answered; more than this is no accident.
const REPEATED_HANDSHAKES: u32 = 64;

/// An open channel. Its ends are ordinary transports.
#[derive(Debug)]
pub struct Channel {
    /// Plaintext frames in and out. An error in receiving is final.
    pub transport: Transport,
    /// Whether text and binary are kept apart. Otherwise route by the first byte before parsing.
    pub binary: bool,
    /// Whether the peer has proved to hold its key.
    pub proof: Proof,
}

/// Whether a frame from the peer has been authenticated yet.
///
/// `e2ee_ready` is plaintext, so a client that offers the wrong key gets it all the same. A channel that
/// ends while nothing is proved was most likely opened with the wrong key; a daemon that is absent
/// does not get as far as a channel.
#[derive(Debug, Clone, Default)]
pub struct Proof(Arc<AtomicBool>);

impl Proof {
    /// Returns whether a frame from the peer has been authenticated.
    pub fn is_given(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn give(&self) {
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
        let proof = Proof::default();
        let receiver = Receiver {
            inner: receiver,
            shared: shared.clone(),
            opener,
            binary,
            role,
            proof: proof.clone(),
            handshakes: 0,
            answer_owed: false,
        };
        let sender = Sender {
            inner: shared,
            sealer,
            binary,
        };
        Self {
            transport: Transport {
                sender: Box::new(sender),
                receiver: Box::new(receiver),
            },
            binary,
            proof,
        }
    }
}

struct Sender {
    inner: SharedSender,
    sealer: Sealer,
    binary: bool,
}

impl Sender {
    fn seal(&mut self, frame: &Frame) -> Result<Frame, TooLarge> {
        match frame {
            Frame::Binary(bytes) if self.binary => {
                let bundle = self.sealer.seal(bytes)?;
                Ok(Frame::Binary(bundle.into()))
            }
            Frame::Binary(bytes) => self.sealer.seal_to_base64(bytes).map(Frame::Text),
            Frame::Text(text) => self.sealer.seal_to_base64(text.as_bytes()).map(Frame::Text),
        }
    }
}

impl FrameSender for Sender {
    fn send(&mut self, frame: Frame) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            let sealed = self.seal(&frame)?;
            self.inner.lock().await.send(sealed).await
        })
    }

    fn send_all(&mut self, frames: Vec<Frame>) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            let sealed: Result<Vec<_>, _> = frames.iter().map(|frame| self.seal(frame)).collect();
            self.inner.lock().await.send_all(sealed?).await
        })
    }

    fn close(&mut self, closed: Closed) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.inner.lock().await.close(closed).await })
    }
}

struct Receiver {
    inner: Box<dyn FrameReceiver>,
    shared: SharedSender,
    opener: Opener,
    binary: bool,
    role: Role,
    proof: Proof,
    handshakes: u32,
    /// A repeated hello waits for its answer. State, so that a cancelled `recv` forgets nothing.
    answer_owed: bool,
}

impl FrameReceiver for Receiver {
    fn recv(&mut self) -> BoxFuture<'_, Result<Frame, TransportError>> {
        Box::pin(async move {
            loop {
                self.answer().await?;
                let frame = self.inner.recv().await?;
                match self.take(&frame) {
                    Ok(Some(frame)) => return Ok(frame),
                    Ok(None) => {}
                    Err(fault) => return Err(self.fail(fault).await),
                }
            }
        })
    }
}

impl Receiver {
    /// Returns the plaintext of a frame, or nothing when it is a repeated handshake.
    fn take(&mut self, frame: &Frame) -> Result<Option<Frame>, Fault> {
        let plaintext = match frame {
            Frame::Text(text) if text.trim_ascii_start().starts_with('{') => {
                self.handshake(text)?;
                return Ok(None);
            }
            Frame::Text(text) => self.opener.open_base64(text.as_bytes())?,
            Frame::Binary(bytes) if self.binary => self.opener.open(bytes)?,
            // As deployed receivers do when nothing was agreed.
            Frame::Binary(bytes) => self.opener.open_base64(bytes)?,
        };
        self.authenticated()?;
        let is_bytes = self.binary && matches!(frame, Frame::Binary(_));
        if is_bytes {
            return Ok(Some(Frame::Binary(plaintext.into())));
        }
        match String::from_utf8(plaintext) {
            Ok(text) => Ok(Some(Frame::Text(text))),
            Err(_) if self.binary => Err(Fault::NotUtf8),
            Err(error) => Ok(Some(Frame::Binary(error.into_bytes().into()))),
        }
    }

    fn authenticated(&self) -> Result<(), Fault> {
        if self.proof.is_given() {
            return Ok(());
        }
        if let Role::Daemon {
            responder,
            greeting,
        } = &self.role
            && !responder.use_up(&greeting.client_key)
        {
            return Err(Fault::KeyUsedBefore);
        }
        self.proof.give();
        Ok(())
    }

    /// Takes a plaintext frame. The handshake's own frames may be repeated; anything else is an attack
    /// or a mistake, and fatal.
    fn handshake(&mut self, text: &str) -> Result<(), Fault> {
        self.handshakes += 1;
        if self.handshakes > REPEATED_HANDSHAKES {
            return Err(Fault::Flood);
        }
        match (Handshake::parse(text), &self.role) {
            (Some(Handshake::Ready(_)), _) => Ok(()),
            (Some(Handshake::Hello(hello)), Role::Daemon { greeting, .. }) => {
                let key = PublicKey::from_base64(&hello.key).map_err(|_| Fault::Plaintext)?;
                if key != greeting.client_key {
                    return Err(Fault::KeyMismatch);
                }
                self.answer_owed = true;
                Ok(())
            }
            _ => Err(Fault::Plaintext),
        }
    }

    /// Answers a repeated hello as the first one: what was agreed stays agreed.
    async fn answer(&mut self) -> Result<(), TransportError> {
        if let (true, Role::Daemon { greeting, .. }) = (self.answer_owed, &self.role) {
            let ready = Frame::Text(greeting.ready.clone());
            self.shared.lock().await.send(ready).await?;
            self.answer_owed = false;
        }
        Ok(())
    }

    async fn fail(&mut self, fault: Fault) -> TransportError {
        // Only when nobody is sending: a peer that does not read must not hold the error back.
        if let Ok(mut sender) = self.shared.try_lock() {
            sender.close(fault.close()).await;
        }
        fault.into()
    }
}

/// Why an open channel ends.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("a frame came unencrypted")]
    Plaintext,
    #[error("a text frame that is not UTF-8")]
    NotUtf8,
    #[error("too many repeated handshakes")]
    Flood,
    #[error("a second handshake with another key")]
    KeyMismatch,
    #[error("the client's key belongs to an earlier connection: somebody repeats recorded frames")]
    KeyUsedBefore,
}

impl Fault {
    fn close(&self) -> Closed {
        match self {
            Self::KeyMismatch => Closed::new(CLOSE_KEY_MISMATCH, KEY_MISMATCH),
            _ => Closed::new(CLOSE_FAILED, &self.to_string()),
        }
    }
}

impl From<Fault> for TransportError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Open(OpenError::NotAuthentic) => Self::NotAuthentic,
            other => Self::Protocol {
                layer: "encryption",
                what: other.to_string(),
            },
        }
    }
}

impl From<TooLarge> for TransportError {
    fn from(error: TooLarge) -> Self {
        Self::TooLarge { limit: error.limit }
    }
}
