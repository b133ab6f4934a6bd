//! Which socket holds how many bytes of the relay's memory, and which ones go when there are too many.
//!
//! Every byte that waits is booked for one socket: what it has not read yet, what has come of its unfinished
//! message, and what is held of it for an absent daemon. It counts against the socket's session, its network,
//! the share of held bytes, and the total. A booking is never refused. When it passes one of these limits the
//! [biggest holders](super::eviction) are evicted, be it the one that asks, so that small ones never suffer
//! from big ones. What an evicted socket holds no longer counts: its task ends at once and frees it.
//!
//! Locks are taken in this order: hub, pipe, ledger, holder. The lock of the ledger is taken when a socket comes,
//! when it goes, and when a limit is passed, never on the ordinary way of a frame.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use super::Limits;
use super::event::SocketId;
use super::eviction::{Holding, biggest};
use super::network::Network;
use super::registry::slim;
use crate::protocol::relay::ServerId;

/// What is freed beyond a limit's excess: this part of the limit. Looking for the biggest holders takes time, so each
/// search must make room for a while.
const SLACK: usize = 32;

/// All bookings of a relay.
#[derive(Debug)]
pub(super) struct Ledger {
    session_bytes: usize,
    network_bytes: usize,
    total: Account,
    /// The part of the total that is held for absent daemons.
    held: Account,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    holders: HashMap<SocketId, Arc<Holder>>,
    parties: HashMap<Party, Shared>,
}

/// An account and how many sockets share it.
#[derive(Debug)]
struct Shared {
    account: Arc<Account>,
    holders: usize,
}

/// Whose bytes an account counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Party {
    Session(ServerId),
    Network(Network),
}

/// Bytes that several sockets hold together.
#[derive(Debug)]
struct Account {
    used: AtomicUsize,
    limit: usize,
}

/// What bytes wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// For the socket to read them, or for the rest of its message.
    Queued,
    /// For a daemon that is absent.
    Held,
}

/// What one socket holds.
#[derive(Debug)]
pub(super) struct Holder {
    ledger: Arc<Ledger>,
    id: SocketId,
    server: ServerId,
    network: Option<Network>,
    session_account: Arc<Account>,
    network_account: Option<Arc<Account>>,
    booked: Mutex<Booked>,
}

#[derive(Debug, Default)]
struct Booked {
    queued: usize,
    held: usize,
    evicted: bool,
    /// The socket's task, which ends when it is evicted.
    task: Option<Waker>,
}

