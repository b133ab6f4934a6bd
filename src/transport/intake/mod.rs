//! What a WebSocket takes in before a message is complete: bounded in size, in time, and for all sockets together.
//!
//! The library holds a message until its last byte has come, and its limits are the same for the whole connection. So
//! the bytes are followed on their way to it: an [`Intake`] reads the heads of the frames that pass.

mod frames;
mod head;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use self::frames::{Frames, Seen};
use self::head::Head;
use super::budget::{Budget, Charge};
use super::tap::Tap;
use crate::protocol::relay::MAX_MESSAGE_BYTES;

/// Largest message of a peer that has not shown yet who it is. A session hello with every capability of today and a
/// password takes half of it.
pub const STRANGER_BYTES: usize = 4 * 1024;

/// How long a message may be on its way, whatever its size …
const GRACE: Duration = Duration::from_secs(30);
/// … and how many bytes of it must come each second beyond that.
const SLOWEST: usize = 8 * 1024;

/// Why nothing more is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// A message is larger than this peer may send now.
    #[error("a message is larger than {0} bytes")]
    Message(usize),
    /// All sockets together hold too much.
    #[error("all connections together hold too much")]
    Budget,
    /// A control frame is longer than any may be.
    #[error("a control frame is longer than 125 bytes")]
    LongControl,
    /// The head of an HTTP answer breaks its lines in a way that is read differently elsewhere.
    #[error("the head of the HTTP answer is malformed")]
    Head,
}

/// What one socket takes in. Clones are about the same socket.
#[derive(Debug, Clone)]
pub(super) struct Intake(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Told when a message has begun.
    begun: Notify,
}

#[derive(Debug)]
struct State {
    /// The head of an upgrade, until its end has come.
    head: Option<Head>,
    frames: Frames,
    /// Largest message.
    largest: usize,
    /// Bytes of the message that is on its way.
    unfinished: usize,
    /// Since when one is.
    since: Option<Instant>,
    /// All bytes of messages that have come and were not let go.
    charge: Charge,
}

impl Intake {
    /// Begins with the first frame; behind the head of an upgrade when `upgrades`.
    pub(super) fn new(budget: &Budget, upgrades: bool) -> Self {
        let state = State {
            head: upgrades.then(Head::default),
            frames: Frames::default(),
            largest: STRANGER_BYTES,
            unfinished: 0,
            since: None,
            charge: budget.charge(),
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            begun: Notify::new(),
        }))
    }

    /// The peer has shown who it is, and may send messages of every size.
    pub(super) fn admit(&self) {
        self.state().largest = MAX_MESSAGE_BYTES;
    }

    /// A message of this length is not held any more.
    pub(super) fn let_go(&self, length: usize) {
        self.state().charge.release(length);
    }

    /// Somebody reads from now on. Until then nobody asked the peer for more.
    pub(super) fn resume(&self) {
        if let Some(since) = &mut self.state().since {
            *since = Instant::now();
        }
    }

    /// Returns once a message has been on its way for too long.
    pub(super) async fn overdue(&self) {
        loop {
            let due = self.state().due();
            match due {
                None => self.0.begun.notified().await,
                Some(due) if due <= Instant::now() => return,
                Some(due) => sleep_until(due).await,
            }
        }
    }

    fn take(&self, bytes: &[u8]) -> Result<(), Fault> {
        let mut state = self.state();
        let result = state.take(bytes);
        if state.since.is_some() {
            self.0.begun.notify_one();
        }
        result
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn due(&self) -> Option<Instant> {
        let seconds = (self.unfinished / SLOWEST) as u64;
        Some(self.since? + GRACE + Duration::from_secs(seconds))
    }

    /// Follows bytes that have come.
    fn take(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        if let Some(head) = &mut self.head {
            let Some(end) = head.take(bytes)? else {
                return Ok(());
            };
            bytes = &bytes[end..];
            self.head = None;
        }
        while !bytes.is_empty() {
            self.since.get_or_insert_with(Instant::now);
            match self.frames.take(&mut bytes)? {
                Seen::Announced(length) => self.expect(length)?,
                Seen::Content(length) => self.hold(length)?,
                Seen::Head | Seen::Control => {}
            }
            if self.frames.is_between_messages() {
                self.unfinished = 0;
                self.since = None;
            }
        }
        Ok(())
    }

    /// Refuses what a frame says that it will have, before any of it is waited for.
    fn expect(&self, length: u64) -> Result<(), Fault> {
        let room = self.largest - self.unfinished.min(self.largest);
        match length > room as u64 {
            true => Err(Fault::Message(self.largest)),
            false => Ok(()),
        }
    }

    fn hold(&mut self, more: usize) -> Result<(), Fault> {
        self.unfinished += more;
        let all = self.charge.held() + more;
        match self.charge.hold(all) {
            true => Ok(()),
            false => Err(Fault::Budget),
        }
    }
}

