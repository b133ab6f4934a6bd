//! Bytes that many queues may hold together: those of a session, and all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A shared account with a limit, and maybe a larger one behind it.
#[derive(Debug)]
pub(super) struct Budget {
    used: AtomicUsize,
    limit: usize,
    whole: Option<Arc<Self>>,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            limit,
            whole: None,
        }
    }

    /// Makes an account whose bytes count against a larger one, too.
    pub(super) fn part_of(whole: &Arc<Self>, limit: usize) -> Self {
        Self {
            whole: Some(Arc::clone(whole)),
            ..Self::new(limit)
        }
    }

    /// Books bytes; refuses, and books nothing, when that would pass the limit.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= self.limit;
        if !fits || self.whole.as_ref().is_some_and(|whole| !whole.take(bytes)) {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        true
    }

    /// Gives booked bytes back.
    pub(super) fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(whole) = &self.whole {
            whole.give(bytes);
        }
    }

    /// Returns the bytes that are booked.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// What one holder has booked at the moment; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Account {
    budget: Arc<Budget>,
    booked: usize,
}

impl Account {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self { budget, booked: 0 }
    }

    /// Books so many bytes instead of those before; refuses, and changes nothing, when that would pass the
    /// limit.
    pub(super) fn set(&mut self, bytes: usize) -> bool {
        if bytes > self.booked && !self.budget.take(bytes - self.booked) {
            return false;
        }
        if bytes < self.booked {
            self.budget.give(self.booked - bytes);
        }
        self.booked = bytes;
        true
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.set(0);
    }
}
