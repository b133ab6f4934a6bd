//! A bound in bytes for all connections of a server together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What all connections of a server may hold unless it is told otherwise: eight messages of the greatest size.
const DEFAULT_BYTES: usize = 256 * 1024 * 1024;
/// What each connection may hold beside that, so that small messages pass when the budget is used up.
const OWN_BYTES: usize = 16 * 1024;

/// The bound. Clones share it.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    limit: usize,
    used: AtomicUsize,
}

/// What one holder has of a budget; dropping it gives that back.
#[derive(Debug)]
pub struct Charge {
    budget: Budget,
    held: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(DEFAULT_BYTES)
    }
}

impl Budget {
    /// Makes a budget of so many bytes.
    pub fn new(limit: usize) -> Self {
        let used = AtomicUsize::new(0);
        Self(Arc::new(Pool { limit, used }))
    }

    /// Opens an account that holds nothing yet.
    pub fn charge(&self) -> Charge {
        Charge {
            budget: self.clone(),
            held: 0,
        }
    }

    fn take(&self, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.0.limit);
        let used = &self.0.used;
        used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.0.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Charge {
    /// Bytes that it holds.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Holds so many bytes from now on. Returns false, and changes nothing, when there is no room for them.
    #[must_use]
    pub fn hold(&mut self, bytes: usize) -> bool {
        let (now, then) = (shared(self.held), shared(bytes));
        if then > now && !self.budget.take(then - now) {
            return false;
        }
        self.budget.give_back(now.saturating_sub(then));
        self.held = bytes;
        true
    }

    /// Lets go of so many bytes.
    pub fn release(&mut self, bytes: usize) {
        let less = self.held.saturating_sub(bytes);
        // There is always room for less.
        let _ = self.hold(less);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.release(self.held);
    }
}

/// The part of what a holder has that counts against the budget.
fn shared(held: usize) -> usize {
    held.saturating_sub(OWN_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_together_stay_within_it_and_small_ones_always_pass() {
        let budget = Budget::new(100_000);
        let (mut one, mut two, mut three) = (budget.charge(), budget.charge(), budget.charge());
        assert!(one.hold(OWN_BYTES + 60_000));
        assert!(!two.hold(OWN_BYTES + 60_000));
        assert_eq!(two.held(), 0);
        assert!(two.hold(OWN_BYTES + 40_000));
        assert!(three.hold(OWN_BYTES) && !three.hold(OWN_BYTES + 1));
        one.release(1);
        assert!(three.hold(OWN_BYTES + 1));
        drop((one, two, three));
        assert_eq!(budget.0.used.load(Ordering::Relaxed), 0);
        assert!(!budget.charge().hold(usize::MAX - 1));
    }
}