impl Tap for Intake {
    fn came(&mut self, bytes: &[u8]) -> io::Result<()> {
        let taken = self.take(bytes);
        taken.map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match length {
            0..126 => frame.push(0x80 | length as u8),
            126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(vec![0; length]);
        frame
    }

    /// A number for how the bytes are cut.
    fn feed(intake: &Intake, bytes: &[u8], cut: usize) -> Result<(), Fault> {
        bytes.chunks(cut).try_for_each(|piece| intake.take(piece))
    }

    #[tokio::test]
    async fn messages_count_until_they_are_let_go_however_they_are_cut() {
        for cut in [1, 2, 7, 1000, usize::MAX] {
            let intake = Intake::new(&Budget::default(), false);
            let all = [
                frame(0x01, 1000),
                frame(0x89, 125),
                frame(0x00, 300),
                frame(0x80, 0),
                frame(0x82, 5),
            ];
            feed(&intake, &all.concat(), cut).unwrap();
            assert_eq!(intake.state().charge.held(), 1305, "{cut}");
            assert!(intake.state().due().is_none());
            intake.let_go(1300);
            intake.let_go(5);
            assert_eq!(intake.state().charge.held(), 0);
        }
    }

    #[tokio::test]
    async fn a_stranger_has_room_for_a_hello_only() {
        let new = || Intake::new(&Budget::default(), false);
        let too_large = Err(Fault::Message(STRANGER_BYTES));
        assert_eq!(feed(&new(), &frame(0x81, STRANGER_BYTES), 100), Ok(()));
        // The head is enough.
        assert_eq!(new().take(&frame(0x81, STRANGER_BYTES + 1)[..8]), too_large);
        let pieces = [frame(0x01, STRANGER_BYTES), frame(0x89, 9), frame(0x00, 1)].concat();
        assert_eq!(feed(&new(), &pieces, 100), too_large);
        assert_eq!(
            new().take(&[
                0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0
            ]),
            too_large
        );
        let known = new();
        known.admit();
        assert_eq!(feed(&known, &pieces, 100), Ok(()));
    }

    /// The library would keep all of it before it refuses it, and a control frame counts for nobody.
    #[tokio::test]
    async fn a_control_frame_that_is_too_long_is_refused_at_its_head() {
        for opcode in [0x88, 0x89, 0x8a, 0x09, 0x8f] {
            for (length, size) in [(126, 8), (0x1_0000, 14)] {
                let intake = Intake::new(&Budget::default(), false);
                intake.admit();
                let head = &frame(opcode, length)[..size];
                assert_eq!(feed(&intake, head, 3), Err(Fault::LongControl), "{opcode}");
            }
            let intake = Intake::new(&Budget::default(), false);
            assert_eq!(feed(&intake, &frame(opcode, 125), 3), Ok(()), "{opcode}");
        }
    }

    #[tokio::test]
    async fn all_sockets_share_a_budget() {
        let budget = Budget::new(100_000);
        let intakes: Vec<_> = (0..8).map(|_| Intake::new(&budget, false)).collect();
        intakes.iter().for_each(Intake::admit);
        let message = frame(0x82, 50_000);
        let taken = intakes
            .iter()
            .filter(|intake| intake.take(&message).is_ok());
        assert!(taken.count() < 4);
        drop(intakes);
        let next = Intake::new(&budget, false);
        next.admit();
        assert_eq!(next.take(&message), Ok(()));
    }

    #[tokio::test]
    async fn frames_begin_behind_the_head_of_an_upgrade() {
        for cut in [1, 3, usize::MAX] {
            let intake = Intake::new(&Budget::default(), true);
            let head = &b"HTTP/1.1 101 \r\nA: \xff\xff\r\nB: \r\n\r\n"[..];
            feed(&intake, &[head, &frame(0x82, 200)].concat(), cut).unwrap();
            assert_eq!(intake.state().charge.held(), 200, "{cut}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_unfinished_message_is_overdue_at_last() {
        let intake = Intake::new(&Budget::default(), false);
        let within = |time| tokio::time::timeout(time, intake.overdue());
        assert!(within(10 * GRACE).await.is_err());
        intake.take(&frame(0x81, 100)).unwrap();
        assert!(within(10 * GRACE).await.is_err());
        let start = Instant::now();
        intake.take(&[0x81]).unwrap();
        assert!(within(GRACE - Duration::from_secs(1)).await.is_err());
        // A ping does not help.
        within(2 * GRACE).await.unwrap();
        assert_eq!(start.elapsed().as_secs(), GRACE.as_secs());
        // What comes fast enough is waited for.
        intake.admit();
        let large = Intake::new(&Budget::default(), false);
        large.admit();
        large
            .take(&frame(0x82, 10 * 60 * SLOWEST)[..9 * 60 * SLOWEST])
            .unwrap();
        let patient = tokio::time::timeout(Duration::from_secs(500), large.overdue());
        assert!(patient.await.is_err());
    }

    /// Gives the library bytes, and has no more of them for the moment.
    struct Given<'a>(&'a [u8]);

    impl io::Read for Given<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.is_empty() {
                true => Err(io::ErrorKind::WouldBlock.into()),
                false => self.0.read(buffer),
            }
        }
    }

