//! The daemon opens a channel.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::{Instant, timeout_at};

use super::channel::{Channel, Role};
use super::handshake::{DaemonHandshake, Established, Greeting, HelloError};
use super::keys::{KEY_BYTES, PublicKey, SecretKey};
use super::recent::Recent;
use crate::protocol::e2ee::{CLOSE_FAILED, HANDSHAKE_FAILED};
use crate::transport::{Closed, Frame, FrameReceiver, FrameSender, Transport, TransportError};

/// How many keys of clients are remembered at least.
const REMEMBERED_CLIENTS: usize = 4096;

/// The daemon's side of all its channels: its key, and what it has seen.
///
/// A client makes a key for each connection, so whoever comes with the key of an earlier connection is a
/// relay that plays a recording back. Deployed daemons fall for that. The key counts as used when a
/// frame has been authenticated with it, so that a client whose socket broke before may try again.
pub struct Responder {
    secret: SecretKey,
    used: Mutex<Recent<[u8; KEY_BYTES], REMEMBERED_CLIENTS>>,
}

impl Responder {
    /// Makes the responder of a daemon. Its memory lasts as long as it does.
    pub fn new(secret: SecretKey) -> Self {
        Self {
            secret,
            used: Mutex::new(Recent::new()),
        }
    }

    /// Returns the key that clients must offer to.
    pub fn public_key(&self) -> PublicKey {
        self.secret.public_key()
    }

    fn take(&self, frame: &Frame) -> Result<(Established, Greeting), HelloError> {
        let (established, greeting) = DaemonHandshake::new(&self.secret).finish(frame)?;
        if self.used().contains(greeting.client_key.as_bytes()) {
            return Err(HelloError::KeyUsedBefore);
        }
        Ok((established, greeting))
    }

    /// Marks a key as used; false when it was already.
    pub(super) fn use_up(&self, client_key: &PublicKey) -> bool {
        self.used().insert(*client_key.as_bytes())
    }

    fn used(&self) -> std::sync::MutexGuard<'_, Recent<[u8; KEY_BYTES], REMEMBERED_CLIENTS>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Responder({})", self.public_key().fingerprint())
    }
}

/// Why a client got no channel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// Its first frame is no usable hello.
    #[error("the client's encryption handshake was refused")]
    Hello(#[from] HelloError),
    /// The deadline passed without a hello.
    #[error("the client sent no e2ee_hello in time")]
    NoHello,
    /// The transport ended.
    #[error("the connection ended during the encryption handshake")]
    Transport(#[from] TransportError),
}

/// Opens a channel to a client that has just connected: waits for `e2ee_hello`, answers `e2ee_ready`.
///
/// A client that fails gets the close frame of the official daemon.
pub async fn accept(
    transport: Transport,
    responder: &Arc<Responder>,
    deadline: Instant,
) -> Result<Channel, AcceptError> {
    let Transport {
        mut sender,
        mut receiver,
    } = transport;
    let exchange = exchange(sender.as_mut(), receiver.as_mut(), responder);
    let error = match timeout_at(deadline, exchange).await {
        Ok(Ok((established, greeting))) => {
            let responder = responder.clone();
            let role = Role::Daemon {
                responder,
                greeting,
            };
            return Ok(Channel::new(established, role, sender, receiver));
        }
        Ok(Err(error)) => error,
        Err(_) => AcceptError::NoHello,
    };
    if !matches!(error, AcceptError::Transport(_)) {
        sender
            .close(Closed::new(CLOSE_FAILED, HANDSHAKE_FAILED))
            .await;
    }
    Err(error)
}

async fn exchange(
    sender: &mut dyn FrameSender,
    receiver: &mut dyn FrameReceiver,
    responder: &Responder,
) -> Result<(Established, Greeting), AcceptError> {
    let frame = receiver.recv().await?;
    let (established, greeting) = responder.take(&frame)?;
    sender.send(Frame::Text(greeting.ready.clone())).await?;
    Ok((established, greeting))
}
