//! A set that forgets.

use std::collections::HashSet;
use std::hash::Hash;

/// Remembers at least the last `N` different items and never more than `2 * N`.
///
/// Two generations instead of a queue: when the younger one is full, it becomes the older one and
/// that one is forgotten as a whole.
pub(crate) struct Recent<T, const N: usize> {
    younger: HashSet<T>,
    older: HashSet<T>,
}

impl<T: Hash + Eq, const N: usize> Recent<T, N> {
    pub(crate) fn new() -> Self {
        Self {
            younger: HashSet::new(),
            older: HashSet::new(),
        }
    }

    pub(crate) fn contains(&self, item: &T) -> bool {
        self.younger.contains(item) || self.older.contains(item)
    }

    /// Takes an item; false when it is remembered already.
    pub(crate) fn insert(&mut self, item: T) -> bool {
        if self.contains(&item) {
            return false;
        }
        if self.younger.len() == N {
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.insert(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_n_are_remembered_and_memory_is_bounded() {
        let mut recent = Recent::<u32, 8>::new();
        for item in 0..100 {
            assert!(recent.insert(item));
            for known in item.saturating_sub(7)..=item {
                assert!(!recent.insert(known), "{known} after {item}");
            }
            assert!(recent.younger.len() + recent.older.len() <= 16);
        }
        assert!(recent.insert(0));
    }
}
