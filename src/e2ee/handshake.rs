//! The handshake of the channel, as objects that are consumed. Nothing here does I/O.
//!
//! ```text
//! client -> daemon  {"type":"e2ee_hello","key":K,"capabilities":{"binaryCiphertext":true}}
//! daemon -> client  {"type":"e2ee_ready","capabilities":{"binaryCiphertext":true},"freshness":F}
//! ```
//!
//! The client is authenticated by nothing. The daemon is by the first frame that decrypts, because only
//! the owner of the offered key can have sealed it; `e2ee_ready` proves nothing unless it has `freshness`, which
//! daemons of ours put there ([`super::nonce`]).

use std::ops::ControlFlow;

use super::accept::Agreement;
use super::fresh;
use super::keys::{KeyError, PublicKey, SecretKey};
use super::nonce::Value;
use super::seal::{Opener, Sealer, SharedKey, TooLarge};
use crate::protocol::e2ee::{Capabilities, Handshake, Hello, Ready};
use crate::transport::Frame;

/// What a finished handshake gives.
#[derive(Debug)]
pub struct Established {
    /// Seals what this side sends.
    pub sealer: Sealer,
    /// Opens what the peer sends.
    pub opener: Opener,
    /// Whether both sides can do binary ciphertext.
    pub binary: bool,
}

/// The client's side, from its hello on.
#[derive(Debug)]
pub struct ClientHandshake {
    hello: String,
    offered: bool,
    key: SharedKey,
    sealer: Sealer,
    opener: Opener,
}

impl ClientHandshake {
    /// Makes a fresh key pair and the hello that offers it to the owner of `daemon_key`.
    pub fn start(daemon_key: &PublicKey) -> Result<Self, KeyError> {
        Self::start_with(&SecretKey::generate(), daemon_key, true)
    }

    pub(crate) fn start_with(
        own: &SecretKey,
        daemon_key: &PublicKey,
        binary: bool,
    ) -> Result<Self, KeyError> {
        let key = SharedKey::agree(own, daemon_key)?;
        let (sealer, opener) = key.clone().of_client();
        let hello = Handshake::Hello(Hello {
            key: own.public_key().to_base64(),
            capabilities: binary.then_some(Capabilities::BINARY),
        });
        Ok(Self {
            hello: hello.to_json(),
            offered: binary,
            key,
            sealer,
            opener,
        })
    }

    /// The text frame to send first, and again, unchanged, until [`ClientHandshake::finish`] is done.
    pub fn hello(&self) -> &str {
        &self.hello
    }

    /// Seals a text that leaves together with the hello. Daemons of 0.1.65 lose it.
    pub fn seal_ahead(&mut self, text: &str) -> Result<Frame, TooLarge> {
        self.sealer.seal_to_base64(text.into()).map(Frame::Text)
    }

    /// Takes a frame from the daemon: the channel when it is `e2ee_ready`, otherwise the handshake
    /// again, because everything before that frame is ignored.
    pub fn finish(mut self, frame: &Frame) -> ControlFlow<Result<Established, WrongKey>, Self> {
        let Frame::Text(text) = frame else {
            return ControlFlow::Continue(self);
        };
        let Some(Handshake::Ready(ready)) = Handshake::parse(text) else {
            return ControlFlow::Continue(self);
        };
        let told = ready.freshness.as_deref();
        match told.and_then(|text| fresh::read(&self.key, text)) {
            Some(Ok(value)) => {
                self.sealer.carry(value);
                self.opener.expect(value);
            }
            Some(Err(fresh::NotProven)) => return ControlFlow::Break(Err(WrongKey)),
            None => {}
        }
        ControlFlow::Break(Ok(Established {
            sealer: self.sealer,
            opener: self.opener,
            binary: self.offered && ready.capabilities == Some(Capabilities::BINARY),
        }))
    }
}

/// What came as `e2ee_ready` was not made with the daemon's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer was not made with the paired daemon's key")]
pub struct WrongKey;

/// The daemon's side, before the client's hello.
#[derive(Debug)]
pub struct DaemonHandshake<'a> {
    secret: &'a SecretKey,
}

/// What a daemon knows of a client whose hello it took.
#[derive(Debug)]
pub struct Greeting {
    /// The client's fresh key.
    pub client_key: PublicKey,
    /// Names the agreed key, so that the daemon knows it again.
    pub agreement: Agreement,
    /// The text frame that answers this hello, and any repetition of it.
    pub ready: String,
}

impl<'a> DaemonHandshake<'a> {
    /// Waits for the hello of one client.
    pub fn new(secret: &'a SecretKey) -> Self {
        Self { secret }
    }

    /// Takes the client's first frame, which must be a valid hello in a text frame.
    pub fn finish(self, frame: &Frame) -> Result<(Established, Greeting), HelloError> {
        let Frame::Text(text) = frame else {
            return Err(HelloError::NotHello);
        };
        let Some(Handshake::Hello(hello)) = Handshake::parse(text) else {
            return Err(HelloError::NotHello);
        };
        let client_key = PublicKey::from_base64(&hello.key)?;
        let key = SharedKey::agree(self.secret, &client_key)?;
        let value = Value::draw();
        let freshness = Some(fresh::write(&key, value));
        let agreement = Agreement(key.agreement());
        let (sealer, opener) = key.of_daemon(value);
        // The ready frame says the capability only when the hello did.
        let capabilities = hello.capabilities.filter(|it| it.binary_ciphertext);
        let greeting = Greeting {
            client_key,
            agreement,
            ready: Handshake::Ready(Ready {
                capabilities,
                freshness,
            })
            .to_json(),
        };
        let established = Established {
            sealer,
            opener,
            binary: capabilities.is_some(),
        };
        Ok((established, greeting))
    }
}

/// Why a client's hello was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HelloError {
    /// The first frame is something else, or a malformed hello.
    #[error("the first frame is not a valid e2ee_hello")]
    NotHello,
    /// The hello's key is unusable.
    #[error("the client's key was refused")]
    Key(#[from] KeyError),
    /// The key was agreed on an earlier connection: somebody repeats recorded frames.
    #[error("the client's key belongs to an earlier connection")]
    KeyUsedBefore,
}
