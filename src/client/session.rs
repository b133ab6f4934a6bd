//! Requests, replies and events on an open connection.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::protocol::session::{Correlation, Envelope, Message, Request, RpcError, ServerInfo};
use crate::transport::{Closed, Frame, FrameReceiver, FrameSender, Transport, TransportError};

/// How long a reply may take, unless the caller knows better: as long as the official client waits.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// A connection that lives this long is pinged this often. Once pinged, a daemon expects it to go on
/// (its lease is 45 s).
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// Without any frame for so long, after two pings, the path is dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(25);

/// How many events may wait for the one who asked for them. Then reading stops, and the peer waits.
const EVENT_QUEUE: usize = 256;

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

/// What a daemon sends unasked.
#[derive(Debug)]
pub enum Event {
    /// A session message.
    Message {
        /// Its type, such as `agent_stream`.
        kind: String,
        /// Its content, not yet read.
        payload: Box<RawValue>,
    },
    /// A binary frame: terminal output or a piece of a file.
    Binary(Bytes),
}

type RawReply = Result<Box<RawValue>, CallError>;

/// What reader and callers share. Locked only for map operations, never across an await.
#[derive(Default)]
struct Shared {
    pending: HashMap<String, oneshot::Sender<RawReply>>,
    events: Option<mpsc::Sender<Event>>,
    ended: Option<Arc<TransportError>>,
}

type Sender = Arc<AsyncMutex<Box<dyn FrameSender>>>;

/// An open session with a daemon. Dropping it ends the connection.
pub struct DaemonClient {
    sender: Sender,
    shared: Arc<Mutex<Shared>>,
    reader: AbortHandle,
    server: ServerInfo,
}

impl std::fmt::Debug for DaemonClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DaemonClient")
            .field("version", &self.server.version)
            .finish_non_exhaustive()
    }
}

impl Drop for DaemonClient {
    fn drop(&mut self) {
        self.reader.abort();
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
        let reply = match limit {
            Some(limit) => tokio::time::timeout(limit, self.receiver)
                .await
                .map_err(|_| CallError::Timeout {
                    limit,
                    mutates: R::MUTATES,
                })?,
            None => self.receiver.await,
        };
        // The reader answers every pending request before it ends, so a dropped channel means that this
        // side is shutting down.
        let payload = reply.unwrap_or_else(|_| {
            let closed = TransportError::Closed(Closed::default());
            Err(CallError::Lost {
                source: Arc::new(closed),
                mutates: R::MUTATES,
            })
        });
        let payload = payload.map_err(|error| match error {
            CallError::Lost { source, .. } => CallError::Lost {
                source,
                mutates: R::MUTATES,
            },
            other => other,
        })?;
        serde_json::from_str(payload.get()).map_err(|error| CallError::Malformed {
            request: R::TYPE,
            line: error.line(),
            column: error.column(),
        })
    }
}

/// A session before `server_info`: frames flow, but only the opening request may be on its way.
pub(super) struct Opening {
    sender: Sender,
    shared: Arc<Mutex<Shared>>,
    reader: AbortHandle,
    server: oneshot::Receiver<ServerInfo>,
}

impl Opening {
    /// Starts to read from a transport on which the hello is sent or about to be.
    pub(super) fn new(transport: Transport) -> Self {
        let shared = Arc::<Mutex<Shared>>::default();
        let sender = Arc::new(AsyncMutex::new(transport.sender));
        let (server_tx, server) = oneshot::channel();
        let reader = Reader {
            sender: Arc::clone(&sender),
            shared: Arc::clone(&shared),
            server: Some(server_tx),
        };
        let reader = tokio::spawn(reader.run(transport.receiver)).abort_handle();
        Self {
            sender,
            shared,
            reader,
            server,
        }
    }

    /// Expects the reply to a request that was written with [`encode`].
    pub(super) fn expect<R: Request>(&self, id: &str) -> Reply<R> {
        expect(&self.shared, id)
    }

    /// Sends a frame.
    pub(super) async fn send(&self, frame: Frame) -> Result<(), TransportError> {
        self.sender.lock().await.send(frame).await
    }

