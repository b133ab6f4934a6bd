//! One end of a stream between two nodes: bytes in order, and not more of them on the way than the
//! other end has room for. NATS itself bounds nothing: it drops whoever is too slow.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::ReadBuf;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::message::{Content, Envelope, NodeId, StreamId};

/// Bytes that may be on the way in one direction.
const WINDOW: usize = 256 * 1024;

/// Bytes of one message; NATS takes up to 1 MiB.
const CHUNK: usize = 64 * 1024;

/// Where messages to NATS wait. What waits there is bounded by the windows of all streams.
pub(super) type Outgoing = mpsc::UnboundedSender<(String, Bytes)>;

/// One end.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) id: StreamId,
    /// The node at the other end.
    pub(super) peer: NodeId,
    pub(super) opened: Instant,
    me: NodeId,
    subject: String,
    outgoing: Outgoing,
    state: Mutex<State>,
    lost: Notify,
}

#[derive(Debug)]
struct State {
    arrived: VecDeque<Bytes>,
    unread: usize,
    /// Read, and the other end does not know yet.
    taken: usize,
    next_in: u32,
    next_out: u32,
    room: usize,
    /// The other end has said its last byte.
    peer_ended: bool,
    ended: bool,
    lost: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Flow {
    pub(super) fn new(
        id: StreamId,
        me: NodeId,
        peer: NodeId,
        subject: String,
        outgoing: Outgoing,
    ) -> Self {
        Self {
            id,
            peer,
            opened: Instant::now(),
            me,
            subject,
            outgoing,
            state: Mutex::new(State {
                arrived: VecDeque::new(),
                unread: 0,
                taken: 0,
                next_in: 0,
                next_out: 0,
                room: WINDOW,
                peer_ended: false,
                ended: false,
                lost: false,
                reader: None,
                writer: None,
            }),
            lost: Notify::new(),
        }
    }

    /// Sends a message of this stream.
    pub(super) fn tell(&self, content: Content) {
        let envelope = Envelope {
            from: self.me,
            stream: self.id,
            content,
        };
        // Without a receiver the connection to NATS is gone, and this stream with it.
        let _ = self
            .outgoing
            .send((self.subject.clone(), envelope.encode()));
    }

    /// Takes a message of the other end. A gap, or more than there is room for, loses the stream.
    pub(super) fn take(&self, content: Content) {
        let mut state = self.lock();
        match content {
            Content::Data { number, bytes } => {
                state.unread += bytes.len();
                if number != state.next_in || state.unread > WINDOW {
                    drop(state);
                    self.tell(Content::Reset);
                    return self.lose();
                }
                state.next_in = state.next_in.wrapping_add(1);
                state.arrived.push_back(bytes);
                wake(&mut state.reader);
            }
            Content::Taken(bytes) => {
                state.room = WINDOW.min(state.room.saturating_add(bytes as usize));
                wake(&mut state.writer);
            }
            Content::End => {
                state.peer_ended = true;
                wake(&mut state.reader);
            }
            Content::Reset | Content::Open(_) => {
                drop(state);
                self.lose();
            }
        }
    }

    /// The other end is gone, or cannot be reached.
    pub(super) fn lose(&self) {
        let mut state = self.lock();
        state.lost = true;
        wake(&mut state.reader);
        wake(&mut state.writer);
        drop(state);
        self.lost.notify_waiters();
    }

    /// Waits until the stream is lost.
    pub(super) async fn lost(&self) {
        let notified = self.lost.notified();
        if !self.lock().lost {
            notified.await;
        }
    }

    /// Returns the next bytes; `None` after the last ones.
    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.poll_up_to(cx, usize::MAX)
    }

