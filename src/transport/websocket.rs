//! A WebSocket (RFC 6455) as a [`Transport`], for either role and any byte stream.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::Frame as WireFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::budget::Budget;
use super::intake::{Fault, Intake};
use super::presence::Teller;
use super::tap::Tapped;
use super::{Closed, Frame, FrameReceiver, FrameSender, Transport, TransportError};
use crate::protocol::relay::MAX_MESSAGE_BYTES;

/// How long a close frame may take to leave. The peer's own close frame is never waited for: the
/// official relay does not send one (`docs/protocol.md`, "Close handshake").
const CLOSE_DEADLINE: Duration = Duration::from_millis(100);

/// A message that is longer is sent in pieces of this size.
const FRAGMENT_BYTES: usize = 1024 * 1024;

/// Returns the limits that every WebSocket of ours has: messages of at most 32 MiB, like the relay's.
pub fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES))
        .read_buffer_size(16 * 1024)
}

/// Makes a [`Transport`] out of a WebSocket whose upgrade is done.
pub fn from_stream<S>(stream: WebSocketStream<S>) -> Transport
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    new(stream, None, None)
}

/// The same out of a byte stream, for a server: as long as the peer has not been admitted
/// ([`FrameReceiver::admit`]) it may send short messages only, and what it sends counts against a budget.
pub async fn of_stranger<S>(stream: S, budget: &Budget) -> Transport
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let intake = Intake::new(budget, false);
    let stream = Tapped::new(stream, intake.clone());
    let stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config())).await;
    new(stream, None, Some(intake))
}

/// The same, where the other end may be a relay that tells whether the daemon is there, and `intake` may follow the bytes.
pub(super) fn new<S>(
    stream: WebSocketStream<S>,
    teller: Option<Teller>,
    intake: Option<Intake>,
) -> Transport
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sink, stream) = stream.split();
    Transport {
        sender: Box::new(Sender {
            sink,
            taken: VecDeque::new(),
        }),
        receiver: Box::new(Receiver {
            stream,
            teller,
            intake,
            given: 0,
        }),
    }
}

/// Cuts a message into WebSocket frames. The library copies each frame that it sends, to mask it.
fn fragments(frame: Frame) -> impl Iterator<Item = WireFrame> {
    let (kind, payload) = match frame {
        Frame::Text(text) => (Data::Text, Bytes::from(text)),
        Frame::Binary(bytes) => (Data::Binary, bytes),
    };
    (0..payload.len())
        .step_by(FRAGMENT_BYTES)
        .map(move |start| {
            let end = payload.len().min(start + FRAGMENT_BYTES);
            let kind = if start == 0 { kind } else { Data::Continue };
            let is_final = end == payload.len();
            WireFrame::message(payload.slice(start..end), OpCode::Data(kind), is_final)
        })
}

struct Sender<S> {
    sink: SplitSink<WebSocketStream<S>, Message>,
    /// Taken, and not yet given to the library.
    taken: VecDeque<Message>,
}

impl<S> Sender<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    fn take(&mut self, frame: Frame) -> Result<(), TransportError> {
        // The other side would close the connection over it.
        if frame.len() > MAX_MESSAGE_BYTES {
            return Err(TransportError::TooLarge {
                limit: MAX_MESSAGE_BYTES,
            });
        }
        match frame.len() {
            0..=FRAGMENT_BYTES => self.taken.push_back(frame.into()),
            _ => self.taken.extend(fragments(frame).map(Message::Frame)),
        }
        Ok(())
    }

    async fn pass_on(&mut self) -> Result<(), TransportError> {
        let passed = self.give().await;
        if passed.is_err() {
            self.taken.clear();
        }
        Ok(passed?)
    }

    async fn give(&mut self) -> Result<(), Error> {
        while !self.taken.is_empty() {
            // Between this and the message there is nothing to wait for, so each is given once.
            poll_fn(|context| self.sink.poll_ready_unpin(context)).await?;
            if let Some(message) = self.taken.pop_front() {
                self.sink.start_send_unpin(message)?;
            }
        }
        self.sink.flush().await
    }
}

