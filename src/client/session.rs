//! Requests, replies and events on an open connection.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::value::RawValue;
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use tokio::task::AbortHandle;

use super::envelope::{Session, encode, encode_as, unreadable};
use super::events::{self, Events};
use super::introduction::NoSession;
use super::pulse::Pulse;
use super::reader::{RawReply, Reader, Sender, Shared, expect, lock};
use crate::protocol::admission::Rejection;
use crate::protocol::daemon_permission::DaemonPermission;
use crate::protocol::session::{Notice, Request, RpcError, ServerInfo};
use crate::protocol::size::json_length;
use crate::transport::{Closed, Frame, Traffic, Transport, TransportError};

/// How long a reply may take, unless the caller knows better: as long as the official client waits.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// From here on a request is sent as bytes.
const LARGE_BYTES: usize = 1024 * 1024;

/// Why a call gave no reply.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The daemon refused.
    #[error("{}", .0.error)]
    Refused(RpcError),
    /// No reply in time. For a change: it may have been applied.
    #[error("no reply from the daemon within {}", humantime::format_duration(*limit))]
    Timeout {
        /// The limit.
        limit: Duration,
        /// Whether the request changes anything.
        mutates: bool,
    },
    /// The connection ended before the reply. For a change: it may have been applied.
    #[error("the connection ended before the reply")]
    Lost {
        /// Why it ended.
        #[source]
        source: Arc<TransportError>,
        /// Whether the request changes anything.
        mutates: bool,
    },
    /// The session is for reading; nothing was sent.
    #[error("this remote is read-only, and the command would change something there")]
    ReadOnly,
    /// The connection lacks a permission; nothing was sent.
    #[error("this connection lacks the permission {}", .0.as_str())]
    NotPermitted(DaemonPermission),
    /// The request does not fit into one message; nothing was sent.
    #[error("the request has {}: more than one message to this daemon can hold, {}", mebibytes(*length), mebibytes(*limit))]
    TooLarge {
        /// Of the request, in bytes.
        length: usize,
        /// What fits on this connection, in bytes.
        limit: usize,
    },
    /// The request has a file that cannot be read any more; nothing was sent.
    #[error("a file that belongs to the request cannot be read")]
    Unreadable(#[source] Arc<serde_json::Error>),
    /// The reply is not what the protocol says. It is not repeated here.
    #[error("the daemon's reply to {request} is malformed (line {line}, column {column})")]
    Malformed {
        /// The message type of the request.
        request: &'static str,
        /// Where in the reply.
        line: usize,
        /// Where in the reply.
        column: usize,
    },
}

fn mebibytes(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// An open session with a daemon. Dropping it ends the connection.
pub struct DaemonClient {
    sender: Sender,
    shared: Arc<Mutex<Shared>>,
    _reading: Reading,
    server: ServerInfo,
    read_only: bool,
}

impl std::fmt::Debug for DaemonClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DaemonClient")
            .field("version", &self.server.version)
            .finish_non_exhaustive()
    }
}

/// The task that reads a connection. Dropping it ends the task and the connection.
#[derive(Debug)]
struct Reading(AbortHandle);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A request that is on its way.
#[must_use = "the reply is lost otherwise"]
#[derive(Debug)]
pub struct Reply<R: Request> {
    receiver: oneshot::Receiver<RawReply>,
    request: PhantomData<fn() -> R>,
}

impl<R: Request> Reply<R> {
    /// Waits for the reply, as long as `limit` allows; `None` waits for ever.
    pub async fn wait(self, limit: Option<Duration>) -> Result<R::Reply, CallError> {
        read::<R>(&receive(self.receiver, limit, R::MUTATES).await?)
    }
}

fn read<R: Request>(payload: &RawValue) -> Result<R::Reply, CallError> {
    serde_json::from_str(payload.get()).map_err(|error| CallError::Malformed {
        request: R::TYPE,
        line: error.line(),
        column: error.column(),
    })
}

/// The reply to a request that left before the session was open.
#[must_use = "the reply is lost otherwise"]
#[derive(Debug)]
pub struct EarlyReply(oneshot::Receiver<RawReply>);

impl EarlyReply {
    /// Says which request it is the reply to.
    pub fn to<R: Request>(self, _request: &R) -> Reply<R> {
        Reply {
            receiver: self.0,
            request: PhantomData,
        }
    }
}