impl Ledger {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            session_bytes: limits.session_bytes,
            network_bytes: match limits.address_bytes {
                0 => usize::MAX,
                bytes => bytes,
            },
            total: Account::new(limits.total_bytes),
            held: Account::new(limits.held_total_bytes),
            books: Mutex::default(),
        }
    }

    /// Opens the bookings of a socket. They are found when memory is short until [`Holder::leave`].
    pub(super) fn open(
        self: &Arc<Self>,
        id: SocketId,
        server: ServerId,
        network: Option<Network>,
    ) -> Arc<Holder> {
        let mut books = self.lock();
        let session = Party::Session(server.clone());
        let session_account = books.join(session, self.session_bytes);
        let network_account =
            network.map(|network| books.join(Party::Network(network), self.network_bytes));
        let holder = Arc::new(Holder {
            ledger: Arc::clone(self),
            id,
            server,
            network,
            session_account,
            network_account,
            booked: Mutex::default(),
        });
        books.holders.insert(id, Arc::clone(&holder));
        holder
    }

    /// Returns the bytes that wait in all.
    pub(super) fn used(&self) -> usize {
        self.total.used()
    }

    /// Returns the bytes that are held for absent daemons.
    pub(super) fn held(&self) -> usize {
        self.held.used()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let books = self.lock();
        books.holders.is_empty() && books.parties.is_empty() && self.used() == 0
    }

    /// Evicts the biggest holders under every limit that the asker's booking has passed.
    fn relieve(&self, asker: &Holder) {
        let books = self.lock();
        let network = asker.network_account.as_ref();
        let scopes = [
            (Some(&*asker.session_account), Scope::Session(&asker.server)),
            (
                network.map(|account| &**account),
                Scope::Network(asker.network),
            ),
            (Some(&self.held), Scope::Held),
            (Some(&self.total), Scope::All),
        ];
        for (account, scope) in scopes {
            // Another task may have made room while this one waited for the lock.
            let Some(excess) = account.and_then(Account::excess) else {
                continue;
            };
            let holders = books.holders.values();
            let holdings = holders.filter_map(|holder| holder.holding(&scope));
            for holder in biggest(holdings.collect(), excess) {
                holder.evict();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Among which bytes the biggest holder is looked for.
enum Scope<'a> {
    Session(&'a ServerId),
    Network(Option<Network>),
    Held,
    All,
}

impl Books {
    fn join(&mut self, party: Party, limit: usize) -> Arc<Account> {
        let shared = self.parties.entry(party).or_insert_with(|| Shared {
            account: Arc::new(Account::new(limit)),
            holders: 0,
        });
        shared.holders += 1;
        Arc::clone(&shared.account)
    }

    fn part(&mut self, party: &Party) {
        if let Some(shared) = self.parties.get_mut(party) {
            shared.holders -= 1;
            if shared.holders == 0 {
                self.parties.remove(party);
            }
        }
    }
}

impl Account {
    fn new(limit: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            limit,
        }
    }

    fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Adds bytes; returns whether the limit is passed.
    fn add(&self, bytes: usize) -> bool {
        self.used.fetch_add(bytes, Ordering::Relaxed) + bytes > self.limit
    }

    fn subtract(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns what has to go, when the limit is passed.
    fn excess(&self) -> Option<usize> {
        let used = self.used();
        (used > self.limit).then(|| used - self.limit + self.limit / SLACK)
    }
}

impl Holder {
    /// Books bytes; returns false, and books nothing, when the socket is evicted.
    pub(super) fn take(&self, wait: Wait, bytes: usize) -> bool {
        let short = {
            let mut booked = self.lock();
            if booked.evicted {
                return false;
            }
            *booked.of(wait) += bytes;
            self.accounts(wait)
                .fold(false, |short, account| account.add(bytes) | short)
        };
        if short {
            self.ledger.relieve(self);
        }
        !short || !self.is_evicted()
    }

    /// Gives booked bytes back.
    pub(super) fn give(&self, wait: Wait, bytes: usize) {
        let mut booked = self.lock();
        // What an evicted socket held does not count any more.
        if !booked.evicted {
            *booked.of(wait) -= bytes;
            self.accounts(wait)
                .for_each(|account| account.subtract(bytes));
        }
    }

    /// Returns whether the socket has to go because others need the memory.
    pub(super) fn is_evicted(&self) -> bool {
        self.lock().evicted
    }

    /// Like [`Holder::is_evicted`]; if not, the task is woken when it becomes so.
    pub(super) fn poll_evicted(&self, cx: &Context<'_>) -> bool {
        let mut booked = self.lock();
        match &mut booked.task {
            Some(task) => task.clone_from(cx.waker()),
            task => *task = Some(cx.waker().clone()),
        }
        booked.evicted
    }

    /// Takes the socket out of the ledger, once it holds nothing that its end would free.
    pub(super) fn leave(&self) {
        let mut books = self.ledger.lock();
        let left = books.holders.remove(&self.id);
        slim(&mut books.holders);
        drop(books);
        // Its own end takes the lock again.
        drop(left);
    }

    fn evict(&self) {
        let mut booked = self.lock();
        for wait in [Wait::Queued, Wait::Held] {
            let bytes = std::mem::take(booked.of(wait));
            self.accounts(wait)
                .for_each(|account| account.subtract(bytes));
        }
        booked.evicted = true;
        if let Some(task) = booked.task.take() {
            task.wake();
        }
    }

    /// Returns what it holds in this scope, unless that is nothing.
    fn holding<'a>(self: &'a Arc<Self>, scope: &Scope<'_>) -> Option<Holding<'a, Self>> {
        let booked = self.lock();
        let bytes = match *scope {
            Scope::Session(server) if *server != self.server => 0,
            Scope::Network(network) if network != self.network => 0,
            Scope::Held => booked.held,
            Scope::Session(_) | Scope::Network(_) | Scope::All => booked.queued + booked.held,
        };
        (bytes > 0).then(|| Holding {
            holder: &**self,
            session: &self.server,
            network: self.network,
            bytes,
        })
    }

    fn accounts(&self, wait: Wait) -> impl Iterator<Item = &Account> {
        let held = (wait == Wait::Held).then_some(&self.ledger.held);
        [&*self.session_account, &self.ledger.total]
            .into_iter()
            .chain(self.network_account.as_deref())
            .chain(held)
    }

    fn lock(&self) -> MutexGuard<'_, Booked> {
        self.booked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Booked {
    fn of(&mut self, wait: Wait) -> &mut usize {
        match wait {
            Wait::Queued => &mut self.queued,
            Wait::Held => &mut self.held,
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let mut books = self.ledger.lock();
        books.part(&Party::Session(self.server.clone()));
        if let Some(network) = self.network {
            books.part(&Party::Network(network));
        }
        slim(&mut books.parties);
    }
}

/// What has come of a socket's next message; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Partial {
    holder: Arc<Holder>,
    booked: usize,
}

impl Partial {
    pub(super) fn new(holder: Arc<Holder>) -> Self {
        Self { holder, booked: 0 }
    }

    /// Books so many bytes instead of those before; returns false when the socket is evicted.
    pub(super) fn set(&mut self, bytes: usize) -> bool {
        let before = std::mem::replace(&mut self.booked, bytes);
        if bytes < before {
            self.holder.give(Wait::Queued, before - bytes);
        }
        bytes <= before || self.holder.take(Wait::Queued, bytes - before)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(any(test, fuzzing))]
impl Holder {
    /// Makes the one holder of a ledger of its own.
    pub(super) fn alone(limit: usize) -> Arc<Self> {
        let limits = Limits {
            session_bytes: limit,
            total_bytes: limit,
            ..Limits::default()
        };
        let server = ServerId::new("alone").expect("an id");
        Arc::new(Ledger::new(&limits)).open(SocketId(0), server, None)
    }

    /// Returns what its ledger has booked.
    pub(super) fn booked_bytes(&self) -> usize {
        self.ledger.used()
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
