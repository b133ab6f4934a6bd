//! A route that proves no key: nothing passes on it before the other end has named the paired daemon's id.
//!
//! The hello leaves, because no daemon speaks before it. Every other frame waits, in both directions, for the
//! `server_info` that answers it.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::introduction::{is_hello, named_id};
use crate::protocol::admission::Rejection;
use crate::secret::Secret;
use crate::transport::{Closed, Frame, FrameReceiver, FrameSender, Transport, TransportError};

/// Most bytes that the other end may send before it has named itself. No daemon sends any.
const MAX_HELD_BYTES: usize = 64 * 1024;
/// What a frame costs beside its content, so that empty ones have a bound, too.
const FRAME_COST: usize = 64;
/// How long the other end may take to name itself: as long as a daemon waits for a hello, and as long again.
const NAMED_WITHIN: Duration = Duration::from_secs(30);

/// Lets nothing through before the other end has named this id.
pub(super) fn named(transport: Transport, id: Secret<String>) -> Transport {
    let (known, knows) = watch::channel(false);
    Transport {
        sender: Box::new(Sender {
            inner: transport.sender,
            knows,
        }),
        receiver: Box::new(Receiver {
            inner: transport.receiver,
            id,
            known,
            state: State::Unknown,
            deadline: Instant::now() + NAMED_WITHIN,
            held: VecDeque::new(),
            held_bytes: 0,
        }),
    }
}

struct Sender {
    inner: Box<dyn FrameSender>,
    /// Whether the other end is known.
    knows: watch::Receiver<bool>,
}

impl Sender {
    /// Waits until a frame may leave; for the end of the receiver, too.
    async fn admit(&mut self, frame: &Frame) -> Result<(), TransportError> {
        if *self.knows.borrow() || matches!(frame, Frame::Text(text) if is_hello(text)) {
            return Ok(());
        }
        match self.knows.wait_for(|known| *known).await {
            Ok(_) => Ok(()),
            Err(_) => Err(TransportError::Closed(Closed::default())),
        }
    }
}

impl FrameSender for Sender {
    fn send(&mut self, frame: Frame) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            self.admit(&frame).await?;
            self.inner.send(frame).await
        })
    }

    fn send_all(&mut self, frames: Vec<Frame>) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            for frame in &frames {
                self.admit(frame).await?;
            }
            self.inner.send_all(frames).await
        })
    }

    fn largest(&self) -> usize {
        self.inner.largest()
    }

    fn close(&mut self, closed: Closed) -> BoxFuture<'_, ()> {
        self.inner.close(closed)
    }
}

/// Who the other end is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unknown,
    Paired,
    Other,
}

struct Receiver {
    inner: Box<dyn FrameReceiver>,
    id: Secret<String>,
    known: watch::Sender<bool>,
    state: State,
    /// Until when it must have named itself.
    deadline: Instant,
    /// What came before the name.
    held: VecDeque<Frame>,
    held_bytes: usize,
}

impl Receiver {
    /// Takes a frame of an end that is not known yet; returns it when the client may see it all the same.
    fn judge(&mut self, frame: Frame) -> Result<Option<Frame>, TransportError> {
        if let Frame::Text(text) = &frame {
            if let Some(id) = named_id(text) {
                self.state = match self.id.is(&id) {
                    true => State::Paired,
                    false => State::Other,
                };
                if self.state == State::Other {
                    self.held.clear();
                    return Err(TransportError::OtherPeer);
                }
                self.known.send_replace(true);
            } else if Rejection::parse(text).is_some() {
                // The reason of a refusal, before the connection ends.
                return Ok(Some(frame));
            }
        }
        self.held_bytes += frame.len() + FRAME_COST;
        self.held.push_back(frame);
        if self.state == State::Unknown && self.held_bytes > MAX_HELD_BYTES {
            return Err(unnamed("it talks before it introduces itself"));
        }
        Ok(None)
    }
}

fn unnamed(what: &str) -> TransportError {
    TransportError::Protocol {
        layer: "session",
        what: what.to_owned(),
    }
}

