//! What the nonces of our own ends say.
//!
//! Deployed peers draw 24 random bytes for each frame and take whatever comes. Ours are three numbers of 8 bytes:
//!
//! | mark | value | counter |
//! |---|---|---|
//! | of the sender's role, made of the channel's key | what the daemon drew for this connection | 0, 1, 2, … |
//!
//! A nonce is authenticated with its frame, so all three are as good as if they were encrypted:
//!
//! - **The mark** says that the sender is one of ours. A deployed peer hits it once in 2^64 connections.
//! - **The value** comes in `e2ee_ready`, new for each connection. A client that has it puts it into every frame, so
//!   its frames belong to this connection and to no recording. Frames that left before are *early*: their value is 0.
//! - **The counter** shows a frame that the relay dropped, repeated or moved.
//!
//! Nonces cannot repeat within a channel, because the counter does not; nor between the two sides, whose marks differ. A
//! daemon that is offered one client key twice draws another value; it refuses the second connection besides.

use super::recent::Recent;
use super::seal::OpenError;

/// Length of a nonce, in bytes.
pub(crate) const NONCE_BYTES: usize = 24;
/// Length of each of its parts, in bytes.
pub(super) const PART_BYTES: usize = 8;

/// How many nonces of a deployed peer are remembered at least. A frame that is repeated while fewer than this many
/// newer ones have come is refused; the memory is at most about 1.6 MB, for busy channels only.
const REMEMBERED_NONCES: usize = 16_384;

pub(crate) type Nonce = [u8; NONCE_BYTES];
type Part = [u8; PART_BYTES];

/// What tells that a sender is one of ours, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(pub(super) Part);

/// What a daemon draws for one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value(pub(super) Part);

impl Value {
    /// Stands in frames that were sealed before the daemon's value was known.
    const EARLY: Self = Self([0; PART_BYTES]);

    pub(super) fn draw() -> Self {
        let mut value = Part::default();
        getrandom::fill(&mut value).expect("the system's random number generator works");
        Self(value)
    }
}

/// The nonces of one sealer, one after the other.
pub(super) struct Nonces {
    mark: Mark,
    value: Value,
    counter: u64,
}

impl Nonces {
    pub(super) fn new(mark: Mark) -> Self {
        Self {
            mark,
            value: Value::EARLY,
            counter: 0,
        }
    }

    /// From now on they carry the value of the connection.
    pub(super) fn carry(&mut self, value: Value) {
        self.value = value;
    }

    pub(super) fn next(&mut self) -> Nonce {
        let mut nonce = Nonce::default();
        let (mark, rest) = nonce.split_at_mut(PART_BYTES);
        let (value, counter) = rest.split_at_mut(PART_BYTES);
        mark.copy_from_slice(&self.mark.0);
        value.copy_from_slice(&self.value.0);
        counter.copy_from_slice(&self.counter.to_be_bytes());
        self.counter = self
            .counter
            .checked_add(1)
            .expect("no channel lives for 2^64 frames");
        nonce
    }
}

/// What the nonces of the peer have shown so far.
pub(super) struct Order {
    own: Mark,
    peer: Mark,
    /// What the frames of a peer of ours carry; `None`: the daemon gave none, so it is none of ours.
    value: Option<Value>,
    /// Whether the peer may seal frames before it knows the value: clients may.
    takes_early: bool,
    sender: Sender,
}

/// Who seals the frames that come.
enum Sender {
    Unknown,
    /// Of ours: its next counter, and whether its frames carry the value.
    Ours {
        next: u64,
        fresh: bool,
    },
    /// A deployed peer, and its last nonces.
    Deployed(Box<Recent<Nonce, REMEMBERED_NONCES>>),
}

/// What the authenticated frames of a peer show of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// One of ours, and nothing shows that its frames are not a recording.
    Early,
    /// One of ours, on this very connection.
    Fresh,
    /// A deployed peer, whose frames show nothing.
    Deployed,
}

impl Order {
    /// The order that a client keeps: what comes from the daemon.
    pub(super) fn of_daemon(own: Mark, peer: Mark) -> Self {
        Self {
            own,
            peer,
            value: None,
            takes_early: false,
            sender: Sender::Unknown,
        }
    }

    /// The order that a daemon keeps: what comes from a client that was told the value.
    pub(super) fn of_client(own: Mark, peer: Mark, value: Value) -> Self {
        Self {
            value: Some(value),
            takes_early: true,
            ..Self::of_daemon(own, peer)
        }
    }

    /// The daemon has told its value.
    pub(super) fn expect(&mut self, value: Value) {
        self.value = Some(value);
    }

    /// Refuses frames of this side that come back.
    pub(super) fn check_sender(&self, nonce: &Nonce) -> Result<(), OpenError> {
        match nonce.starts_with(&self.own.0) {
            true => Err(OpenError::Reflected),
            false => Ok(()),
        }
    }

    /// Takes the nonce of a frame that was authenticated: one that is not must not count.
    pub(super) fn take(&mut self, nonce: &Nonce) -> Result<Peer, OpenError> {
        let ours = nonce.starts_with(&self.peer.0);
        match (&mut self.sender, ours) {
            (Sender::Unknown, false) => {
                let mut seen = Box::new(Recent::new());
                seen.insert(*nonce);
                self.sender = Sender::Deployed(seen);
                Ok(Peer::Deployed)
            }
            (Sender::Deployed(seen), false) => match seen.insert(*nonce) {
                true => Ok(Peer::Deployed),
                false => Err(OpenError::Repeated),
            },
            (Sender::Unknown, true) => {
                self.sender = Sender::Ours {
                    next: 0,
                    fresh: false,
                };
                self.take_ours(nonce)
            }
            (Sender::Ours { .. }, true) => self.take_ours(nonce),
            // Nobody but the peer can seal, and it is one or the other.
            (Sender::Deployed(_), true) | (Sender::Ours { .. }, false) => {
                Err(OpenError::OtherConnection)
            }
        }
    }

    fn take_ours(&mut self, nonce: &Nonce) -> Result<Peer, OpenError> {
        let (_, rest) = nonce.split_at(PART_BYTES);
        let (value, counter) = rest.split_at(PART_BYTES);
        let counter = counter
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let Sender::Ours { next, fresh } = &mut self.sender else {
            return Err(OpenError::OtherConnection);
        };
        let is_fresh = self.value.is_some_and(|expected| value == expected.0);
        let is_early = self.takes_early && !*fresh && value == Value::EARLY.0;
        if !is_fresh && !is_early {
            return Err(OpenError::OtherConnection);
        }
        match counter.cmp(next) {
            std::cmp::Ordering::Less => return Err(OpenError::Repeated),
            std::cmp::Ordering::Greater => return Err(OpenError::Missing),
            std::cmp::Ordering::Equal => {}
        }
        *next += 1;
        *fresh = is_fresh;
        Ok(match is_fresh {
            true => Peer::Fresh,
            false => Peer::Early,
        })
    }
}
