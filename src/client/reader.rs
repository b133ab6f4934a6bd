//! The task that reads: replies to those who wait for them, events to the one who asked for them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{Mutex as AsyncMutex, oneshot};

use super::events::{Event, EventSender};
use super::pulse::Pulse;
use super::session::CallError;
use crate::protocol::admission::Rejection;
use crate::protocol::session::{
    CLOSE_FULL, Correlation, Envelope, FULL, FULL_CODE, Message, RpcError, ServerInfo,
};
use crate::transport::{Closed, Frame, FrameReceiver, FrameSender, TransportError};

/// The payload of a reply, not yet read.
pub(super) type RawReply = Result<Box<RawValue>, CallError>;

/// What reader and callers share. Locked only for map operations, never across an await.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) pending: HashMap<String, oneshot::Sender<RawReply>>,
    pub(super) events: Option<EventSender>,
    pub(super) ended: Option<Arc<TransportError>>,
}

/// The writing half, shared by callers and the task that pings.
pub(super) type Sender = Arc<AsyncMutex<Box<dyn FrameSender>>>;

pub(super) fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // Nothing panics while it holds the lock; and the maps would still be whole.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) struct Reader {
    pub(super) sender: Sender,
    pub(super) shared: Arc<Mutex<Shared>>,
    /// Who waits for the daemon's introduction.
    pub(super) server: Option<oneshot::Sender<Result<ServerInfo, Rejection>>>,
    pub(super) pulse: Arc<Pulse>,
    /// The daemon has said that it takes no more clients. The close frame that says it, too, ends at the relay.
    pub(super) full: bool,
}

impl Reader {
    pub(super) async fn run(mut self, mut receiver: Box<dyn FrameReceiver>) {
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
        let pulse = Arc::clone(&self.pulse);
        let sender = Arc::clone(&self.sender);
        let reading = async {
            loop {
                match receiver.recv().await {
                    Ok(frame) => {
                        self.pulse.busy(true);
                        self.take(frame).await;
                        self.pulse.busy(false);
                        if self.full {
                            return TransportError::Closed(Closed::new(CLOSE_FULL, FULL));
                        }
                    }
                    Err(error) => return error,
                }
            }
        };
        // Beside each other: who waits to send a ping, because the peer takes nothing, must go on reading, or
        // two sides that both send much would wait for each other.
        tokio::select! {
            error = reading => error,
            error = pulse.keep_alive(&sender) => error,
            error = pulse.lost() => error,
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
        let message = match serde_json::from_str(text) {
            Ok(Envelope {
                message: Some(message),
                ..
            }) => message,
            Ok(_) => return self.rejected(text),
            Err(_) => return,
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
                let _ = server.send(Ok(info));
                self.pulse.open();
            }
            return;
        }
        if kind == "status" && self.server.is_some() {
            let told = serde_json::from_str::<Trouble<'_>>(payload.get());
            self.full = told.is_ok_and(|told| told.code.as_deref() == Some(FULL_CODE));
        }
        self.event(Event::Message {
            kind: kind.into_owned(),
            payload: payload.to_owned(),
        })
        .await;
    }

    /// Takes a frame that is no session message: the daemon may refuse the hello.
    fn rejected(&mut self, text: &str) {
        if let Some(rejection) = Rejection::parse(text)
            && let Some(server) = self.server.take()
        {
            let _ = server.send(Err(rejection));
        }
    }

    async fn event(&self, event: Event) {
        let events = lock(&self.shared).events.clone();
        if let Some(events) = events {
            events.send(event).await;
        }
    }
}

/// A `status` message that is no introduction.
#[derive(Deserialize)]
struct Trouble<'a> {
    #[serde(borrow, default)]
    code: Option<Cow<'a, str>>,
}

/// First bytes of terminal frames and file transfers (`docs/protocol.md`, "Binary frames").
fn is_binary_opcode(byte: u8) -> bool {
    matches!(byte, 0x01..=0x05 | 0x10..=0x12)
}

/// Expects the reply to a request: the receiver gets it, or why there will be none.
pub(super) fn expect(shared: &Mutex<Shared>, id: &str) -> oneshot::Receiver<RawReply> {
    let (sender, receiver) = oneshot::channel();
    let mut shared = lock(shared);
    match &shared.ended {
        Some(source) => {
            let _ = sender.send(Err(CallError::Lost {
                source: Arc::clone(source),
                mutates: false, // whoever receives it knows
            }));
        }
        None => drop(shared.pending.insert(id.to_owned(), sender)),
    }
    receiver
}