    impl io::Write for Given<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns how many bytes of whole messages the library reads; `None` when it refuses something.
    fn library(bytes: &[u8]) -> Option<usize> {
        use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};
        use tokio_tungstenite::tungstenite::{Error, Message};
        let mut socket = WebSocket::from_raw_socket(Given(bytes), Role::Server, None);
        let mut read = 0;
        loop {
            match socket.read() {
                Ok(message @ (Message::Text(_) | Message::Binary(_))) => read += message.len(),
                Ok(_) => {}
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Some(read);
                }
                Err(_) => return None,
            }
        }
    }

    proptest! {
        /// What the library takes as a message, this has counted; what this refuses, the library would have refused.
        #[test]
        fn frames_are_read_as_the_library_reads_them(
            frames in prop::collection::vec(
                (
                    // Without closes: the library reads nothing behind one.
                    prop::sample::select(&[0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x89, 0x8a, 0x09, 0x83, 0xc1][..]),
                    prop_oneof![0..130_usize, 1000..1001_usize, 70_000..70_001_usize],
                ),
                0..6,
            ),
            missing in 0..9_usize,
            cut in 1..100_usize,
        ) {
            let mut bytes: Vec<u8> = frames.iter().flat_map(|&(first, length)| frame(first, length)).collect();
            let intake = Intake::new(&Budget::default(), false);
            intake.admit();
            let whole = feed(&intake, &bytes, cut);
            match whole {
                Ok(()) => {
                    if let Some(read) = library(&bytes) {
                        let state = intake.state();
                        prop_assert_eq!(state.charge.held() - state.unfinished, read);
                    }
                }
                Err(_) => prop_assert_eq!(library(&bytes), None),
            }
            // A part of a frame is none.
            bytes.truncate(bytes.len().saturating_sub(missing));
            let intake = Intake::new(&Budget::default(), false);
            intake.admit();
            if let (Ok(()), Some(read)) = (feed(&intake, &bytes, cut), library(&bytes)) {
                let state = intake.state();
                prop_assert_eq!(state.charge.held() - state.unfinished, read);
            }
        }
    }
}
