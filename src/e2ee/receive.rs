//! The reading half of an open channel: opens frames, and refuses what does not belong there.

use futures_util::future::BoxFuture;

use super::channel::{Proof, Role, SharedSender};
use super::keys::PublicKey;
use super::nonce::Peer;
use super::seal::{OpenError, Opener};
use super::standing::{Freshness, Standing};
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
    standing: Standing,
    /// The first frame of a deployed client waits until its connection is written down. State, as what follows.
    waiting: Option<(BoxFuture<'static, bool>, Frame)>,
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
                if let Some((kept, _)) = &mut self.waiting {
                    let kept = kept.await;
                    if let Some((_, frame)) = self.waiting.take() {
                        self.standing.set(match kept {
                            true => Freshness::Fresh,
                            false => Freshness::Unrecorded,
                        });
                        return Ok(frame);
                    }
                }
                let frame = self.inner.recv().await?;
                match self.take(&frame) {
                    Ok(Some(frame)) => return Ok(frame),
                    Ok(None) => {}
                    Err(fault) => return Err(self.fail(fault).await),
                }
            }
        })
    }

    fn admit(&mut self) {
        self.inner.admit();
    }
}

impl Receiver {
    pub(super) fn new(
        inner: Box<dyn FrameReceiver>,
        shared: SharedSender,
        opener: Opener,
        binary: bool,
        role: Role,
        (proof, standing): (Proof, Standing),
    ) -> Self {
        Self {
            inner,
            shared,
            opener,
            binary,
            role,
            proof,
            standing,
            waiting: None,
            handshakes: 0,
            answer_owed: false,
            ended: false,
        }
    }

    /// Returns the plaintext of a frame, or nothing when it is a repeated handshake, or waits.
    fn take(&mut self, frame: &Frame) -> Result<Option<Frame>, Fault> {
        let opened = match frame {
            Frame::Text(text) if text.trim_ascii_start().starts_with('{') => {
                self.handshake(text)?;
                return Ok(None);
            }
            Frame::Text(text) => self.opener.open_base64_from(text.as_bytes()),
            Frame::Binary(bytes) if self.binary => self.opener.open_from(bytes),
            // As deployed receivers do when nothing was agreed.
            Frame::Binary(bytes) => self.opener.open_base64_from(bytes),
        };
        let (plaintext, peer) = opened.inspect_err(|error| {
            if error.is_genuine() {
                self.proof.give();
            }
        })?;
        let is_first = self.authenticated()?;
        let is_bytes = self.binary && matches!(frame, Frame::Binary(_));
        let plain = match is_bytes {
            true => Frame::Binary(plaintext.into()),
            false => match String::from_utf8(plaintext) {
                Ok(text) => Frame::Text(text),
                Err(_) if self.binary => return Err(Fault::NotUtf8),
                Err(error) => Frame::Binary(error.into_bytes().into()),
            },
        };
        Ok(match (peer, &self.role) {
            (
                Peer::Deployed,
                Role::Daemon {
                    responder,
                    greeting,
                },
            ) if is_first => {
                self.waiting = Some((responder.keep(greeting.agreement), plain));
                None
            }
            (Peer::Deployed, _) => Some(plain),
            (Peer::Fresh, _) => {
                self.standing.set(Freshness::Fresh);
                Some(plain)
            }
            (Peer::Early, _) => Some(plain),
        })
    }

    /// A frame was authenticated. Returns whether it is the first.
    fn authenticated(&self) -> Result<bool, Fault> {
        if self.proof.is_given() {
            return Ok(false);
        }
        if let Role::Daemon {
            responder,
            greeting,
        } = &self.role
            && !responder.use_up(greeting.agreement)
        {
            return Err(Fault::KeyUsedBefore);
        }
        self.proof.give();
        Ok(true)
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
            Fault::Open(error) if error.is_disorder() => Self::Disorder {
                what: error.to_string(),
            },
            other => Self::Protocol {
                layer: "encryption",
                what: other.to_string(),
            },
        }
    }
}
