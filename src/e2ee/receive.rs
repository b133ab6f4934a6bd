//! The reading half of an open channel: opens frames, and refuses what does not belong there.

use futures_util::future::BoxFuture;

use super::channel::{Proof, Role, SharedSender};
use super::keys::PublicKey;
use super::seal::{OpenError, Opener};
use crate::protocol::e2ee::{CLOSE_FAILED, CLOSE_KEY_MISMATCH, Handshake, KEY_MISMATCH};
use crate::transport::{Closed, Frame, FrameReceiver, TransportError};

/// Handshake frames that an open channel takes. A client repeats its hello every second until it is
/// answered, and each may be answered; more than this is no accident.
const REPEATED_HANDSHAKES: u32 = 64;

pub(super) struct Receiver {
    inner: Box<dyn FrameReceiver>,
    shared: SharedSender,
    opener: Opener,
    binary: bool,
    role: Role,
    proof: Proof,
    handshakes: u32,
    /// A repeated hello waits for its answer. State, so that a cancelled `recv` forgets nothing.
    answer_owed: bool,
    /// After a fault nothing is opened any more.
    ended: bool,
}

impl FrameReceiver for Receiver {
    fn recv(&mut self) -> BoxFuture<'_, Result<Frame, TransportError>> {
        Box::pin(async move {
            loop {
                if self.ended {
                    return Err(Fault::Ended.into());
                }
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
    pub(super) fn new(
        inner: Box<dyn FrameReceiver>,
        shared: SharedSender,
        opener: Opener,
        binary: bool,
        role: Role,
        proof: Proof,
    ) -> Self {
        Self {
            inner,
            shared,
            opener,
            binary,
            role,
            proof,
            handshakes: 0,
            answer_owed: false,
            ended: false,
        }
    }

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
        self.ended = true;
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
    #[error("the channel has ended")]
    Ended,
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
