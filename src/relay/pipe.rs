//! The way of frames between the sockets of one connection id.
//!
//! The tasks of these sockets hold the pipe and nothing else of each other: a frame passes through
//! this lock, which only they share, and into its peer's queue.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::event::SocketId;
use super::frame::Frame;
use super::holder::{Holder, Wait};
use super::outbox::Outbox;
use crate::protocol::relay::Role;

/// What became of a frame.
#[derive(Debug)]
pub(super) enum Passed {
    /// It is on its way, or nobody is there to have it.
    On,
    /// It is on its way, and now this queue is full: wait for room before the next one.
    Full(Arc<Outbox>),
    /// It is kept, and the oldest one was dropped for it.
    Displaced,
    /// Nobody is there yet and no more is kept.
    Overflow,
}

/// How much a pipe keeps for an absent daemon.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold {
    /// The newest ones are kept, as the official relay does.
    pub(super) frames: usize,
    /// Above this the client is closed.
    pub(super) bytes: usize,
}

/// One connection id's pipe.
#[derive(Debug)]
pub(super) struct Pipe {
    hold: Option<Hold>,
    ends: Mutex<Ends>,
}

#[derive(Debug, Default)]
struct Ends {
    daemon: Option<Arc<Outbox>>,
    clients: Vec<Arc<Outbox>>,
    held: VecDeque<Held>,
    held_cost: usize,
}

/// A frame for an absent daemon, booked for the client that sent it until it is dropped.
#[derive(Debug)]
struct Held {
    frame: Frame,
    holder: Arc<Holder>,
}

impl Pipe {
    /// Makes a pipe without ends. Without `hold` a frame to nobody is dropped (version 1).
    pub(super) fn new(hold: Option<Hold>) -> Self {
        Self {
            hold,
            ends: Mutex::default(),
        }
    }

    /// Passes a frame of a socket on from its end to the other.
    pub(super) fn pass(&self, from: Role, sender: &Outbox, frame: Frame) -> Passed {
        let mut ends = self.lock();
        match from {
            Role::Server => {
                let mut passed = Passed::On;
                for client in &ends.clients {
                    if let full @ Passed::Full(_) = pass(client, frame.clone()) {
                        passed = full;
                    }
                }
                passed
            }
            Role::Client => match (&ends.daemon, self.hold) {
                (Some(daemon), _) => pass(daemon, frame),
                (None, None) => Passed::On,
                (None, Some(hold)) => ends.keep(hold, sender.holder(), frame),
            },
        }
    }

    /// Puts a socket at an end. A daemon first gets what was kept for it.
    pub(super) fn join(&self, role: Role, outbox: Arc<Outbox>) {
        let mut ends = self.lock();
        match role {
            Role::Client => ends.clients.push(outbox),
            Role::Server => {
                ends.held_cost = 0;
                for held in std::mem::take(&mut ends.held) {
                    outbox.push(held.frame.clone());
                }
                ends.daemon = Some(outbox);
            }
        }
    }

    /// Takes a socket away. What is held of an evicted client is dropped, because the memory is needed; another's
    /// stays, and is booked for a client that stays.
    pub(super) fn leave(&self, socket: SocketId) {
        let mut ends = self.lock();
        if let Some(client) = ends.clients.iter().position(|it| it.id() == socket) {
            let client = ends.clients.remove(client);
            ends.forget(client.holder());
        }
        ends.daemon.take_if(|daemon| daemon.id() == socket);
    }

    /// Takes everybody away and drops what was kept.
    pub(super) fn shut(&self) {
        *self.lock() = Ends::default();
    }

    fn lock(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pass(outbox: &Arc<Outbox>, frame: Frame) -> Passed {
    match outbox.push(frame) {
        true => Passed::On,
        false => Passed::Full(Arc::clone(outbox)),
    }
}

impl Ends {
    fn keep(&mut self, hold: Hold, holder: &Arc<Holder>, frame: Frame) -> Passed {
        let cost = frame.cost();
        if self.held_cost + cost > hold.bytes {
            return Passed::Overflow;
        }
        let Some(held) = Held::new(frame, holder) else {
            // The sender is evicted, so this frame is behind its end.
            return Passed::On;
        };
        self.held_cost += cost;
        self.held.push_back(held);
        if self.held.len() > hold.frames
            && let Some(oldest) = self.held.pop_front()
        {
            self.held_cost -= oldest.frame.cost();
            return Passed::Displaced;
        }
        Passed::On
    }

    fn forget(&mut self, leaving: &Arc<Holder>) {
        let heir = self.clients.first().map(|client| client.holder());
        let stays = |held: Held| match heir {
            Some(heir) if Arc::ptr_eq(&held.holder, leaving) => {
                let frame = held.frame.clone();
                let kept = !leaving.is_evicted();
                drop(held);
                kept.then(|| Held::new(frame, heir)).flatten()
            }
            _ => Some(held),
        };
        self.held = std::mem::take(&mut self.held)
            .into_iter()
            .filter_map(stays)
            .collect();
        self.held_cost = self.held.iter().map(|held| held.frame.cost()).sum();
    }
}

impl Held {
    /// Books a frame; `None` when its holder is evicted.
    fn new(frame: Frame, holder: &Arc<Holder>) -> Option<Self> {
        holder.take(Wait::Held, frame.cost()).then(|| Self {
            frame,
            holder: Arc::clone(holder),
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.holder.give(Wait::Held, self.frame.cost());
    }
}