    /// Waits for `server_info`; the error says why there will be none.
    pub(super) async fn ready(self) -> Result<DaemonClient, Arc<TransportError>> {
        match self.server.await {
            Ok(server) => Ok(DaemonClient {
                sender: self.sender,
                shared: self.shared,
                reader: self.reader,
                server,
            }),
            Err(_) => Err(lock(&self.shared)
                .ended
                .clone()
                .unwrap_or_else(|| Arc::new(TransportError::Closed(Closed::default())))),
        }
    }
}

impl DaemonClient {
    /// Returns what the daemon said of itself.
    pub fn server(&self) -> &ServerInfo {
        &self.server
    }

    /// Sends a request and waits for its reply, at most [`REPLY_TIMEOUT`].
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Reply, CallError> {
        self.call_within(request, Some(REPLY_TIMEOUT)).await
    }

    /// Sends a request and waits for its reply as long as `limit` allows; `None` waits for ever.
    pub async fn call_within<R: Request>(
        &self,
        request: &R,
        limit: Option<Duration>,
    ) -> Result<R::Reply, CallError> {
        self.start(request).await?.wait(limit).await
    }

    /// Sends a request; its reply can be waited for later.
    pub async fn start<R: Request>(&self, request: &R) -> Result<Reply<R>, CallError> {
        let (id, text) = encode(request);
        let reply = expect(&self.shared, &id);
        self.send(Frame::Text(text), R::MUTATES).await?;
        Ok(reply)
    }

    /// Sends a message that has no reply.
    pub async fn notify<R: Request>(&self, request: &R) -> Result<(), CallError> {
        self.send(Frame::Text(encode(request).1), R::MUTATES).await
    }

    /// Sends a binary frame: terminal input or a piece of a file.
    pub async fn send_binary(&self, bytes: Bytes) -> Result<(), CallError> {
        self.send(Frame::Binary(bytes), true).await
    }

    /// Receives what the daemon sends unasked, from now on. While the queue is full nothing is read, so
    /// whoever asks for events must take them, also while waiting for a reply.
    pub fn events(&self) -> mpsc::Receiver<Event> {
        let (sender, receiver) = mpsc::channel(EVENT_QUEUE);
        lock(&self.shared).events = Some(sender);
        receiver
    }

    /// Says goodbye, without waiting for the other side to say it too.
    pub async fn close(self) {
        self.sender
            .lock()
            .await
            .close(Closed::new(1000, "Client closed"))
            .await;
    }

    async fn send(&self, frame: Frame, mutates: bool) -> Result<(), CallError> {
        self.sender
            .lock()
            .await
            .send(frame)
            .await
            .map_err(|source| CallError::Lost {
                source: Arc::new(source),
                mutates,
            })
    }
}

/// Writes a request: its id, and the text of its frame.
pub(super) fn encode<R: Request>(request: &R) -> (String, String) {
    #[derive(Serialize)]
    struct Session<'a, R> {
        r#type: &'static str,
        message: Outgoing<'a, R>,
    }
    #[derive(Serialize)]
    struct Outgoing<'a, R> {
        r#type: &'static str,
        #[serde(rename = "requestId")]
        request_id: &'a str,
        #[serde(flatten)]
        request: &'a R,
    }
    let id = uuid::Uuid::new_v4().to_string();
    let message = Outgoing {
        r#type: R::TYPE,
        request_id: &id,
        request,
    };
    let text = serde_json::to_string(&Session {
        r#type: "session",
        message,
    })
    .expect("requests are structs with string keys");
    (id, text)
}

