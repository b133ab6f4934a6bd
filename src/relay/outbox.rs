//! The bounded queue of what one socket has to send.
//!
//! Its bound is in bytes and it is soft by one frame: a frame is taken as long as the queue is below
//! the bound. A writer that finds it full stops reading until there is room, so that a slow reader slows
//! its writer down and nobody else; no frame is ever dropped from the middle of a stream. Pings have a lane of
//! their own, so that they never wait behind data.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::event::SocketId;
use super::frame::{Frame, Kind};
use super::holder::{Holder, Wait};
use super::outgoing::Outgoing;
use super::wire::Sent;
use crate::protocol::relay::{Close, RelayToDaemon};

/// What the writer of a socket finds in its outbox.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Frames, now in the writer's own queue.
    Frames,
    /// The socket has to be closed, after what is now in the writer's own queue.
    Close(Close),
}

/// A queue of frames with one reader, the socket's task, and any number of writers.
#[derive(Debug)]
pub(super) struct Outbox {
    id: SocketId,
    limit: usize,
    holder: Arc<Holder>,
    written: AtomicU64,
    /// Somebody waits in `queue.probes`.
    probed: AtomicBool,
    queue: Mutex<Queue>,
}

/// How a socket ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// When all is sent.
    After(Close),
    /// At once.
    Cut(Close),
}

#[derive(Debug, Default)]
struct Queue {
    /// Pings, which go before all data.
    urgent: VecDeque<Frame>,
    frames: VecDeque<Frame>,
    /// Cost of the frames that are queued or being written.
    cost: usize,
    end: Option<End>,
    reader: Option<Waker>,
    /// Tasks that wait for room.
    waiting: Vec<Waker>,
    /// Who wants to know whether the peer lives.
    probes: Vec<oneshot::Sender<()>>,
}

impl Outbox {
    /// Makes a queue that is full at `limit` bytes; its bytes are booked for the holder, too, which leaves the
    /// ledger with the queue.
    pub(super) fn new(id: SocketId, limit: usize, holder: Arc<Holder>) -> Self {
        Self {
            id,
            limit,
            holder,
            written: AtomicU64::new(0),
            probed: AtomicBool::new(false),
            queue: Mutex::default(),
        }
    }

    /// Returns the id of the socket.
    pub(super) fn id(&self) -> SocketId {
        self.id
    }

    /// Returns the one for whom its bytes are booked.
    pub(super) fn holder(&self) -> &Arc<Holder> {
        &self.holder
    }

    /// Adds a frame and returns whether there is room for more. A socket that is being closed takes
    /// no more frames, and nobody has to wait for it.
    pub(super) fn push(&self, frame: Frame) -> bool {
        let cost = frame.cost();
        // Before the queue is locked, because others may be evicted for it. One that is evicted itself takes nothing.
        if !self.holder.take(Wait::Queued, cost) {
            return true;
        }
        let mut queue = self.lock();
        if queue.end.is_some() {
            self.holder.give(Wait::Queued, cost);
            return true;
        }
        queue.cost += cost;
        match frame.kind {
            Kind::Ping => queue.urgent.push_back(frame),
            Kind::Text | Kind::Binary | Kind::Raw => queue.frames.push_back(frame),
        }
        if let Some(reader) = queue.reader.take() {
            reader.wake();
        }
        queue.cost < self.limit
    }

    /// Adds a message of the relay to a control socket, which is closed when it does not read them.
    pub(super) fn tell(&self, message: &RelayToDaemon) {
        if !self.push(Frame::text(message.to_json())) {
            self.cut(Close::ControlSendFailed);
        }
    }

    /// Has the socket closed after what is queued. The first reason counts.
    pub(super) fn close(&self, why: Close) {
        let mut queue = self.lock();
        queue.end.get_or_insert(End::After(why));
        queue.wake_all();
    }

    /// Has the socket closed at once: what is queued is lost.
    pub(super) fn cut(&self, why: Close) {
        self.abandon(&mut self.lock(), why);
    }

    /// Sends a ping and returns whether anything comes from the peer in time.
    pub(super) async fn probe(&self, patience: Duration) -> bool {
        let (alive, heard) = oneshot::channel();
        {
            let mut queue = self.lock();
            if queue.end.is_some() {
                return false;
            }
            queue.probes.push(alive);
            self.probed.store(true, Ordering::Relaxed);
        }
        self.push(Frame::ping(""));
        matches!(timeout(patience, heard).await, Ok(Ok(())))
    }

    /// Notes that something came from the peer.
    pub(super) fn heard(&self) {
        if self.probed.load(Ordering::Relaxed) && self.probed.swap(false, Ordering::Relaxed) {
            for probe in self.lock().probes.drain(..) {
                // Who asked may have gone.
                let _ = probe.send(());
            }
        }
    }

    /// Moves what is queued to what is written: pings at once, data when nothing else is being written or the
    /// socket has to be closed.
    pub(super) fn poll_next(&self, cx: &Context<'_>, out: &mut Outgoing) -> Poll<Next> {
        let mut queue = self.lock();
        if let Some(End::Cut(why)) = queue.end {
            return Poll::Ready(Next::Close(why));
        }
        let pinged = !queue.urgent.is_empty();
        queue
            .urgent
            .drain(..)
            .for_each(|ping| out.push_urgent(ping));
        if let Some(End::After(why)) = queue.end {
            out.append(&mut queue.frames);
            return Poll::Ready(Next::Close(why));
        }
        let free = out.is_empty() && !queue.frames.is_empty();
        if free {
            out.append(&mut queue.frames);
        }
        if pinged || free {
            return Poll::Ready(Next::Frames);
        }
        keep(&mut queue.reader, cx);
        Poll::Pending
    }

    /// Notes what has left.
    pub(super) fn sent(&self, sent: &Sent) {
        let Sent { cost, bytes, .. } = *sent;
        if bytes == 0 {
            return;
        }
        self.written.fetch_add(bytes, Ordering::Relaxed);
        let mut queue = self.lock();
        queue.cost -= cost;
        self.holder.give(Wait::Queued, cost);
        // Half empty, not one frame below full: waking has its price.
        if queue.cost <= self.limit / 2 {
            queue.wake_waiting();
        }
    }

    /// Waits until the queue is half empty or the socket is being closed.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        let mut queue = self.lock();
        if queue.cost <= self.limit / 2 || queue.end.is_some() {
            return Poll::Ready(());
        }
        if !queue.waiting.iter().any(|w| w.will_wake(cx.waker())) {
            queue.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Returns whether the socket has to be closed, now or soon.
    #[cfg(test)]
    pub(super) fn closing(&self) -> bool {
        self.lock().end.is_some()
    }

    /// Returns how many bytes have left in all.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    fn abandon(&self, queue: &mut Queue, why: Close) {
        let why = match queue.end {
            Some(End::After(first) | End::Cut(first)) => first,
            None => why,
        };
        queue.end = Some(End::Cut(why));
        let pings = std::mem::take(&mut queue.urgent);
        let frames = std::mem::take(&mut queue.frames);
        let queued: usize = pings.iter().chain(&frames).map(Frame::cost).sum();
        queue.cost -= queued;
        queue.probes.clear();
        self.holder.give(Wait::Queued, queued);
        queue.wake_all();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.holder.give(Wait::Queued, self.lock().cost);
        self.holder.leave();
    }
}

impl Queue {
    fn wake_all(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        self.wake_waiting();
    }

    fn wake_waiting(&mut self) {
        for waker in self.waiting.drain(..) {
            waker.wake();
        }
    }
}

fn keep(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}
