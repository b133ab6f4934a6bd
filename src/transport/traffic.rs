//! How many bytes came and went on a connection: what shows that a slow one lives while a large message is
//! on its way.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::tap::Tap;

/// Bytes on one connection since it was opened, below TLS or above it. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Traffic(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Traffic {
    /// Bytes that came.
    pub fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// Bytes that the operating system has taken.
    pub fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn note_received(&self, bytes: u64) {
        self.0.received.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Counts what passes.
impl Tap for Traffic {
    fn came(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.note_received(bytes.len() as u64);
        Ok(())
    }

    fn left(&mut self, count: usize) {
        self.0.sent.fetch_add(count as u64, Ordering::Relaxed);
    }
}