/// Boxed, as [`DaemonClient::put`] is: every request of every command would otherwise hold a copy of it.
fn receive(
    receiver: oneshot::Receiver<RawReply>,
    limit: Option<Duration>,
    mutates: bool,
) -> BoxFuture<'static, Result<Box<RawValue>, CallError>> {
    Box::pin(async move {
        let reply = match limit {
            Some(limit) => tokio::time::timeout(limit, receiver)
                .await
                .map_err(|_| CallError::Timeout { limit, mutates })?,
            None => receiver.await,
        };
        // The reader answers every pending request before it ends, so a dropped channel means that this
        // side is shutting down.
        let payload = reply.unwrap_or_else(|_| {
            let source = Arc::new(TransportError::Closed(Closed::default()));
            Err(CallError::Lost { source, mutates })
        });
        payload.map_err(|error| match error {
            CallError::Lost { source, .. } => CallError::Lost { source, mutates },
            other => other,
        })
    })
}

/// A session before `server_info`: frames flow, but only the opening request may be on its way.
pub(super) struct Opening {
    sender: Sender,
    shared: Arc<Mutex<Shared>>,
    reading: Reading,
    server: oneshot::Receiver<Result<ServerInfo, Rejection>>,
}

impl Opening {
    /// Starts to read from a transport on which the hello is sent or about to be. `traffic` counts the bytes of
    /// its connection.
    pub(super) fn new(transport: Transport, traffic: Traffic) -> Self {
        let shared = Arc::<Mutex<Shared>>::default();
        let sender = Arc::new(AsyncMutex::new(transport.sender));
        let (server_tx, server) = oneshot::channel();
        let reader = Reader {
            sender: Arc::clone(&sender),
            shared: Arc::clone(&shared),
            server: Some(server_tx),
            pulse: Arc::new(Pulse::new(traffic)),
            full: false,
        };
        let reading = Reading(tokio::spawn(reader.run(transport.receiver)).abort_handle());
        Self {
            sender,
            shared,
            reading,
            server,
        }
    }

    /// Expects the reply to a request that was written with [`encode`].
    pub(super) fn expect(&self, id: &str) -> EarlyReply {
        EarlyReply(expect(&self.shared, id))
    }

    /// Sends a frame.
    pub(super) async fn send(&self, frame: Frame) -> Result<(), TransportError> {
        self.sender.lock().await.send(frame).await
    }

    /// Waits for `server_info`; the error says why there will be none.
    pub(super) async fn ready(self) -> Result<DaemonClient, NoSession> {
        match self.server.await {
            Ok(Ok(server)) => Ok(DaemonClient {
                sender: self.sender,
                shared: self.shared,
                _reading: self.reading,
                server,
                read_only: false,
            }),
            Ok(Err(rejection)) => Err(NoSession::Rejected(rejection)),
            Err(_) => {
                let ended = lock(&self.shared).ended.clone();
                let unknown = || Arc::new(TransportError::Closed(Closed::default()));
                Err(NoSession::Ended(ended.unwrap_or_else(unknown)))
            }
        }
    }
}

impl DaemonClient {
    /// From here on refuses, with `read_only`, every request that changes something.
    pub(super) fn restricted(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Returns what the daemon said of itself.
    pub fn server(&self) -> &ServerInfo {
        &self.server
    }

    /// Sends a request and waits for its reply, at most [`REPLY_TIMEOUT`].
    pub fn call<R: Request>(
        &self,
        request: &R,
    ) -> impl Future<Output = Result<R::Reply, CallError>> {
        self.call_within(request, Some(REPLY_TIMEOUT))
    }

    /// Sends a request and waits for its reply as long as `limit` allows; `None` waits for ever.
    pub async fn call_within<R: Request>(
        &self,
        request: &R,
        limit: Option<Duration>,
    ) -> Result<R::Reply, CallError> {
        let encoded = encode(request)?;
        let exchange = self.exchange(R::TYPE, encoded, R::MUTATES, limit);
        read::<R>(&exchange.await?)
    }

    /// Sends a request; its reply can be waited for later.
    pub async fn start<R: Request>(&self, request: &R) -> Result<Reply<R>, CallError> {
        Ok(Reply {
            receiver: self.put(R::TYPE, encode(request)?, R::MUTATES).await?,
            request: PhantomData,
        })
    }

    /// Refuses a request that is too large for one message on this connection, before anything is done for it.
    /// `more` bytes may still come to it.
    pub async fn check_size<R: Request>(&self, request: &R, more: usize) -> Result<(), CallError> {
        let length = json_length(&Session::of(R::TYPE, None, request));
        let length = length.map_err(unreadable)? + more;
        let limit = self.sender.lock().await.largest();
        if length > limit {
            return Err(CallError::TooLarge { length, limit });
        }
        Ok(())
    }

    /// The same with a given id, where the protocol says which: the answer to a permission request carries
    /// that of the request.
    pub async fn start_as<R: Request>(&self, id: &str, request: &R) -> Result<Reply<R>, CallError> {
        let encoded = (id.to_owned(), encode_as(id, request)?);
        Ok(Reply {
            receiver: self.put(R::TYPE, encoded, R::MUTATES).await?,
            request: PhantomData,
        })
    }

    fn exchange(
        &self,
        kind: &'static str,
        encoded: (String, String),
        mutates: bool,
        limit: Option<Duration>,
    ) -> BoxFuture<'_, Result<Box<RawValue>, CallError>> {
        Box::pin(async move {
            let receiver = self.put(kind, encoded, mutates).await?;
            receive(receiver, limit, mutates).await
        })
    }

