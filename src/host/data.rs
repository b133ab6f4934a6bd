//! Data sockets: one for each client at the relay, with an encrypted channel on it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep};

use super::{Handler, Host};
use crate::e2ee::accept;
use crate::protocol::relay::{ConnectionId, Seat};
use crate::transport::dial_for_stranger;

/// How long a socket may take to open.
const DIAL_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a client may take to begin the encryption.
const HELLO_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the socket of a client that has gone may go on. The relay's word comes on another socket, before
/// the last frames of a client that sent them and left; the socket itself ends behind them.
const LEAVING: Duration = Duration::from_secs(5);
/// Sockets at once; a relay that announces more clients is not believed. More than a daemon serves (512), so that it can
/// say to the next ones that it is full.
const MAX_SOCKETS: usize = 512 + 64;

/// The data sockets that are open or on their way, at most one for each client: a second one would
/// make the official relay throw the client out.
pub(super) struct Sockets {
    host: Arc<Host>,
    handler: Arc<dyn Handler>,
    tasks: JoinSet<()>,
    open: HashMap<ConnectionId, Open>,
}

/// A socket whose client is there, as far as the relay has said.
struct Open {
    task: Id,
    left: Arc<Notify>,
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
        if self.open.contains_key(&id) || self.tasks.len() >= MAX_SOCKETS {
            return;
        }
        let host = Arc::clone(&self.host);
        let handler = Arc::clone(&self.handler);
        let seat = Seat::Data(id.clone());
        let left = Arc::new(Notify::new());
        let leaves = Arc::clone(&left);
        let serve = async move {
            let dial = host.dial(seat, DIAL_TIMEOUT);
            let dialed = match dial_for_stranger(&dial, &handler.budget()).await {
                Ok(dialed) => dialed,
                Err(error) => {
                    tracing::warn!(%error, "a data socket could not be opened");
                    return;
                }
            };
            let deadline = Instant::now() + HELLO_TIMEOUT;
            match accept(dialed.transport, &host.responder, deadline).await {
                Ok(channel) => handler.serve(channel.transport, channel.standing).await,
                Err(error) => tracing::debug!(%error, "a client did not get a channel"),
            }
        };
        let task = self.tasks.spawn(async move {
            tokio::select! {
                () = serve => {}
                () = async { leaves.notified().await; sleep(LEAVING).await } => {}
            }
        });
        let task = task.id();
        self.open.insert(id, Open { task, left });
    }

    /// Forgets the socket of a client that has gone: it ends by itself, once what came on it is served.
    pub(super) fn close(&mut self, id: &ConnectionId) {
        if let Some(open) = self.open.remove(id) {
            open.left.notify_one();
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
        self.open.retain(|_, open| open.task != ended);
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;
    use tokio_tungstenite::accept_async;

    use super::*;
    use crate::e2ee::{Responder, SecretKey, Standing, connect};
    use crate::host::Relay;
    use crate::protocol::relay::ServerId;
    use crate::transport::budget::Budget;
    use crate::transport::{Closed, Frame, Transport, websocket};

    /// Hands on what it gets.
    struct Recorder(mpsc::UnboundedSender<Frame>);

    impl Handler for Recorder {
        fn budget(&self) -> Budget {
            Budget::default()
        }

        fn serve(
            &self,
            mut transport: Transport,
            _: Standing,
        ) -> futures_util::future::BoxFuture<'static, ()> {
            let got = self.0.clone();
            Box::pin(async move {
                while let Ok(frame) = transport.receiver.recv().await {
                    let _ = got.send(frame);
                }
            })
        }
    }

    /// The official `terminal send-keys` and `permit allow` send, and leave without waiting for an answer.
    #[tokio::test]
    async fn the_last_frames_of_a_client_that_has_left_are_served() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let secret = SecretKey::generate();
        let daemon_key = secret.public_key();
        let relay = Relay {
            endpoint: listener.local_addr().unwrap().to_string().parse().unwrap(),
            tls: false,
            token: None,
            ca_file: None,
        };
        let host = Host::new(
            relay,
            ServerId::new("srv_test").unwrap(),
            Responder::new(secret),
        );
        let (got, mut frames) = mpsc::unbounded_channel();
        let mut sockets = Sockets::new(Arc::new(host), Arc::new(Recorder(got)));
        let id: ConnectionId = ConnectionId::new("conn_test").unwrap();
        sockets.open(id.clone());

        let relayed = async {
            let (stream, _) = listener.accept().await.unwrap();
            let socket = websocket::from_stream(accept_async(stream).await.unwrap());
            let deadline = Instant::now() + HELLO_TIMEOUT;
            connect(socket, &daemon_key, deadline).await.unwrap()
        };
        let mut client = sockets.during(relayed).await.transport;
        // The word that the client has left overtakes its frame.
        sockets.close(&id);
        let leaves = async {
            let last = Frame::Text("last".to_owned());
            client.sender.send(last.clone()).await.unwrap();
            client.sender.close(Closed::default()).await;
            assert_eq!(frames.recv().await, Some(last));
        };
        tokio::time::timeout(LEAVING, sockets.during(leaves))
            .await
            .unwrap();
    }
}