impl FrameReceiver for Receiver {
    fn recv(&mut self) -> BoxFuture<'_, Result<Frame, TransportError>> {
        Box::pin(async move {
            loop {
                match self.state {
                    State::Other => return Err(TransportError::OtherPeer),
                    State::Paired => match self.held.pop_front() {
                        Some(frame) => return Ok(frame),
                        None => return self.inner.recv().await,
                    },
                    State::Unknown => {
                        let frame = timeout_at(self.deadline, self.inner.recv()).await;
                        let frame = frame.map_err(|_| unnamed("it did not introduce itself"))??;
                        if let Some(frame) = self.judge(frame)? {
                            return Ok(frame);
                        }
                    }
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::transport::memory;

    const HELLO: &str = r#"{"type":"hello","clientId":"c","clientType":"cli","protocolVersion":1}"#;
    const ASK: &str = r#"{"type":"session","message":{"type":"ping","requestId":"1"}}"#;

    fn info(id: &str) -> Frame {
        Frame::Text(format!(
            r#"{{"type":"session","message":{{"type":"status","payload":{{"status":"server_info","serverId":"{id}"}}}}}}"#
        ))
    }

    fn text(text: &str) -> Frame {
        Frame::Text(text.to_owned())
    }

    /// A client's end that expects `srv_a`, and the daemon's.
    fn ends() -> (Transport, Transport) {
        let (client, daemon) = memory::pair(8);
        (named(client, Secret::from("srv_a")), daemon)
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_hello_leaves_before_the_name() {
        let (mut client, mut daemon) = ends();
        client.sender.send(text(HELLO)).await.unwrap();
        assert_eq!(daemon.receiver.recv().await.unwrap(), text(HELLO));
        let Transport {
            mut sender,
            mut receiver,
        } = client;
        let mut asking = sender.send(text(ASK));
        let early = timeout(Duration::from_secs(5), &mut asking).await;
        assert!(early.is_err(), "a request has left");
        daemon.sender.send(text("{}")).await.unwrap();
        daemon.sender.send(info("srv_a")).await.unwrap();
        // What came before the name follows it into the client, in order.
        assert_eq!(receiver.recv().await.unwrap(), text("{}"));
        assert_eq!(receiver.recv().await.unwrap(), info("srv_a"));
        asking.await.unwrap();
        assert_eq!(daemon.receiver.recv().await.unwrap(), text(ASK));
        daemon.sender.send(info("srv_b")).await.unwrap();
        assert_eq!(receiver.recv().await.unwrap(), info("srv_b"));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_of_another_daemon_is_taken() {
        let (mut client, mut daemon) = ends();
        daemon.sender.send(text(ASK)).await.unwrap();
        daemon.sender.send(info("srv_b")).await.unwrap();
        daemon.sender.send(info("srv_a")).await.unwrap();
        for _ in 0..3 {
            let error = client.receiver.recv().await.unwrap_err();
            assert!(matches!(error, TransportError::OtherPeer), "{error}");
        }
        let asking = timeout(Duration::from_secs(5), client.sender.send(text(ASK))).await;
        assert!(asking.is_err(), "a request has left");
        drop(client.receiver);
        client.sender.send(text(ASK)).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_peer_that_only_talks_is_left() {
        let (mut client, mut daemon) = ends();
        let talking = tokio::spawn(async move {
            let much = text(&"x".repeat(MAX_HELD_BYTES / 4));
            while daemon.sender.send(much.clone()).await.is_ok() {}
        });
        let error = client.receiver.recv().await.unwrap_err();
        assert!(matches!(error, TransportError::Protocol { .. }), "{error}");
        drop(client);
        talking.await.unwrap();
    }

    #[tokio::test]
    async fn frames_without_content_have_a_bound_too() {
        let (mut client, mut daemon) = ends();
        let talking =
            tokio::spawn(async move { while daemon.sender.send(text("")).await.is_ok() {} });
        let error = client.receiver.recv().await.unwrap_err();
        assert!(matches!(error, TransportError::Protocol { .. }), "{error}");
        drop(client);
        talking.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_says_nothing_is_left() {
        let (mut client, _daemon) = ends();
        let start = Instant::now();
        client.receiver.recv().await.unwrap_err();
        assert_eq!(start.elapsed().as_secs(), NAMED_WITHIN.as_secs());
    }

    #[tokio::test]
    async fn the_reason_of_a_refusal_is_passed_on() {
        let (mut client, mut daemon) = ends();
        let rejected = text(
            r#"{"type":"hello.rejected","reason":"password_required","accepts":["password"]}"#,
        );
        daemon.sender.send(rejected.clone()).await.unwrap();
        assert_eq!(client.receiver.recv().await.unwrap(), rejected);
    }
}