    /// Sends the text of a request, and expects the reply to its id. Boxed, and the same for every request, so that
    /// it is compiled once and not into each command.
    fn put(
        &self,
        kind: &'static str,
        (id, text): (String, String),
        mutates: bool,
    ) -> BoxFuture<'_, Result<oneshot::Receiver<RawReply>, CallError>> {
        Box::pin(async move {
            self.check_permission(kind)?;
            tracing::debug!(kind, bytes = text.len(), "sent");
            let receiver = expect(&self.shared, &id);
            // As bytes, where the channel carries them as such, it is not made a third larger. Daemons take either.
            let frame = match text.len() {
                0..LARGE_BYTES => Frame::Text(text),
                _ => Frame::Binary(text.into()),
            };
            self.send(frame, mutates).await?;
            Ok(receiver)
        })
    }

    /// Sends a message that has no reply.
    pub async fn notify<R: Request>(&self, request: &R) -> Result<(), CallError> {
        self.check_permission(R::TYPE)?;
        self.send(Frame::Text(encode(request)?.1), R::MUTATES).await
    }

    /// Sends a notice, which is never answered.
    pub async fn tell<N: Notice>(&self, notice: &N) -> Result<(), CallError> {
        self.check_permission(N::TYPE)?;
        let text = serde_json::to_string(&Session::of(N::TYPE, None, notice));
        let text = text.expect("notices are structs with string keys");
        self.send(Frame::Text(text), true).await
    }

    /// Sends a binary frame: terminal input or a piece of a file.
    pub async fn send_binary(&self, bytes: Bytes) -> Result<(), CallError> {
        self.send(Frame::Binary(bytes), true).await
    }

    /// Receives what the daemon sends unasked, from now on. While the queue is full nothing is read, so
    /// whoever asks for events must take them, also while waiting for a reply.
    pub fn events(&self) -> Events {
        self.events_within(events::MAX_WAITING_BYTES)
    }

    /// The same, where only `limit` bytes of them may wait, and one event that is larger.
    pub fn events_within(&self, limit: u32) -> Events {
        let (sender, events) = events::queue(limit);
        let mut shared = lock(&self.shared);
        // After the end nobody would ever close it.
        if shared.ended.is_none() {
            shared.events = Some(sender);
        }
        events
    }

    /// Returns why the connection ended, once it has.
    pub fn ended(&self) -> Option<CallError> {
        let ended = lock(&self.shared).ended.clone();
        ended.map(|source| CallError::Lost {
            source,
            mutates: false,
        })
    }

    /// Says goodbye, without waiting for the other side to say it too.
    pub fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let closed = Closed::new(1000, "Client closed");
            self.sender.lock().await.close(closed).await;
        })
    }

    /// Refuses a message that the daemon would refuse, before it leaves.
    fn check_permission(&self, kind: &str) -> Result<(), CallError> {
        match DaemonPermission::for_request(kind) {
            Some(needed) if !self.server.permits(needed) => Err(CallError::NotPermitted(needed)),
            _ => Ok(()),
        }
    }

    async fn send(&self, frame: Frame, mutates: bool) -> Result<(), CallError> {
        if self.read_only && mutates {
            return Err(CallError::ReadOnly);
        }
        let length = frame.len();
        self.sender
            .lock()
            .await
            .send(frame)
            .await
            .map_err(|source| match source {
                TransportError::TooLarge { limit } => CallError::TooLarge { length, limit },
                source => {
                    // Who reads has been told why; who writes only finds that nothing goes any more.
                    let told = lock(&self.shared).ended.clone();
                    let source = told.unwrap_or_else(|| Arc::new(source));
                    CallError::Lost { source, mutates }
                }
            })
    }
}
