//! The way of frames between the sockets of one connection id.
//!
//! The tasks of these sockets hold the pipe and nothing else of each other: a frame passes through
//! this lock, which only they share, and into its peer's queue.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::budget::Budget;
use super::event::SocketId;
use super::frame::Frame;
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
    budget: Arc<Budget>,
    ends: Mutex<Ends>,
}

#[derive(Debug, Default)]
struct Ends {
    daemon: Option<Arc<Outbox>>,
    clients: Vec<Arc<Outbox>>,
    held: VecDeque<Frame>,
    held_cost: usize,
}

impl Pipe {
    /// Makes a pipe without ends. Without `hold` a frame to nobody is dropped (version 1).
    pub(super) fn new(hold: Option<Hold>, budget: Arc<Budget>) -> Self {
        Self {
            hold,
            budget,
            ends: Mutex::default(),
        }
    }

    /// Passes a frame on from an end to the other.
    pub(super) fn pass(&self, from: Role, frame: Frame) -> Passed {
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
                (None, Some(hold)) => self.keep(&mut ends, hold, frame),
            },
        }
    }

    /// Puts a socket at an end. A daemon first gets what was kept for it.
    pub(super) fn join(&self, role: Role, outbox: Arc<Outbox>) {
        let mut ends = self.lock();
        match role {
            Role::Client => ends.clients.push(outbox),
            Role::Server => {
                self.budget.give(std::mem::take(&mut ends.held_cost));
                for frame in std::mem::take(&mut ends.held) {
                    outbox.push(frame);
                }
                ends.daemon = Some(outbox);
            }
        }
    }

    /// Takes a socket away.
    pub(super) fn leave(&self, socket: SocketId) {
        let mut ends = self.lock();
        ends.clients.retain(|client| client.id() != socket);
        ends.daemon.take_if(|daemon| daemon.id() == socket);
    }

    /// Takes everybody away and drops what was kept.
    pub(super) fn shut(&self) {
        let ends = std::mem::take(&mut *self.lock());
        self.budget.give(ends.held_cost);
    }

    fn keep(&self, ends: &mut Ends, hold: Hold, frame: Frame) -> Passed {
        let cost = frame.cost();
        if ends.held_cost + cost > hold.bytes || !self.budget.take(cost) {
            return Passed::Overflow;
        }
        ends.held_cost += cost;
        ends.held.push_back(frame);
        if ends.held.len() > hold.frames
            && let Some(oldest) = ends.held.pop_front()
        {
            ends.held_cost -= oldest.cost();
            self.budget.give(oldest.cost());
            return Passed::Displaced;
        }
        Passed::On
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

impl Drop for Pipe {
    fn drop(&mut self) {
        self.shut();
    }
}
