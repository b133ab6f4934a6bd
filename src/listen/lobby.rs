//! Connections that are not let in yet, and the places of those that are.
//!
//! Whoever connects is taken at once, so that nobody waits behind others who only sit there. Who has not shown in the
//! meantime that they may come in makes room for those who come later, the oldest first.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::site::Site;

/// Clients that are let in. With all the others below they fit into the 1,024 files that a process may usually have open.
const MAX_CLIENTS: usize = 512;
/// Connections that are not let in yet …
const MAX_WAITING: usize = 208;
/// … and how many of them one peer may have.
const MAX_WAITING_OF_ONE: usize = 192;
/// Connections that have asked for something and wait: until the system has told whose they are, until a password is judged,
/// until a wrong one is answered, for a hello. They take no place from those who have not spoken yet.
const MAX_SPOKEN: usize = 240;

/// Whom connections are counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Peer {
    /// A user of this machine.
    User(u32),
    /// Whoever connects from an address.
    Site(Site),
    /// A socket file whose peer the system does not tell.
    Unknown,
    /// Everybody who comes through a relay: it tells nobody who they are.
    Relay,
}

impl Peer {
    /// Returns the peer that connects from an address.
    pub(super) fn at(address: IpAddr) -> Self {
        Self::Site(Site::of(address))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(uid) => write!(f, "user {uid}"),
            Self::Site(site) => site.fmt(f),
            Self::Unknown => f.write_str("a socket"),
            Self::Relay => f.write_str("the relay"),
        }
    }
}

/// All places of a listener.
#[derive(Debug)]
pub(super) struct Lobby {
    waiting: Mutex<Waiting>,
    /// Whether somebody who has spoken has made room since the last look.
    crowded: AtomicBool,
    clients: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By the order in which they came.
    places: BTreeMap<u64, Held>,
    /// Those that have asked for something, by the same order.
    spoken: BTreeMap<u64, Held>,
    last: u64,
}

/// A place that is held until its owner is let in. Dropping it tells the owner to go.
#[derive(Debug)]
struct Held {
    peer: Peer,
    stay: Stay,
}

/// Nothing is ever sent: what counts is whether it is still there.
type Stay = watch::Sender<()>;

/// The place of a connection; dropping it frees it.
#[derive(Debug)]
pub(super) struct Place {
    lobby: Arc<Lobby>,
    number: u64,
    going: watch::Receiver<()>,
    admitted: Mutex<Option<(Stay, OwnedSemaphorePermit)>>,
}

impl Lobby {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::default(),
            crowded: AtomicBool::new(false),
            clients: Arc::new(Semaphore::new(MAX_CLIENTS)),
        })
    }

    /// Gives a connection a place, and takes an older one's where there are too many.
    pub(super) fn enter(self: &Arc<Self>, peer: Peer) -> Place {
        let (stay, going) = watch::channel(());
        let mut waiting = self.waiting();
        waiting.last += 1;
        let number = waiting.last;
        waiting.places.insert(number, Held { peer, stay });
        make_room(&mut waiting.places, peer, MAX_WAITING, MAX_WAITING_OF_ONE);
        Place {
            lobby: Arc::clone(self),
            number,
            going,
            admitted: Mutex::default(),
        }
    }

    /// Returns whether those who come are so many that they should come slower: who is sent away comes again at once, and
    /// would send the next one away.
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded.swap(false, Ordering::Relaxed)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn leave(&mut self, number: u64) -> Option<Held> {
        let places = &mut self.places;
        places
            .remove(&number)
            .or_else(|| self.spoken.remove(&number))
    }
}

/// Ends the oldest connection of a peer that has too many; of all together, that of the one who has most. Of two who have
/// as many, the one goes who sits there for longer. Returns whether one went.
fn make_room(
    places: &mut BTreeMap<u64, Held>,
    newest: Peer,
    most_of_all: usize,
    of_one: usize,
) -> bool {
    // How many each has, and its oldest. The places are in the order in which they came.
    let mut counts = BTreeMap::<Peer, (usize, u64)>::new();
    for (number, held) in &*places {
        counts.entry(held.peer).or_insert((0, *number)).0 += 1;
    }
    let most = counts
        .values()
        .max_by_key(|(count, oldest)| (*count, Reverse(*oldest)));
    let own = counts.get(&newest).filter(|(count, _)| *count > of_one);
    let of_all = most.filter(|_| places.len() > most_of_all);
    let goes = own.or(of_all).map(|(_, oldest)| *oldest);
    goes.is_some_and(|oldest| places.remove(&oldest).is_some())
}

impl Place {
    /// Returns once the connection has to go.
    pub(super) fn taken_away(&self) -> impl Future<Output = ()> + use<> {
        let mut going = self.going.clone();
        // It fails when the other end is dropped.
        async move { while going.changed().await.is_ok() {} }
    }

