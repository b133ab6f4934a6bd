//! What one socket of the relay holds, booked at the [ledger](super::ledger).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use super::event::SocketId;
use super::eviction::Holding;
use super::ledger::{Account, Ledger, Scope};
use crate::protocol::relay::ServerId;
use crate::site::Site;

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
    pub(super) ledger: Arc<Ledger>,
    pub(super) id: SocketId,
    pub(super) server: ServerId,
    pub(super) site: Option<Site>,
    pub(super) session_account: Arc<Account>,
    pub(super) site_account: Option<Arc<Account>>,
    pub(super) booked: Mutex<Booked>,
}

#[derive(Debug, Default)]
pub(super) struct Booked {
    queued: usize,
    held: usize,
    evicted: bool,
    /// The socket's task, which ends when it is evicted.
    task: Option<Waker>,
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
        self.ledger.remove(self.id);
    }

    /// Writes off what it holds, and has its task end.
    pub(super) fn evict(&self) {
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

    /// Returns what it holds of what a scope is about, unless that is nothing.
    pub(super) fn holding(&self, scope: Scope<'_>) -> Option<Holding<'_, Self>> {
        let booked = self.lock();
        let bytes = match scope {
            Scope::Held => booked.held,
            Scope::Session(_) | Scope::Site(_) | Scope::All => booked.queued + booked.held,
        };
        (bytes > 0).then_some(Holding {
            holder: self,
            session: &self.server,
            site: self.site,
            bytes,
        })
    }

    fn accounts(&self, wait: Wait) -> impl Iterator<Item = &Account> {
        let held = (wait == Wait::Held).then_some(self.ledger.held_account());
        [&*self.session_account, self.ledger.total()]
            .into_iter()
            .chain(self.site_account.as_deref())
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
        self.ledger.part(&self.server, self.site);
    }
}

/// Bytes of a socket that become more and less, such as what has come of its next message; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Booking {
    holder: Arc<Holder>,
    booked: usize,
}

impl Booking {
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

impl Drop for Booking {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(any(test, fuzzing))]
impl Holder {
    /// Makes the one holder of a ledger of its own.
    pub(super) fn alone(limit: usize) -> Arc<Self> {
        let limits = super::Limits {
            session_bytes: limit,
            total_bytes: limit,
            ..super::Limits::default()
        };
        let server = ServerId::new("alone").expect("an id");
        Arc::new(Ledger::new(&limits)).open(SocketId(0), server, None)
    }

    /// Returns what its ledger has booked.
    pub(super) fn booked_bytes(&self) -> usize {
        self.ledger.used()
    }
}
