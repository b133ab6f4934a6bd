//! A transport within this process: a bounded pair, for tests of two sides against each other.

use std::collections::VecDeque;
use std::io;

use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::{Closed, Frame, FrameReceiver, FrameSender, Transport, TransportError};

/// Makes two connected ends. Each direction holds at most `capacity` frames, then sending waits.
///
/// # Panics
/// When `capacity` is 0.
pub fn pair(capacity: usize) -> (Transport, Transport) {
    let (left_tx, left_rx) = mpsc::channel(capacity);
    let (right_tx, right_rx) = mpsc::channel(capacity);
    (end(left_tx, right_rx), end(right_tx, left_rx))
}

fn end(tx: mpsc::Sender<Message>, rx: mpsc::Receiver<Message>) -> Transport {
    Transport {
        sender: Box::new(Sender {
            tx: Some(tx),
            taken: VecDeque::new(),
        }),
        receiver: Box::new(Receiver { rx, closed: None }),
    }
}

enum Message {
    Frame(Frame),
    Close(Closed),
}

struct Sender {
    /// `None` after a close frame.
    tx: Option<mpsc::Sender<Message>>,
    taken: VecDeque<Frame>,
}

impl Sender {
    async fn pass_on(&mut self) -> Result<(), TransportError> {
        let lost = || TransportError::Lost(io::ErrorKind::BrokenPipe.into());
        let tx = self.tx.as_ref().ok_or_else(lost)?;
        while !self.taken.is_empty() {
            let place = tx.reserve().await.map_err(|_| lost())?;
            if let Some(frame) = self.taken.pop_front() {
                place.send(Message::Frame(frame));
            }
        }
        Ok(())
    }
}

impl FrameSender for Sender {
    fn send(&mut self, frame: Frame) -> BoxFuture<'_, Result<(), TransportError>> {
        self.send_all(vec![frame])
    }

    fn send_all(&mut self, frames: Vec<Frame>) -> BoxFuture<'_, Result<(), TransportError>> {
        self.taken.extend(frames);
        Box::pin(self.pass_on())
    }

    fn close(&mut self, closed: Closed) -> BoxFuture<'_, ()> {
        if let Some(tx) = self.tx.take() {
            for frame in self.taken.drain(..) {
                let _ = tx.try_send(Message::Frame(frame));
            }
            let _ = tx.try_send(Message::Close(closed));
        }
        Box::pin(async {})
    }
}

struct Receiver {
    rx: mpsc::Receiver<Message>,
    closed: Option<Closed>,
}

impl FrameReceiver for Receiver {
    fn recv(&mut self) -> BoxFuture<'_, Result<Frame, TransportError>> {
        Box::pin(async move {
            if let Some(closed) = &self.closed {
                return Err(TransportError::Closed(closed.clone()));
            }
            match self.rx.recv().await {
                Some(Message::Frame(frame)) => Ok(frame),
                Some(Message::Close(closed)) => {
                    self.closed = Some(closed.clone());
                    Err(TransportError::Closed(closed))
                }
                None => Err(TransportError::Lost(io::ErrorKind::UnexpectedEof.into())),
            }
        })
    }
}
