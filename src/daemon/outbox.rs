//! What waits to be sent to one socket, bounded in bytes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, mpsc};

use super::store::lock;
use crate::transport::Frame;
use crate::transport::budget::{Budget, Charge};

/// Bytes that may wait for one socket. A slower one is closed: its stream would have a gap otherwise.
pub(super) const MAX_QUEUED_BYTES: usize = 64 * 1024 * 1024;
/// What a waiting frame costs beside its payload, so that empty frames cannot pile up.
const FRAME_COST: usize = 64;

/// The end that fills.
#[derive(Debug)]
pub(super) struct Outbox {
    frames: mpsc::UnboundedSender<Frame>,
    load: Arc<Load>,
}

/// The end that empties.
#[derive(Debug)]
pub(super) struct Outgoing {
    frames: mpsc::UnboundedReceiver<Frame>,
    load: Arc<Load>,
}

#[derive(Debug)]
struct Load {
    /// The bytes that wait. All sockets together have a bound, too.
    charge: Mutex<Charge>,
    over: AtomicBool,
    told: Notify,
    left: Notify,
}

/// Makes both ends.
pub(super) fn outbox(budget: &Budget) -> (Outbox, Outgoing) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let load = Arc::new(Load {
        charge: Mutex::new(budget.charge()),
        over: AtomicBool::default(),
        told: Notify::default(),
        left: Notify::default(),
    });
    let outbox = Outbox {
        frames: sender,
        load: Arc::clone(&load),
    };
    let outgoing = Outgoing {
        frames: receiver,
        load,
    };
    (outbox, outgoing)
}

impl Outbox {
    /// Puts a frame in line. When too much waits already, the frame is lost and so is the socket.
    pub(super) fn push(&self, frame: Frame) {
        if self.load.over.load(Ordering::Relaxed) {
            return;
        }
        let cost = frame.len() + FRAME_COST;
        let fits = {
            let mut charge = lock(&self.load.charge);
            let after = charge.held() + cost;
            // One frame passes, however large it is.
            (charge.held() == 0 || after <= MAX_QUEUED_BYTES) && charge.hold(after)
        };
        if !fits {
            self.load.over.store(true, Ordering::Relaxed);
            self.load.told.notify_one();
            return;
        }
        // A socket that is gone needs nothing.
        let _ = self.frames.send(frame);
    }

    /// Returns when no more bytes wait than this, or nobody sends them any more.
    pub(super) async fn room(&self, limit: usize) {
        loop {
            let left = self.load.left.notified();
            tokio::pin!(left);
            // From here on no change is missed.
            left.as_mut().enable();
            if self.queued() <= limit || self.is_closed() {
                return;
            }
            left.await;
        }
    }

    /// Returns whether the socket is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.frames.is_closed()
    }

    /// Bytes that wait now.
    pub(super) fn queued(&self) -> usize {
        lock(&self.load.charge).held()
    }
}

impl Outgoing {
    /// Returns the next frame; `None` when there will be no more. It counts as waiting until
    /// [`Outgoing::sent`].
    pub(super) async fn next(&mut self) -> Option<Frame> {
        self.frames.recv().await
    }

    /// Returns a frame that waits now.
    pub(super) fn try_next(&mut self) -> Option<Frame> {
        self.frames.try_recv().ok()
    }

    /// Tells that a frame of this length has left.
    pub(super) fn sent(&self, len: usize) {
        lock(&self.load.charge).release(len + FRAME_COST);
        self.load.left.notify_waiters();
    }

    /// Returns once too much waits.
    pub(super) async fn overflow(&self) {
        while !self.load.over.load(Ordering::Relaxed) {
            self.load.told.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_socket_is_given_up_and_not_buffered_for_ever() {
        let (outbox, outgoing) = outbox(&Budget::default());
        let frame = || Frame::Binary(vec![0; MAX_QUEUED_BYTES / 4].into());
        for _ in 0..8 {
            outbox.push(frame());
        }
        assert!(outbox.queued() <= MAX_QUEUED_BYTES + MAX_QUEUED_BYTES / 4 + FRAME_COST);
        outgoing.overflow().await;
    }

    #[tokio::test]
    async fn what_has_left_no_longer_counts() {
        let (outbox, mut outgoing) = outbox(&Budget::default());
        for _ in 0..8 {
            outbox.push(Frame::Binary(vec![0; MAX_QUEUED_BYTES / 2].into()));
            let frame = outgoing.next().await.unwrap();
            outgoing.sent(frame.len());
        }
        assert_eq!(outbox.queued(), 0);
    }

    #[tokio::test]
    async fn many_slow_sockets_share_one_bound() {
        let budget = Budget::default();
        let sockets: Vec<_> = (0..64).map(|_| outbox(&budget)).collect();
        for (outbox, _) in &sockets {
            outbox.push(Frame::Binary(vec![0; MAX_QUEUED_BYTES / 4].into()));
        }
        let held: usize = sockets.iter().map(|(outbox, _)| outbox.queued()).sum();
        assert!(held <= 5 * MAX_QUEUED_BYTES, "{held}");
        sockets[63].1.overflow().await;
    }
}
