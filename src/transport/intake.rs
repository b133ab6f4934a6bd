//! What a WebSocket takes in before a message is complete: bounded in size, in time, and for all sockets together.
//!
//! The library holds a message until its last byte has come, and its limits are the same for the whole connection. So
//! the bytes are followed on their way to it: an [`Inflow`] reads the heads of the frames that pass.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::budget::{Budget, Charge};
use crate::protocol::relay::MAX_MESSAGE_BYTES;

/// Largest message of a peer that has not shown yet who it is. A session hello with every capability of today and a
/// password takes half of it.
pub const STRANGER_BYTES: usize = 4 * 1024;

/// How long a message may be on its way, whatever its size …
const GRACE: Duration = Duration::from_secs(30);
/// … and how many bytes of it must come each second beyond that.
const SLOWEST: usize = 8 * 1024;

/// Longest head of a frame (RFC 6455 section 5.2).
const MAX_HEAD: usize = 14;

/// Why nothing more is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Excess {
    /// A message is larger than this peer may send now.
    #[error("a message is larger than {0} bytes")]
    Message(usize),
    /// All sockets together hold too much.
    #[error("all connections together hold too much")]
    Budget,
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
    place: Place,
    /// Largest message.
    largest: usize,
    /// Bytes of the message that is on its way.
    unfinished: usize,
    /// Since when one is.
    since: Option<Instant>,
    /// All bytes of messages that have come and were not let go.
    charge: Charge,
}

/// Where in the stream the next byte belongs.
#[derive(Debug)]
enum Place {
    /// The HTTP head of an upgrade; so much of its end has been seen.
    Http(usize),
    /// The head of a frame; `message` tells whether a message is in between.
    Head {
        bytes: [u8; MAX_HEAD],
        have: usize,
        message: bool,
    },
    /// The content of a frame.
    Content {
        left: u64,
        control: bool,
        last: bool,
        message: bool,
    },
}

impl Place {
    fn between(message: bool) -> Self {
        Self::Head {
            bytes: [0; MAX_HEAD],
            have: 0,
            message,
        }
    }
}

impl Intake {
    /// Begins with the first frame; behind the head of an upgrade when `upgrades`.
    pub(super) fn new(budget: &Budget, upgrades: bool) -> Self {
        let state = State {
            place: match upgrades {
                true => Place::Http(0),
                false => Place::between(false),
            },
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

    fn take(&self, bytes: &[u8]) -> Result<(), Excess> {
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
    fn take(&mut self, mut bytes: &[u8]) -> Result<(), Excess> {
        while !bytes.is_empty() {
            match &mut self.place {
                Place::Http(seen) => {
                    *seen = match (bytes[0], *seen) {
                        (b'\r', 2) => 3,
                        (b'\r', _) => 1,
                        (b'\n', seen @ (1 | 3)) => seen + 1,
                        _ => 0,
                    };
                    bytes = &bytes[1..];
                    if *seen == 4 {
                        self.place = Place::between(false);
                    }
                }
                Place::Head {
                    bytes: head,
                    have,
                    message,
                } => {
                    head[*have] = bytes[0];
                    *have += 1;
                    bytes = &bytes[1..];
                    self.since.get_or_insert_with(Instant::now);
                    if let Some(content) = content(&head[..*have], *message) {
                        self.place = content;
                        self.claimed()?;
                        self.ended();
                    }
                }
                Place::Content { left, control, .. } => {
                    let here = usize::try_from(*left)
                        .unwrap_or(usize::MAX)
                        .min(bytes.len());
                    *left -= here as u64;
                    bytes = &bytes[here..];
                    if !*control {
                        self.hold(here)?;
                    }
                    self.ended();
                }
            }
        }
        Ok(())
    }

    /// Refuses what a frame says that it will have, before any of it is waited for.
    fn claimed(&self) -> Result<(), Excess> {
        match self.place {
            Place::Content {
                left,
                control: false,
                ..
            } if left > (self.largest - self.unfinished.min(self.largest)) as u64 => {
                Err(Excess::Message(self.largest))
            }
            _ => Ok(()),
        }
    }

    fn hold(&mut self, more: usize) -> Result<(), Excess> {
        self.unfinished += more;
        let all = self.charge.held() + more;
        match self.charge.hold(all) {
            true => Ok(()),
            false => Err(Excess::Budget),
        }
    }

    /// Goes on behind a frame whose content is all there.
    fn ended(&mut self) {
        if let Place::Content {
            left: 0,
            control,
            last,
            message,
        } = self.place
        {
            let message = match control {
                true => message,
                false => !last,
            };
            if !message {
                self.unfinished = 0;
                self.since = None;
            }
            self.place = Place::between(message);
        }
    }
}

/// Reads the head of a frame; `None` until all of it is there.
fn content(head: &[u8], message: bool) -> Option<Place> {
    let (first, second) = (*head.first()?, *head.get(1)?);
    let (length, size) = match second & 0x7f {
        126 => (
            u16::from_be_bytes(head.get(2..4)?.try_into().ok()?).into(),
            4,
        ),
        127 => (u64::from_be_bytes(head.get(2..10)?.try_into().ok()?), 10),
        length => (length.into(), 2),
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    (head.len() == size + mask).then_some(Place::Content {
        left: length,
        control: first & 0x08 != 0,
        last: first & 0x80 != 0,
        message,
    })
}

/// A byte stream whose frames are followed.
#[derive(Debug)]
pub(super) struct Inflow<S> {
    stream: S,
    intake: Intake,
}

impl<S> Inflow<S> {
    /// Follows what comes from here on.
    pub(super) fn new(stream: S, intake: Intake) -> Self {
        Self { stream, intake }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Inflow<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let taken = self.intake.take(&buffer.filled()[before..]);
        Poll::Ready(taken.map_err(|excess| io::Error::new(io::ErrorKind::QuotaExceeded, excess)))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Inflow<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
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
    fn feed(intake: &Intake, bytes: &[u8], cut: usize) -> Result<(), Excess> {
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
        let too_large = Err(Excess::Message(STRANGER_BYTES));
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
            let head = b"HTTP/1.1 101 \r\nA: \xff\xff\r\nB: \r\r\n\r\n";
            feed(&intake, &[head, &frame(0x82, 200)[..]].concat(), cut).unwrap();
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
}
