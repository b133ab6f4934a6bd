//! The daemon opens a channel.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout_at};

use super::channel::{Channel, Role};
use super::handshake::{DaemonHandshake, Established, Greeting, HelloError};
use super::keys::{PublicKey, SecretKey};
use super::nonce::PART_BYTES;
use super::recent::Recent;
use crate::protocol::e2ee::{CLOSE_FAILED, HANDSHAKE_FAILED};
use crate::transport::{Closed, Frame, FrameReceiver, FrameSender, Transport, TransportError};

/// How many agreements are remembered in this process at least.
const REMEMBERED_AGREEMENTS: usize = 4096;

/// Names the key that a daemon and a client have agreed on: the same however the client's key was spelled. A hash, which
/// says nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Agreement(pub [u8; PART_BYTES]);

/// Remembers agreements with deployed clients for longer than a process lives.
pub trait Memory: Send + Sync {
    /// Returns whether an agreement is remembered.
    fn contains(&self, agreement: Agreement) -> bool;

    /// Remembers an agreement; gives whether it will be known after a crash, once it would be.
    fn keep(&self, agreement: Agreement) -> BoxFuture<'static, bool>;
}

/// The daemon's side of all its channels: its key, and what it has seen.
///
/// A client makes a key for each connection, so whoever agrees on the key of an earlier connection is a
/// relay that plays a recording back. Deployed daemons fall for that. The key counts as used when a
/// frame has been authenticated with it, so that a client whose socket broke before may try again.
///
/// Clients of ours show by themselves that their frames are no recording ([`super::nonce`]). For deployed ones there is
/// only this memory, so it has to survive the process: [`Responder::remembering`].
pub struct Responder {
    secret: SecretKey,
    used: Mutex<Recent<Agreement, REMEMBERED_AGREEMENTS>>,
    memory: Option<Arc<dyn Memory>>,
}

impl Responder {
    /// Makes the responder of a daemon. Its memory lasts as long as it does.
    pub fn new(secret: SecretKey) -> Self {
        Self {
            secret,
            used: Mutex::new(Recent::new()),
            memory: None,
        }
    }

    /// The same, with a memory that outlives it.
    pub fn remembering(self, memory: Arc<dyn Memory>) -> Self {
        Self {
            memory: Some(memory),
            ..self
        }
    }

    /// Returns the key that clients must offer to.
    pub fn public_key(&self) -> PublicKey {
        self.secret.public_key()
    }

    fn take(&self, frame: &Frame) -> Result<(Established, Greeting), HelloError> {
        let (established, greeting) = DaemonHandshake::new(&self.secret).finish(frame)?;
        if self.used().contains(&greeting.agreement) || self.remembers(greeting.agreement) {
            return Err(HelloError::KeyUsedBefore);
        }
        Ok((established, greeting))
    }

    /// Marks an agreement as used; false when it was already.
    pub(super) fn use_up(&self, agreement: Agreement) -> bool {
        self.used().insert(agreement) && !self.remembers(agreement)
    }

    /// Has the agreement with a deployed client remembered; gives whether it is.
    pub(super) fn keep(&self, agreement: Agreement) -> BoxFuture<'static, bool> {
        match &self.memory {
            Some(memory) => memory.keep(agreement),
            None => Box::pin(std::future::ready(true)),
        }
    }

    fn remembers(&self, agreement: Agreement) -> bool {
        let memory = self.memory.as_ref();
        memory.is_some_and(|memory| memory.contains(agreement))
    }

    fn used(&self) -> std::sync::MutexGuard<'_, Recent<Agreement, REMEMBERED_AGREEMENTS>> {
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
