//! Deadlines of an open socket: whether the peer still lives, reads, and gets its daemon.

use std::sync::Arc;

use tokio::time::Instant;

use super::Limits;
use super::outbox::Outbox;
use crate::protocol::relay::{NUDGE_AFTER, RESET_AFTER};

/// Bytes that count as progress where no whole message gets through. A peer that sends or reads one
/// byte per second does not keep its socket with that.
const PROGRESS_BYTES: u64 = 1024;

/// Whether the peer is heard of.
#[derive(Debug)]
pub(super) struct Heard {
    at: Instant,
    bytes: u64,
    pinged: bool,
}

/// What silence asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Silence {
    Ping,
    End,
}

impl Heard {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            at: now,
            bytes: 0,
            pinged: false,
        }
    }

    /// Notes bytes that came or went, and whether a message was complete with them.
    pub(super) fn note(&mut self, bytes: usize, complete: bool) {
        self.bytes += bytes as u64;
        if complete || self.bytes >= PROGRESS_BYTES {
            *self = Self::new(Instant::now());
        }
    }

    pub(super) fn due(&self, limits: &Limits) -> Instant {
        self.at + limits.ping * if self.pinged { 2 } else { 1 }
    }

    /// The time is due: the first time for a ping, then for the end.
    pub(super) fn silence(&mut self) -> Silence {
        match std::mem::replace(&mut self.pinged, true) {
            false => Silence::Ping,
            true => Silence::End,
        }
    }
}

/// The full queue that keeps a socket from reading.
#[derive(Debug)]
pub(super) struct Full {
    pub(super) outbox: Arc<Outbox>,
    since: Instant,
    written: u64,
}

impl Full {
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        Self {
            since: Instant::now(),
            written: outbox.written(),
            outbox,
        }
    }

    pub(super) fn due(&self, limits: &Limits) -> Instant {
        self.since + limits.stall
    }

    /// The time is due: returns whether the slow peer read nothing to speak of meanwhile. Else it gets
    /// the same time again.
    pub(super) fn stalled(&mut self, now: Instant) -> bool {
        let written = self.outbox.written();
        let stalled = written - self.written < PROGRESS_BYTES;
        self.since = now;
        self.written = written;
        stalled
    }
}

/// How long a client has waited for its daemon.
#[derive(Debug)]
pub(super) enum Waiting {
    Nudge { opened: Instant },
    Reset { opened: Instant },
    Over,
}

impl Waiting {
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::Nudge { opened } => Some(*opened + NUDGE_AFTER),
            Self::Reset { opened } => Some(*opened + RESET_AFTER),
            Self::Over => None,
        }
    }
}
