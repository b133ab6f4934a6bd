//! Data sockets: one for each client at the relay, with an encrypted channel on it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::Instant;

use super::{Handler, Host};
use crate::e2ee::accept;
use crate::protocol::relay::{ConnectionId, Seat};
use crate::transport::dial;

/// How long a socket may take to open.
const DIAL_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a client may take to begin the encryption.
const HELLO_TIMEOUT: Duration = Duration::from_secs(30);
/// Sockets at once; a relay that announces more clients is not believed.
const MAX_SOCKETS: usize = 512;

/// The data sockets that are open or on their way, at most one for each client: a second one would
/// make the official relay throw the client out.
pub(super) struct Sockets {
    host: Arc<Host>,
    handler: Arc<dyn Handler>,
    tasks: JoinSet<()>,
    open: HashMap<ConnectionId, AbortHandle>,
}

impl Sockets {
    pub(super) fn new(host: Arc<Host>, handler: Arc<dyn Handler>) -> Self {
        Self {
            host,
            handler,
            tasks: JoinSet::new(),
            open: HashMap::new(),
        }
    }

    /// Opens the socket of a client, unless there is one.
    pub(super) fn open(&mut self, id: ConnectionId) {
        if self.open.contains_key(&id) || self.open.len() >= MAX_SOCKETS {
            return;
        }
        let host = Arc::clone(&self.host);
        let handler = Arc::clone(&self.handler);
        let seat = Seat::Data(id.clone());
        let task = self.tasks.spawn(async move {
            let dialed = match dial(&host.dial(seat, DIAL_TIMEOUT)).await {
                Ok(dialed) => dialed,
                Err(error) => {
                    tracing::warn!(%error, "a data socket could not be opened");
                    return;
                }
            };
            let deadline = Instant::now() + HELLO_TIMEOUT;
            match accept(dialed.transport, &host.responder, deadline).await {
                Ok(channel) => handler.serve(channel.transport).await,
                Err(error) => tracing::debug!(%error, "a client did not get a channel"),
            }
        });
        self.open.insert(id, task);
    }

    /// Drops the socket of a client that has gone. The relay has closed it already.
    pub(super) fn close(&mut self, id: &ConnectionId) {
        if let Some(task) = self.open.remove(id) {
            task.abort();
        }
    }

    /// Waits for something else, and forgets the sockets that end meanwhile.
    pub(super) async fn during<T>(&mut self, other: impl Future<Output = T>) -> T {
        tokio::pin!(other);
        loop {
            tokio::select! {
                done = &mut other => return done,
                () = self.reap() => {}
            }
        }
    }

    /// Waits for a socket to end and forgets it; for ever when there is none.
    pub(super) async fn reap(&mut self) {
        let ended: Id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => error.id(),
            None => return std::future::pending().await,
        };
        self.open.retain(|_, task| task.id() != ended);
    }
}
