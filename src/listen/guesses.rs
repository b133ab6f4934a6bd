//! Wrong passwords: how long their answers take, and whose is checked next.
//!
//! A bcrypt hash takes a good part of a second of a processor. Few are made at once, on threads of their own. Who waits
//! for one is served in an order that a right password gets through in: peers that took the fewest hashes first, whether
//! they stayed for the answers or not, and of equals the newest, because those who guess sit there already.

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
/// A right password is answered as late as a wrong one would be, so that nobody who guesses may leave before that. It takes
/// no longer than this, because others may guess from the same address.
const LONGEST_WITHHELD: Duration = Duration::from_millis(500);
/// Passwords of one peer that wait for a hash; a newer one takes the place of the oldest. One that waits already is waited
/// for by all who show it: they hold nothing but their connections, and are answered by one hash.
const MAX_WAITING_OF_ONE: usize = 16;
/// After this time without another guess those of a peer are forgotten.
const MEMORY: Duration = Duration::from_secs(300);
/// Peers that are remembered.
const MAX_PEERS: usize = 4096;
/// Pause between two lines of the log about them.
const LOG_PAUSE: Duration = Duration::from_secs(1);

/// What tells passwords apart, and says nothing of them.
pub(super) type PasswordDigest = [u8; 32];

/// What is known of those who guess. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Guesses(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    known: BTreeMap<Peer, Record>,
    /// Since the last line of the log.
    untold: u32,
    told: Option<Instant>,
    hashing: usize,
    waiting: Vec<Waiter>,
}

/// What a peer has done lately.
#[derive(Debug, Clone, Copy)]
struct Record {
    failures: u32,
    /// Hashes that were made for it.
    hashes: u32,
    last: Instant,
}

#[derive(Debug)]
struct Waiter {
    peer: Peer,
    password: PasswordDigest,
    turn: oneshot::Sender<Turn>,
}

/// The right to make a hash; dropping it gives it to the next.
#[derive(Debug)]
pub(super) struct Turn(Guesses);

impl Guesses {
    /// Waits for the right to make a hash; `None` when too many newer passwords of the same peer wait for it, too. That is
    /// told late, so that whoever asks again at once does not keep all others of the peer from their turns.
    pub(super) async fn turn(&self, peer: Peer, password: PasswordDigest) -> Option<Turn> {
        let turn = {
            let mut inner = self.inner();
            if inner.hashing < at_once() {
                inner.hashing += 1;
                inner.record(peer).hashes += 1;
                return Some(Turn(self.clone()));
            }
            let (sender, turn) = oneshot::channel();
            inner.wait(Waiter {
                peer,
                password,
                turn: sender,
            });
            turn
        };
        match turn.await {
            Ok(turn) => Some(turn),
            Err(_) => {
                sleep(LONGEST_WITHHELD).await;
                None
            }
        }
    }

    /// Returns once a right password may be answered.
    pub(super) async fn right(&self, peer: Peer) {
        let failures = self.inner().fresh(peer).map_or(0, |it| it.failures);
        sleep(delay(failures.saturating_add(1)).min(LONGEST_WITHHELD)).await;
    }

    /// Notes a wrong password, and returns once its answer may leave.
    pub(super) async fn wrong(&self, peer: Peer) {
        let delay = self.note(peer);
        sleep(delay).await;
    }

