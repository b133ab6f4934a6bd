//! Wrong passwords: how long their answers take, and whose is checked next.
//!
//! A bcrypt hash takes a good part of a second of a processor. Few are made at once, on threads of their own. Who waits
//! for one is served in an order that a right password gets through in: peers without failures first, and of equals
//! the newest, because those who guess sit there already.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::lobby::Peer;

/// Wrong passwords of a peer that are answered at once: a person may err.
const FREE: u32 = 3;
/// How long the answer to the next one takes; each takes twice as long as the one before, …
const FIRST_DELAY: Duration = Duration::from_millis(250);
/// … up to this.
const LONGEST_DELAY: Duration = Duration::from_secs(8);
/// After this time without another one they are forgotten.
const MEMORY: Duration = Duration::from_secs(300);
/// Peers that are remembered.
const MAX_PEERS: usize = 4096;
/// Pause between two lines of the log about them.
const LOG_PAUSE: Duration = Duration::from_secs(1);

/// What is known of those who guess. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Guesses(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    failures: BTreeMap<Peer, Failures>,
    /// Since the last line of the log.
    untold: u32,
    told: Option<Instant>,
    hashing: usize,
    waiting: Vec<Waiter>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

#[derive(Debug)]
struct Waiter {
    peer: Peer,
    turn: oneshot::Sender<Turn>,
}

/// The right to make a hash; dropping it gives it to the next.
#[derive(Debug)]
pub(super) struct Turn(Guesses);

impl Guesses {
    /// Waits for the right to make a hash.
    pub(super) async fn turn(&self, peer: Peer) -> Turn {
        let turn = {
            let mut inner = self.inner();
            if inner.hashing < at_once() {
                inner.hashing += 1;
                return Turn(self.clone());
            }
            let (sender, turn) = oneshot::channel();
            inner.waiting.retain(|waiter| !waiter.turn.is_closed());
            inner.waiting.push(Waiter { peer, turn: sender });
            turn
        };
        turn.await
            .expect("a turn is passed on until somebody takes it")
    }

    /// Notes a wrong password, and returns once its answer may leave.
    pub(super) async fn wrong(&self, peer: Peer) {
        let delay = self.note(peer);
        sleep(delay).await;
    }

    fn note(&self, peer: Peer) -> Duration {
        let now = Instant::now();
        let mut inner = self.inner();
        let inner = &mut *inner;
        inner.untold = inner.untold.saturating_add(1);
        if inner.told.is_none_or(|told| told.elapsed() >= LOG_PAUSE) {
            tracing::warn!(count = inner.untold, %peer, "a wrong password");
            (inner.untold, inner.told) = (0, Some(now));
        }
        let known = inner.failures.len();
        if known >= MAX_PEERS && !inner.failures.contains_key(&peer) {
            let failures = &mut inner.failures;
            failures.retain(|_, failures| failures.last.elapsed() < MEMORY);
            let oldest = failures.iter().min_by_key(|(_, failures)| failures.last);
            if let Some(oldest) = oldest.map(|(peer, _)| *peer)
                && failures.len() >= MAX_PEERS
            {
                failures.remove(&oldest);
            }
        }
        let count = inner.count(peer).saturating_add(1);
        inner.failures.insert(peer, Failures { count, last: now });
        delay(count)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn count(&self, peer: Peer) -> u32 {
        let known = self.failures.get(&peer);
        let fresh = known.filter(|failures| failures.last.elapsed() < MEMORY);
        fresh.map_or(0, |failures| failures.count)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut inner = self.0.inner();
            inner.waiting.retain(|waiter| !waiter.turn.is_closed());
            // All of one peer are equal, so the newest of them is next.
            let order =
                |(place, waiter): &(usize, &Waiter)| (inner.count(waiter.peer), usize::MAX - place);
            let next = inner.waiting.iter().enumerate().min_by_key(order);
            match next.map(|(place, _)| place) {
                Some(place) => inner.waiting.remove(place),
                None => {
                    inner.hashing -= 1;
                    return;
                }
            }
        };
        // When the other one has gone meanwhile, the turn comes back and is passed on.
        let _ = next.turn.send(Self(self.0.clone()));
    }
}

fn delay(count: u32) -> Duration {
    let Some(doublings) = count.checked_sub(FREE + 1) else {
        return Duration::ZERO;
    };
    let factor = 2_u32.saturating_pow(doublings.min(16));
    FIRST_DELAY.saturating_mul(factor).min(LONGEST_DELAY)
}

/// Half of the processors: the others serve who is let in.
fn at_once() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (processors / 2).clamp(1, 4)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn peer(last: u8) -> Peer {
        Peer::at([10, 0, 0, last].into())
    }

    #[test]
    fn a_person_may_err_and_who_goes_on_waits_longer() {
        let delays: Vec<_> = (1..=12).map(|count| delay(count).as_millis()).collect();
        assert_eq!(delays[..6], [0, 0, 0, 250, 500, 1000]);
        assert_eq!(delays[11], LONGEST_DELAY.as_millis());
        assert_eq!(delay(u32::MAX), LONGEST_DELAY);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_counted_for_each_peer_and_forgotten() {
        let guesses = Guesses::default();
        for _ in 0..10 {
            guesses.wrong(peer(1)).await;
        }
        assert_eq!(guesses.note(peer(1)), LONGEST_DELAY);
        assert_eq!(guesses.note(peer(2)), Duration::ZERO);
        sleep(MEMORY).await;
        assert_eq!(guesses.note(peer(1)), Duration::ZERO);
        for n in 0..2 * MAX_PEERS as u128 {
            guesses.note(Peer::at(std::net::Ipv6Addr::from(n << 64).into()));
        }
        assert!(guesses.inner().failures.len() <= MAX_PEERS);
    }

    #[tokio::test]
    async fn who_has_not_failed_comes_first_and_of_equals_the_newest() {
        let guesses = Guesses::default();
        guesses.note(peer(1));
        let mut held = Vec::new();
        while let Some(turn) = guesses.turn(peer(1)).now_or_never() {
            held.push(turn);
        }
        let order = Arc::new(Mutex::new(Vec::new()));
        let wait = |name: &'static str, last: u8| {
            let (guesses, order) = (guesses.clone(), Arc::clone(&order));
            let mut waiting = Box::pin(async move {
                let _turn = guesses.turn(peer(last)).await;
                order.lock().unwrap().push(name);
            });
            assert!((&mut waiting).now_or_never().is_none());
            waiting
        };
        let gone = wait("gone", 2);
        let (old, new) = (wait("old", 1), wait("new", 1));
        let (clean, cleaner) = (wait("clean", 2), wait("cleaner", 3));
        drop(gone);
        held.truncate(1);
        drop(held);
        futures_util::future::join_all([old, new, clean, cleaner]).await;
        assert_eq!(*order.lock().unwrap(), ["cleaner", "clean", "new", "old"]);
        assert_eq!(guesses.inner().hashing, 0);
    }
}