    fn poll_up_to(&self, cx: &Context<'_>, most: usize) -> Poll<Option<io::Result<Bytes>>> {
        let mut state = self.lock();
        if let Some(first) = state.arrived.front_mut() {
            let bytes = first.split_to(first.len().min(most));
            if first.is_empty() {
                state.arrived.pop_front();
            }
            state.unread -= bytes.len();
            state.taken += bytes.len();
            // Half a window at once: a message for each would double their number.
            if state.taken >= WINDOW / 2 {
                let taken = std::mem::take(&mut state.taken);
                self.tell(Content::Taken(u32::try_from(taken).unwrap_or(u32::MAX)));
            }
            return Poll::Ready(Some(Ok(bytes)));
        }
        if state.peer_ended {
            return Poll::Ready(None);
        }
        if state.lost {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Reads into a buffer, as [`AsyncRead`](tokio::io::AsyncRead) does.
    pub(super) fn poll_read(
        &self,
        cx: &Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(bytes) = ready!(self.poll_up_to(cx, buffer.remaining())) {
            buffer.put_slice(&bytes?);
        }
        Poll::Ready(Ok(()))
    }

    /// Sends as much as fits into a message and the window; returns how much that is.
    pub(super) fn poll_send(
        &self,
        cx: &Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        if state.lost || state.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if state.room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let most = state.room.min(CHUNK);
        let wanted: usize = parts.iter().map(|part| part.len()).sum();
        let mut bytes = BytesMut::with_capacity(wanted.min(most));
        for part in parts {
            let fits = part.len().min(most - bytes.len());
            bytes.extend_from_slice(&part[..fits]);
        }
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let sent = bytes.len();
        state.room -= sent;
        let number = state.next_out;
        state.next_out = number.wrapping_add(1);
        // Under the lock: the numbers leave in their order.
        self.tell(Content::Data {
            number,
            bytes: bytes.freeze(),
        });
        Poll::Ready(Ok(sent))
    }

    /// Says that nothing more comes this way.
    pub(super) fn end(&self) {
        if !std::mem::replace(&mut self.lock().ended, true) {
            self.tell(Content::End);
        }
    }

    /// Lets the other end know that nobody is here any more, unless it is gone itself.
    pub(super) fn leave(&self) {
        let state = self.lock();
        let over = state.lost || (state.ended && state.peer_ended);
        drop(state);
        if !over {
            self.tell(Content::Reset);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Sent = mpsc::UnboundedReceiver<(String, Bytes)>;

    fn ends() -> (Flow, Flow, Sent, Sent) {
        let (a, b) = (NodeId(1), NodeId(2));
        let id = StreamId {
            opener: a,
            number: 0,
        };
        let (to_b, from_a) = mpsc::unbounded_channel();
        let (to_a, from_b) = mpsc::unbounded_channel();
        (
            Flow::new(id, a, b, String::new(), to_b),
            Flow::new(id, b, a, String::new(), to_a),
            from_a,
            from_b,
        )
    }

    fn deliver(from: &mut Sent, to: &Flow) {
        while let Ok((_, bytes)) = from.try_recv() {
            to.take(Envelope::decode(&bytes).unwrap().content);
        }
    }

    /// However little is taken at a time, everything arrives in order and no more than a window is on
    /// the way.
    #[test]
    fn the_window_holds() {
        let (a, b, mut from_a, mut from_b) = ends();
        let cx = Context::from_waker(Waker::noop());
        let all: Vec<u8> = (0..3 * WINDOW).map(|n| (n / 997) as u8).collect();
        let (mut sent, mut got) = (0, Vec::new());
        while got.len() < all.len() {
            while let Poll::Ready(Ok(n @ 1..)) = a.poll_send(&cx, &[IoSlice::new(&all[sent..])]) {
                sent += n;
            }
            assert!(sent - got.len() <= WINDOW);
            deliver(&mut from_a, &b);
            for _ in 0..2 {
                if let Poll::Ready(Some(Ok(bytes))) = b.poll_next(&cx) {
                    got.extend_from_slice(&bytes);
                }
            }
            deliver(&mut from_b, &a);
        }
        assert!(got == all);
        a.end();
        deliver(&mut from_a, &b);
        assert!(matches!(b.poll_next(&cx), Poll::Ready(None)));
    }

    #[test]
    fn a_gap_loses_the_stream_on_both_sides() {
        let (a, b, mut from_a, mut from_b) = ends();
        let cx = Context::from_waker(Waker::noop());
        for text in [b"one", b"two"] {
            assert!(a.poll_send(&cx, &[IoSlice::new(text)]).is_ready());
        }
        from_a.try_recv().unwrap();
        deliver(&mut from_a, &b);
        assert!(matches!(b.poll_next(&cx), Poll::Ready(Some(Err(_)))));
        deliver(&mut from_b, &a);
        let sent = a.poll_send(&cx, &[IoSlice::new(b"three")]);
        assert!(matches!(sent, Poll::Ready(Err(_))));
    }
}
