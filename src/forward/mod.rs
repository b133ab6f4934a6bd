//! A remote daemon as a listener on this machine: programs that know nothing of relays and keys talk to it as if
//! the daemon were here.
//!
//! Each WebSocket of theirs gets a connection of its own to the daemon, with an encrypted channel of its own, or on a
//! direct route of a paired remote with a daemon that must name its id first. The session inside is theirs: only their hello
//! is changed here, which shows the daemon what the remote has and not what they have shown to us.

mod hello;
mod pool;
mod spare;
mod splice;
mod warm;

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::task::JoinSet;

use self::hello::{ClientHello, Introduction};
use self::splice::splice;
pub use self::warm::Warm;
use crate::client::{self, ConnectError, Settings};
use crate::listen::{Guest, Service};
use crate::target::Target;
use crate::transport::budget::Budget;
use crate::transport::{Closed, Transport, TransportError};

/// Close code for a client whose daemon cannot be reached (the registry of RFC 6455 section 7.4.1).
const TRY_AGAIN: u16 = 1013;

/// Most bytes of a close frame's text (RFC 6455 section 5.5).
const MAX_REASON: usize = 123;

/// Why the connection of a client ended that did not end it.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// None could be made to the daemon.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The one to the daemon broke.
    #[error("the connection to the daemon was lost")]
    Lost(#[source] TransportError),
}

/// The way to a daemon, open to whoever is let in. Dropping it ends all connections.
#[derive(Debug)]
pub struct Forward {
    target: Arc<Target>,
    settings: Arc<Settings>,
    tasks: Mutex<JoinSet<()>>,
    failure: Arc<Mutex<Option<ForwardError>>>,
    budget: Budget,
}

impl Forward {
    /// Forwards to this daemon.
    pub fn new(target: Target, settings: Settings) -> Self {
        Self {
            target: Arc::new(target),
            settings: Arc::new(settings),
            tasks: Mutex::default(),
            failure: Arc::default(),
            budget: Budget::default(),
        }
    }

    /// Takes why the last connection that failed did so. With one connection, this is how it ended.
    pub fn take_failure(&self) -> Option<ForwardError> {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.take()
    }
}

impl Service for Forward {
    fn status(&self) -> Option<Value> {
        None // only the daemon knows, and is asked in a session
    }

    fn budget(&self) -> Budget {
        self.budget.clone()
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    fn serve(&self, transport: Transport, guest: Guest) -> BoxFuture<'static, ()> {
        let (target, settings) = (Arc::clone(&self.target), Arc::clone(&self.settings));
        let failure = Arc::clone(&self.failure);
        Box::pin(async move {
            // It holds the client's place until the end.
            let (mut client, mut guest) = (transport, guest);
            let Some(hello) = hello::let_in(&mut client, &mut guest).await else {
                return;
            };
            if let Err(error) = forward(&target, &settings, client, hello).await {
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        })
    }
}

async fn forward(
    target: &Target,
    settings: &Settings,
    mut client: Transport,
    hello: ClientHello,
) -> Result<(), ForwardError> {
    tracing::info!("a client is here");
    let mut daemon = match client::connect_channel(target, settings).await {
        Ok(daemon) => daemon,
        Err(error) => {
            refuse(&mut client, &error.to_string()).await;
            return Err(error.into());
        }
    };
    let hello = hello.for_daemon(settings.auth(target).as_ref());
    // When sending fails, the close frame that tells why is still to be read.
    let _ = daemon.sender.send(hello).await;
    let closes_itself = !matches!(target, Target::Relay { .. });
    let (receiver, refused) = Introduction::of(daemon.receiver, closes_itself);
    daemon.receiver = Box::new(receiver);
    let ended = splice(client, daemon).await;
    if let Some(rejection) = refused.get() {
        let error = ConnectError::of_rejection(rejection.clone(), target.password());
        return Err(error.into());
    }
    match ended {
        Err(TransportError::OtherPeer) => {
            let address = target.to_string();
            Err(ConnectError::OtherDaemon { address }.into())
        }
        ended => ended.map_err(ForwardError::Lost),
    }
}

/// Lets a client of our own in by who it is, or tells it why not.
async fn let_in(mut client: Transport, guest: &mut Guest) -> Option<Transport> {
    if let Err(refused) = guest.admit(None).await {
        client.sender.close(refused.closed()).await;
        return None;
    }
    client.receiver.admit();
    Some(client)
}

/// Tells a client why there is no connection for it.
async fn refuse(client: &mut Transport, reason: &str) {
    tracing::warn!(%reason, "no connection for a client");
    let shown = &reason[..reason.floor_char_boundary(MAX_REASON)];
    client.sender.close(Closed::new(TRY_AGAIN, shown)).await;
}
