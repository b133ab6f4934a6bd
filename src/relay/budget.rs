//! Bytes that all queues of the relay may hold together.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A shared account with a limit.
#[derive(Debug)]
pub(super) struct Budget {
    used: AtomicUsize,
    limit: usize,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            limit,
        }
    }

    /// Books bytes; refuses, and books nothing, when that would pass the limit.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.limit {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        true
    }

    /// Gives booked bytes back.
    pub(super) fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns the bytes that are booked.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}
