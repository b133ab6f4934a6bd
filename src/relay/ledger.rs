//! Which socket holds how many bytes of the relay's memory, and which ones go when there are too many.
//!
//! Every byte that waits is booked for one socket: what it has not read yet, what has come of its unfinished
//! message, and what is held of it for an absent daemon. It counts against the socket's session, its site,
//! the share of held bytes, and the total. A booking is never refused. When it passes one of these limits the
//! [biggest holders](super::eviction) are evicted, be it the one that asks, so that small ones never suffer
//! from big ones. What an evicted socket holds no longer counts: its task ends at once and frees it.
//!
//! Locks are taken in this order: hub, pipe, search, ledger, holder. The lock of the ledger is taken when a socket comes,
//! when it goes, and when a limit is passed, never on the ordinary way of a frame. Who goes is chosen outside of it, so
//! that others come and go meanwhile.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Limits;
use super::event::SocketId;
use super::eviction::biggest;
use super::holder::Holder;
use super::registry::slim;
use crate::protocol::relay::ServerId;
use crate::site::Site;

/// What is freed beyond a limit's excess: this part of the limit. Looking for the biggest holders takes time, so each
/// search must make room for a while.
const SLACK: usize = 32;

/// All bookings of a relay.
#[derive(Debug)]
pub(super) struct Ledger {
    session_bytes: usize,
    site_bytes: usize,
    total: Account,
    /// The part of the total that is held for absent daemons.
    held: Account,
    /// Held while the biggest holders are looked for: what one search frees counts for the next.
    search: Mutex<()>,
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
    Site(Site),
}

/// Bytes that several sockets hold together.
#[derive(Debug)]
pub(super) struct Account {
    used: AtomicUsize,
    limit: usize,
}

impl Ledger {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            session_bytes: limits.session_bytes,
            site_bytes: match limits.address_bytes {
                0 => usize::MAX,
                bytes => bytes,
            },
            total: Account::new(limits.total_bytes),
            held: Account::new(limits.held_total_bytes),
            search: Mutex::default(),
            books: Mutex::default(),
        }
    }

    /// Opens the bookings of a socket. They are found when memory is short until [`Holder::leave`].
    pub(super) fn open(
        self: &Arc<Self>,
        id: SocketId,
        server: ServerId,
        site: Option<Site>,
    ) -> Arc<Holder> {
        let mut books = self.lock();
        let session = Party::Session(server.clone());
        let session_account = books.join(session, self.session_bytes);
        let site_account = site.map(|site| books.join(Party::Site(site), self.site_bytes));
        let holder = Arc::new(Holder {
            ledger: Arc::clone(self),
            id,
            server,
            site,
            session_account,
            site_account,
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

    /// Returns the account of all bytes.
    pub(super) fn total(&self) -> &Account {
        &self.total
    }

    /// Returns the account of the bytes that are held for absent daemons.
    pub(super) fn held_account(&self) -> &Account {
        &self.held
    }

    /// Evicts the biggest holders under every limit that the asker's booking has passed.
    pub(super) fn relieve(&self, asker: &Holder) {
        let _searching = self.search.lock().unwrap_or_else(PoisonError::into_inner);
        let scopes = [
            (Some(&*asker.session_account), Scope::Session(&asker.server)),
            (asker.site_account.as_deref(), Scope::Site(asker.site)),
            (Some(&self.held), Scope::Held),
            (Some(&self.total), Scope::All),
        ];
        for (account, scope) in scopes {
            // Another task may have made room while this one waited for its turn.
            let Some(excess) = account.and_then(Account::excess) else {
                continue;
            };
            let holders = self.holders(scope);
            let holdings = holders.iter().filter_map(|holder| holder.holding(scope));
            for holder in biggest(holdings.collect(), excess) {
                holder.evict();
            }
        }
    }

    /// Returns those whose bytes count in a scope.
    fn holders(&self, scope: Scope<'_>) -> Vec<Arc<Holder>> {
        let books = self.lock();
        let all = books.holders.values();
        all.filter(|holder| scope.has(holder)).cloned().collect()
    }

    /// Takes a socket out, so that it is not looked at any more.
    pub(super) fn remove(&self, id: SocketId) {
        let mut books = self.lock();
        let left = books.holders.remove(&id);
        slim(&mut books.holders);
        drop(books);
        // Its own end takes the lock again.
        drop(left);
    }

    /// Closes a socket's share of the accounts that it has with others.
    pub(super) fn part(&self, server: &ServerId, site: Option<Site>) {
        let mut books = self.lock();
        books.part(&Party::Session(server.clone()));
        if let Some(site) = site {
            books.part(&Party::Site(site));
        }
        slim(&mut books.parties);
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Among which bytes the biggest holder is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'a> {
    Session(&'a ServerId),
    Site(Option<Site>),
    Held,
    All,
}

impl Scope<'_> {
    fn has(self, holder: &Holder) -> bool {
        match self {
            Self::Session(server) => *server == holder.server,
            Self::Site(site) => site == holder.site,
            Self::Held | Self::All => true,
        }
    }
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
    pub(super) fn add(&self, bytes: usize) -> bool {
        self.used.fetch_add(bytes, Ordering::Relaxed) + bytes > self.limit
    }

    pub(super) fn subtract(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns what has to go, when the limit is passed.
    fn excess(&self) -> Option<usize> {
        let used = self.used();
        (used > self.limit).then(|| used - self.limit + self.limit / SLACK)
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