struct Receiver<S> {
    stream: SplitStream<WebSocketStream<S>>,
    teller: Option<Teller>,
    intake: Option<Intake>,
    /// Length of the message that was given out last. It counts until the next one is asked for.
    given: usize,
}

impl<S> FrameSender for Sender<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    fn send(&mut self, frame: Frame) -> BoxFuture<'_, Result<(), TransportError>> {
        self.send_all(vec![frame])
    }

    fn send_all(&mut self, frames: Vec<Frame>) -> BoxFuture<'_, Result<(), TransportError>> {
        let taken = frames.into_iter().try_for_each(|frame| self.take(frame));
        Box::pin(async move {
            self.pass_on().await?;
            taken
        })
    }

    fn close(&mut self, closed: Closed) -> BoxFuture<'_, ()> {
        let frame = closed.code.map(|code| CloseFrame {
            code: CloseCode::from(code),
            reason: closed.reason.into(),
        });
        Box::pin(async move {
            // The peer may be gone already, and then there is nobody to tell.
            self.taken.push_back(Message::Close(frame));
            let _ = tokio::time::timeout(CLOSE_DEADLINE, self.pass_on()).await;
        })
    }
}

impl<S> FrameReceiver for Receiver<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    fn recv(&mut self) -> BoxFuture<'_, Result<Frame, TransportError>> {
        Box::pin(async move {
            if let Some(intake) = &self.intake {
                intake.let_go(std::mem::take(&mut self.given));
                intake.resume();
            }
            loop {
                let next = tokio::select! {
                    biased;
                    next = self.stream.next() => next,
                    () = overdue(self.intake.as_ref()) => return Err(TransportError::Unfinished),
                };
                match next {
                    Some(Ok(Message::Text(text))) => {
                        tracing::trace!(bytes = text.len(), "text frame in");
                        self.given = text.len();
                        return Ok(Frame::Text(text.as_str().to_owned()));
                    }
                    Some(Ok(Message::Binary(bytes))) => {
                        tracing::trace!(bytes = bytes.len(), "binary frame in");
                        self.given = bytes.len();
                        return Ok(Frame::Binary(bytes));
                    }
                    Some(Ok(Message::Close(frame))) => {
                        return Err(TransportError::Closed(frame.into()));
                    }
                    // The library answers pings by itself.
                    Some(Ok(Message::Ping(payload))) => {
                        if let Some(teller) = &self.teller {
                            teller.heard(&payload);
                        }
                    }
                    Some(Ok(Message::Pong(_) | Message::Frame(_))) => {}
                    Some(Err(error)) => return Err(error.into()),
                    None => return Err(TransportError::Closed(Closed::default())),
                }
            }
        })
    }

    fn admit(&mut self) {
        if let Some(intake) = &self.intake {
            intake.admit();
        }
    }
}

async fn overdue(intake: Option<&Intake>) {
    match intake {
        Some(intake) => intake.overdue().await,
        None => std::future::pending().await,
    }
}

impl From<Frame> for Message {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Text(text) => Self::Text(text.into()),
            Frame::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

impl From<Option<CloseFrame>> for Closed {
    fn from(frame: Option<CloseFrame>) -> Self {
        match frame {
            Some(frame) => Self::new(frame.code.into(), &frame.reason),
            None => Self::default(),
        }
    }
}

impl From<Error> for TransportError {
    fn from(error: Error) -> Self {
        match error {
            Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Protocol(ProtocolError::SendAfterClosing) => Self::Closed(Closed::default()),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                Self::Lost(std::io::ErrorKind::ConnectionReset.into())
            }
            Error::Io(source) => match source.get_ref().and_then(|it| it.downcast_ref::<Fault>()) {
                Some(Fault::Message(limit)) => Self::TooLarge { limit: *limit },
                Some(Fault::Budget) => Self::Overloaded,
                Some(fault @ (Fault::LongControl | Fault::Head)) => Self::Protocol {
                    layer: "WebSocket",
                    what: fault.to_string(),
                },
                None => Self::Lost(source),
            },
            Error::Capacity(CapacityError::MessageTooLong { max_size, .. }) => {
                Self::TooLarge { limit: max_size }
            }
            other => Self::Protocol {
                layer: "WebSocket",
                what: other.to_string(),
            },
        }
    }
}
