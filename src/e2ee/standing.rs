//! What a client may ask for, by what shows that its frames are no recording.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What shows that a frame is no recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Freshness {
    /// Nothing: the client is one of ours, and sealed the frame before it had the daemon's value.
    Early,
    /// Nothing: the client is a deployed one, and that this connection was there could not be written down.
    Unrecorded,
    /// The daemon's value in the frame; or, of a deployed client, that its key was never seen before and is written
    /// down.
    Fresh,
}

impl Freshness {
    /// Returns whether what the client asks for may change something.
    pub fn may_change(self) -> bool {
        self == Self::Fresh
    }
}

/// The [`Freshness`] of the frame that was received last.
#[derive(Debug, Clone)]
pub struct Standing(Arc<AtomicU8>);

impl Standing {
    /// The standing of a connection that no relay carries, and nobody can record.
    pub fn direct() -> Self {
        Self(Arc::new(AtomicU8::new(Freshness::Fresh as u8)))
    }

    pub(super) fn unknown() -> Self {
        Self(Arc::new(AtomicU8::new(Freshness::Early as u8)))
    }

    /// Returns it.
    pub fn now(&self) -> Freshness {
        const UNRECORDED: u8 = Freshness::Unrecorded as u8;
        const FRESH: u8 = Freshness::Fresh as u8;
        match self.0.load(Ordering::Relaxed) {
            FRESH => Freshness::Fresh,
            UNRECORDED => Freshness::Unrecorded,
            _ => Freshness::Early,
        }
    }

    pub(super) fn set(&self, freshness: Freshness) {
        self.0.store(freshness as u8, Ordering::Relaxed);
    }
}