    /// Counts it for another peer from now on.
    pub(super) fn is_of(&self, peer: Peer) {
        let mut waiting = self.lobby.waiting();
        let Waiting { places, spoken, .. } = &mut *waiting;
        let number = self.number;
        if let Some(held) = places.get_mut(&number).or(spoken.get_mut(&number)) {
            held.peer = peer;
        }
    }

    /// Frees it for those who have not spoken yet: a request has come, and waits for its answer.
    pub(super) fn has_spoken(&self) {
        let mut waiting = self.lobby.waiting();
        if let Some(held) = waiting.places.remove(&self.number) {
            let peer = held.peer;
            waiting.spoken.insert(self.number, held);
            if make_room(&mut waiting.spoken, peer, MAX_SPOKEN, MAX_SPOKEN) {
                self.lobby.crowded.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Makes it the place of a client that is let in, which nobody takes away. False when all of those are taken.
    pub(super) fn admit(&self) -> bool {
        let mut admitted = self.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        if admitted.is_some() {
            return true;
        }
        let Ok(permit) = Arc::clone(&self.lobby.clients).try_acquire_owned() else {
            return false;
        };
        let Some(held) = self.lobby.waiting().leave(self.number) else {
            return false; // it has to go already
        };
        *admitted = Some((held.stay, permit));
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lobby.waiting().leave(self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn is_told(place: &Place) -> bool {
        place.taken_away().now_or_never().is_some()
    }

    #[test]
    fn the_oldest_of_whoever_has_most_makes_room() {
        let lobby = Lobby::new();
        let of = |last: u8| Peer::at([10, 0, 0, last].into());
        let single = lobby.enter(of(1));
        let many: Vec<_> = (0..MAX_WAITING_OF_ONE + 3)
            .map(|_| lobby.enter(of(2)))
            .collect();
        let told: Vec<_> = many.iter().take(4).map(is_told).collect();
        assert_eq!(told, [true, true, true, false]);
        let more: Vec<_> = (0..MAX_WAITING - MAX_WAITING_OF_ONE - 1)
            .map(|n| lobby.enter(of(3 + n as u8)))
            .collect();
        let last = lobby.enter(of(200));
        assert!(!is_told(&single) && !is_told(&last));
        assert!(!more.iter().any(is_told) && is_told(&many[3]));
        assert!(lobby.waiting().places.len() <= MAX_WAITING);
    }

    #[test]
    fn of_two_who_have_as_many_the_older_makes_room() {
        let of = |last: u8| Peer::at([10, 0, 0, last].into());
        for (older, newer) in [(of(1), of(2)), (of(2), of(1))] {
            let lobby = Lobby::new();
            let half = MAX_WAITING / 2;
            let old: Vec<_> = (0..half).map(|_| lobby.enter(older)).collect();
            let new: Vec<_> = (0..half).map(|_| lobby.enter(newer)).collect();
            let last = lobby.enter(of(3));
            assert!(is_told(&old[0]) && !is_told(&new[0]) && !is_told(&last));
            assert_eq!(old.iter().chain(&new).filter(|it| is_told(it)).count(), 1);
        }
    }

    #[test]
    fn who_is_let_in_stays() {
        let lobby = Lobby::new();
        let peer = Peer::User(7);
        let place = lobby.enter(peer);
        assert!(place.admit() && place.admit());
        let others: Vec<_> = (0..2 * MAX_WAITING).map(|_| lobby.enter(peer)).collect();
        assert!(!is_told(&place));
        let rest = others.iter().filter(|place| place.admit()).count();
        assert_eq!(rest, MAX_WAITING_OF_ONE);
        drop((place, others));
        assert_eq!(lobby.clients.available_permits(), MAX_CLIENTS);
        assert!(lobby.waiting().places.is_empty());
    }

    #[test]
    fn who_has_spoken_takes_no_place_from_those_who_come() {
        let lobby = Lobby::new();
        let peer = Peer::User(7);
        let first = lobby.enter(peer);
        assert!(!lobby.is_crowded());
        let spoken: Vec<_> = (0..2 * MAX_SPOKEN)
            .map(|_| {
                let place = lobby.enter(peer);
                place.has_spoken();
                place
            })
            .collect();
        assert!(!is_told(&first));
        assert!(lobby.is_crowded() && !lobby.is_crowded());
        let left = spoken.iter().filter(|place| !is_told(place)).count();
        assert_eq!(left, MAX_SPOKEN);
        assert!(spoken[2 * MAX_SPOKEN - 1].admit() && !spoken[0].admit());
        drop(spoken);
        assert!(lobby.waiting().spoken.is_empty());
    }
}
