//! What a daemon sends unasked, queued for the one who asked for it.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// How many bytes of events may wait to be taken, usually: one frame of the largest size and some small ones.
/// While they are used up nothing is read, and the peer waits.
pub(super) const MAX_WAITING_BYTES: u32 = 34 * 1024 * 1024;

/// What an event costs beside its content.
const OVERHEAD_BYTES: usize = 128;

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

impl Event {
    fn cost(&self) -> u32 {
        let bytes = match self {
            Self::Message { kind, payload } => kind.len() + payload.get().len(),
            Self::Binary(bytes) => bytes.len(),
        };
        u32::try_from(bytes + OVERHEAD_BYTES).unwrap_or(u32::MAX)
    }
}

/// Makes a queue of events, `limit` bytes of which may wait; and one event that is larger.
pub(super) fn queue(limit: u32) -> (EventSender, Events) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (
        EventSender {
            sender,
            room: Arc::new(Semaphore::new(limit as usize)),
            limit,
        },
        Events { receiver },
    )
}

/// The end of the queue where events are put in.
#[derive(Debug, Clone)]
pub(super) struct EventSender {
    sender: mpsc::UnboundedSender<(Event, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
    limit: u32,
}

impl EventSender {
    /// Waits for room, and puts an event in. When nobody listens any more, nobody misses it.
    pub(super) async fn send(&self, event: Event) {
        let cost = event.cost().min(self.limit);
        tokio::select! {
            permit = Arc::clone(&self.room).acquire_many_owned(cost) => {
                if let Ok(permit) = permit {
                    let _ = self.sender.send((event, permit));
                }
            }
            () = self.sender.closed() => {}
        }
    }
}

/// The end of the queue where events are taken out.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::UnboundedReceiver<(Event, OwnedSemaphorePermit)>,
}

impl Events {
    /// Takes the next event; `None` when the connection has ended. Cancelling it loses nothing.
    pub async fn recv(&mut self) -> Option<Event> {
        self.receiver.recv().await.map(|(event, _permit)| event)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_waits_is_bounded_in_bytes() {
        let (sender, mut events) = queue(MAX_WAITING_BYTES);
        let frame = || Event::Binary(Bytes::from(vec![0; 16 * 1024 * 1024]));
        sender.send(frame()).await;
        sender.send(frame()).await;
        let third = sender.send(frame());
        tokio::pin!(third);
        assert!(
            tokio::time::timeout(Duration::from_millis(50), &mut third)
                .await
                .is_err()
        );
        assert!(matches!(events.recv().await, Some(Event::Binary(_))));
        tokio::time::timeout(Duration::from_secs(5), third)
            .await
            .expect("there is room again");
    }

    #[tokio::test]
    async fn a_listener_that_left_holds_up_nobody() {
        let (sender, events) = queue(MAX_WAITING_BYTES);
        let frame = || Event::Binary(Bytes::from(vec![0; 32 * 1024 * 1024]));
        sender.send(frame()).await;
        let blocked = sender.send(frame());
        drop(events);
        tokio::time::timeout(Duration::from_secs(5), blocked)
            .await
            .expect("nobody listens");
    }
}