    fn note(&self, peer: Peer) -> Duration {
        let now = Instant::now();
        let mut inner = self.inner();
        inner.untold = inner.untold.saturating_add(1);
        if inner.told.is_none_or(|told| told.elapsed() >= LOG_PAUSE) {
            tracing::warn!(count = inner.untold, %peer, "a wrong password");
            (inner.untold, inner.told) = (0, Some(now));
        }
        let record = inner.record(peer);
        record.failures = record.failures.saturating_add(1);
        delay(record.failures)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn fresh(&self, peer: Peer) -> Option<&Record> {
        let known = self.known.get(&peer);
        known.filter(|record| record.last.elapsed() < MEMORY)
    }

    /// Returns what is known of a peer, as of one that does something now.
    fn record(&mut self, peer: Peer) -> &mut Record {
        if self.known.len() >= MAX_PEERS && !self.known.contains_key(&peer) {
            let known = &mut self.known;
            known.retain(|_, record| record.last.elapsed() < MEMORY);
            let oldest = known.iter().min_by_key(|(_, record)| record.last);
            if let Some(oldest) = oldest.map(|(peer, _)| *peer)
                && known.len() >= MAX_PEERS
            {
                known.remove(&oldest);
            }
        }
        let nothing = Record {
            failures: 0,
            hashes: 0,
            last: Instant::now(),
        };
        let fresh = self.fresh(peer).copied().unwrap_or(nothing);
        let record = self.known.entry(peer).or_insert(nothing);
        *record = Record {
            last: Instant::now(),
            ..fresh
        };
        record
    }

    fn wait(&mut self, waiter: Waiter) {
        self.waiting.retain(|waiter| !waiter.turn.is_closed());
        let of_it = |other: &&Waiter| other.peer == waiter.peer;
        let mut of_same = self.waiting.iter().filter(of_it);
        if !of_same.any(|other| other.password == waiter.password)
            && self.waiting.iter().filter(of_it).count() >= MAX_WAITING_OF_ONE
            && let Some(oldest) = self.waiting.iter().position(|it| of_it(&it))
        {
            self.waiting.remove(oldest);
        }
        self.waiting.push(waiter);
    }

    /// Takes out whoever has the next turn.
    fn next(&mut self) -> Option<Waiter> {
        self.waiting.retain(|waiter| !waiter.turn.is_closed());
        let order = |(place, waiter): &(usize, &Waiter)| {
            let record = self.fresh(waiter.peer);
            let had = record.map_or(0, |it| it.hashes.max(it.failures));
            (had, usize::MAX - place)
        };
        let (place, _) = self.waiting.iter().enumerate().min_by_key(order)?;
        let next = self.waiting.remove(place);
        self.record(next.peer).hashes += 1;
        Some(next)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut inner = self.0.inner();
            let Some(next) = inner.next() else {
                inner.hashing -= 1;
                return;
            };
            next
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

    const PASSWORD: PasswordDigest = [7; 32];

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
        assert!(guesses.inner().known.len() <= MAX_PEERS);
    }

    #[tokio::test]
    async fn who_has_not_failed_comes_first_and_of_equals_the_newest() {
        let guesses = Guesses::default();
        guesses.note(peer(1));
        let mut held = Vec::new();
        while let Some(turn) = guesses.turn(peer(1), PASSWORD).now_or_never() {
            held.push(turn.unwrap());
        }
        let order = Arc::new(Mutex::new(Vec::new()));
        let wait = |name: &'static str, last: u8| {
            let (guesses, order) = (guesses.clone(), Arc::clone(&order));
            let mut waiting = Box::pin(async move {
                let _turn = guesses.turn(peer(last), PASSWORD).await.unwrap();
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

    #[tokio::test(start_paused = true)]
    async fn a_right_password_is_answered_as_late_as_a_wrong_one() {
        let guesses = Guesses::default();
        let took = async |waiting: std::pin::Pin<Box<dyn Future<Output = ()>>>| {
            let start = Instant::now();
            waiting.await;
            start.elapsed()
        };
        for failures in 0..12 {
            let right = took(Box::pin(guesses.right(peer(1)))).await;
            let wrong = took(Box::pin(guesses.wrong(peer(1)))).await;
            assert_eq!(right, wrong.min(LONGEST_WITHHELD), "{failures}");
            assert_eq!(right.is_zero(), failures < FREE, "{failures}");
        }
        assert!(took(Box::pin(guesses.right(peer(2)))).await.is_zero());
        sleep(MEMORY).await;
        assert!(took(Box::pin(guesses.right(peer(1)))).await.is_zero());
    }

    /// Takes all turns, as a peer that nobody else is.
    fn busy(guesses: &Guesses) -> Vec<Turn> {
        let next = || guesses.turn(peer(99), PASSWORD).now_or_never();
        std::iter::from_fn(next).map(Option::unwrap).collect()
    }

    /// Whoever hangs up before the answer has never failed.
    #[tokio::test]
    async fn a_peer_that_leaves_before_its_answers_does_not_keep_its_turn() {
        let guesses = Guesses::default();
        let held = busy(&guesses);
        let owner = guesses.turn(peer(1), PASSWORD);
        tokio::pin!(owner);
        assert!((&mut owner).now_or_never().is_none());
        let guess = || {
            let mut guess = Box::pin(guesses.turn(peer(2), PASSWORD));
            assert!((&mut guess).now_or_never().is_none());
            guess
        };
        let mut waiting: Vec<_> = (0..4).map(|_| guess()).collect();
        drop(held);
        for turn in 1.. {
            if let Some(owner) = (&mut owner).now_or_never() {
                assert!(owner.is_some() && turn <= at_once() + 1, "{turn}");
                break;
            }
            // Its hash is made, and nobody is left to be told of it.
            waiting.retain_mut(|guess| guess.now_or_never().is_none());
            waiting.extend((0..4).map(|_| guess()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_has_few_passwords_that_wait() {
        let guesses = Guesses::default();
        let _held = busy(&guesses);
        let mut password = PASSWORD;
        let mut wait = |last| {
            password[0] += 1;
            let mut waiting = Box::pin(guesses.turn(peer(last), password));
            assert!((&mut waiting).now_or_never().is_none());
            waiting
        };
        let mut other = wait(1);
        let mut waiting: Vec<_> = (0..MAX_WAITING_OF_ONE + 3).map(|_| wait(2)).collect();
        let mut told = || -> Vec<_> { waiting.iter_mut().map(|it| it.now_or_never()).collect() };
        assert!(told().iter().all(Option::is_none), "told too early");
        sleep(LONGEST_WITHHELD).await;
        let told = told();
        let gone = told.iter().filter(|it| matches!(it, Some(None))).count();
        assert!(matches!(
            &told[..4],
            [Some(None), Some(None), Some(None), None]
        ));
        assert_eq!((gone, (&mut other).now_or_never().is_none()), (3, true));
        assert_eq!(guesses.inner().waiting.len(), MAX_WAITING_OF_ONE + 1);
    }

    /// Whoever asks with one password again and again takes no place from another password, and is not sent away.
    #[tokio::test]
    async fn a_password_that_waits_already_takes_no_further_place() {
        let guesses = Guesses::default();
        let held = busy(&guesses);
        let wait = |password| {
            let mut waiting = Box::pin(guesses.turn(peer(1), password));
            assert!((&mut waiting).now_or_never().is_none());
            waiting
        };
        let right = wait([1; 32]);
        let wrong: Vec<_> = (0..10 * MAX_WAITING_OF_ONE)
            .map(|_| wait(PASSWORD))
            .collect();
        assert_eq!(guesses.inner().waiting[0].password, [1; 32]);
        assert_eq!(guesses.inner().waiting.len(), wrong.len() + 1);
        drop((wrong, held));
        assert!(right.await.is_some());
    }
}