fn expect<R: Request>(shared: &Mutex<Shared>, id: &str) -> Reply<R> {
    let (sender, receiver) = oneshot::channel();
    let mut shared = lock(shared);
    match &shared.ended {
        Some(source) => {
            let _ = sender.send(Err(CallError::Lost {
                source: Arc::clone(source),
                mutates: R::MUTATES,
            }));
        }
        None => drop(shared.pending.insert(id.to_owned(), sender)),
    }
    Reply {
        receiver,
        request: PhantomData,
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // Nothing panics while it holds the lock; and the maps would still be whole.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Reader {
    sender: Sender,
    shared: Arc<Mutex<Shared>>,
    server: Option<oneshot::Sender<ServerInfo>>,
}

impl Reader {
    async fn run(mut self, mut receiver: Box<dyn FrameReceiver>) {
        let error = Arc::new(self.read(receiver.as_mut()).await);
        let pending = {
            let mut shared = lock(&self.shared);
            shared.ended = Some(Arc::clone(&error));
            shared.events = None;
            std::mem::take(&mut shared.pending)
        };
        for reply in pending.into_values() {
            let _ = reply.send(Err(CallError::Lost {
                source: Arc::clone(&error),
                mutates: false,
            }));
        }
    }

    async fn read(&mut self, receiver: &mut dyn FrameReceiver) -> TransportError {
        let mut heard = Instant::now();
        let mut tick = tokio::time::interval_at(heard + PING_INTERVAL, PING_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                frame = receiver.recv() => match frame {
                    Ok(frame) => {
                        heard = Instant::now();
                        self.take(frame).await;
                    }
                    Err(error) => return error,
                },
                _ = tick.tick(), if self.server.is_none() => {
                    if heard.elapsed() > SILENCE_LIMIT {
                        return TransportError::Lost(std::io::ErrorKind::TimedOut.into());
                    }
                    let ping = Frame::Text(r#"{"type":"ping"}"#.to_owned());
                    if let Err(error) = self.sender.lock().await.send(ping).await {
                        return error;
                    }
                }
            }
        }
    }

    async fn take(&mut self, frame: Frame) {
        match frame {
            // Over a channel that was not negotiated, bytes may arrive as text: look at the first one.
            Frame::Text(text)
                if text
                    .as_bytes()
                    .first()
                    .is_some_and(|&b| is_binary_opcode(b)) =>
            {
                self.event(Event::Binary(text.into_bytes().into())).await;
            }
            Frame::Text(text) => self.take_text(&text).await,
            Frame::Binary(bytes) => self.event(Event::Binary(bytes)).await,
        }
    }

    /// Takes a text frame. What is not of the protocol is ignored, as official clients do.
    async fn take_text(&mut self, text: &str) {
        let Ok(Envelope {
            message: Some(message),
            ..
        }) = serde_json::from_str(text)
        else {
            return;
        };
        let Ok(Message {
            kind,
            payload: Some(payload),
        }) = serde_json::from_str(message.get())
        else {
            return;
        };
        let Ok(correlation) = serde_json::from_str::<Correlation<'_>>(payload.get()) else {
            return;
        };
        tracing::debug!(%kind, bytes = text.len(), "received");
        let waiting = correlation
            .request_id
            .and_then(|id| lock(&self.shared).pending.remove(id.as_ref()));
        if let Some(waiting) = waiting {
            let reply = match (
                kind.as_ref(),
                serde_json::from_str::<RpcError>(payload.get()),
            ) {
                ("rpc_error", Ok(error)) => Err(CallError::Refused(error)),
                _ => Ok(payload.to_owned()),
            };
            let _ = waiting.send(reply);
            return;
        }
        if kind == "status" && correlation.status.as_deref() == Some("server_info") {
            if let Ok(info) = serde_json::from_str(payload.get())
                && let Some(server) = self.server.take()
            {
                let _ = server.send(info);
            }
            return;
        }
        self.event(Event::Message {
            kind: kind.into_owned(),
            payload: payload.to_owned(),
        })
        .await;
    }

    async fn event(&self, event: Event) {
        let events = lock(&self.shared).events.clone();
        if let Some(events) = events {
            // Nobody is listening any more: then nobody misses it.
            let _ = events.send(event).await;
        }
    }
}

/// First bytes of terminal frames and file transfers (`docs/protocol.md`, "Binary frames").
fn is_binary_opcode(byte: u8) -> bool {
    matches!(byte, 0x01..=0x05 | 0x10..=0x12)
}
