//! A remote daemon as a listener on this machine: programs that know nothing of relays and keys talk to it as if
//! the daemon were here.
//!
//! Each WebSocket of theirs gets a connection of its own to the daemon, with an encrypted channel of its own. The
//! session inside is theirs: no frame is read or changed here.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::client::{self, Settings};
use crate::listen::Service;
use crate::target::Target;
use crate::transport::{Closed, FrameReceiver, FrameSender, Transport, TransportError};

/// Close codes for a client whose daemon cannot be reached, whose connection to it broke, and whose frame is too
/// large for the way there (RFC 6455 section 7.4.1 and its registry).
const TRY_AGAIN: u16 = 1013;
const LOST: u16 = 1012;
const TOO_LARGE: u16 = 1009;

/// Most bytes of a close frame's text (RFC 6455 section 5.5).
const MAX_REASON: usize = 123;

/// The way to a daemon, open to whoever is let in. Dropping it ends all connections.
#[derive(Debug)]
pub struct Forward {
    target: Arc<Target>,
    settings: Arc<Settings>,
    tasks: Mutex<JoinSet<()>>,
}

impl Forward {
    /// Forwards to this daemon.
    pub fn new(target: Target, settings: Settings) -> Self {
        Self {
            target: Arc::new(target),
            settings: Arc::new(settings),
            tasks: Mutex::default(),
        }
    }
}

impl Service for Forward {
    fn status(&self) -> Option<Value> {
        None // only the daemon knows, and is asked in a session
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    fn serve(&self, transport: Transport) -> BoxFuture<'static, ()> {
        let (target, settings) = (Arc::clone(&self.target), Arc::clone(&self.settings));
        Box::pin(async move { forward(&target, &settings, transport).await })
    }
}

async fn forward(target: &Target, settings: &Settings, mut client: Transport) {
    tracing::info!("a client is here");
    let daemon = match client::connect_channel(target, settings).await {
        Ok(daemon) => daemon,
        Err(error) => {
            let reason = error.to_string();
            tracing::warn!(%reason, "no connection for a client");
            let shown = &reason[..reason.floor_char_boundary(MAX_REASON)];
            return client.sender.close(Closed::new(TRY_AGAIN, shown)).await;
        }
    };
    let (mut to_daemon, mut from_daemon) = (daemon.sender, daemon.receiver);
    let (mut to_client, mut from_client) = (client.sender, client.receiver);
    let end = tokio::select! {
        end = pump(from_client.as_mut(), to_daemon.as_mut()) => end,
        end = pump(from_daemon.as_mut(), to_client.as_mut()) => match end {
            End::Source(error) => End::Sink(error),
            End::Sink(error) => End::Source(error),
        },
    };
    // From here on the source is the client, whichever way the frame went.
    match end {
        End::Source(error) => {
            tracing::info!(%error, "a client has left");
            let closed = match error {
                TransportError::Closed(closed) if closed.code.is_some() => closed,
                _ => Closed::new(1000, ""),
            };
            to_daemon.close(closed).await;
        }
        End::Sink(error) => {
            tracing::warn!(%error, "the connection of a client ended");
            let closed = match error {
                TransportError::Closed(closed) if closed.code.is_some() => closed,
                TransportError::TooLarge { .. } => Closed::new(TOO_LARGE, "frame too large"),
                _ => Closed::new(LOST, "connection to the daemon lost"),
            };
            to_client.close(closed).await;
            to_daemon.close(Closed::new(1000, "")).await;
        }
    }
}

/// Which side of a pump ended it.
enum End {
    Source(TransportError),
    Sink(TransportError),
}

/// Moves frames, one at a time: a slow sink holds its source up.
async fn pump(source: &mut dyn FrameReceiver, sink: &mut dyn FrameSender) -> End {
    loop {
        match source.recv().await {
            Ok(frame) => {
                if let Err(error) = sink.send(frame).await {
                    return End::Sink(error);
                }
            }
            Err(error) => return End::Source(error),
        }
    }
}
