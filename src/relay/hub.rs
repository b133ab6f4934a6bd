//! Does what the registry decides.
//!
//! One lock, taken when a socket comes, when it goes, and twice in a client's first seconds. The
//! effects are done under it, because two threads that did theirs in another order would leave a
//! socket at the wrong pipe; none of them waits for anything.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Limits;
use sha2::{Digest, Sha256};
use tracing::debug;

use super::event::{Effect, Event, PipeId, Place, SocketId};
use super::frame::Frame;
use super::ledger::Ledger;
use super::metrics::{Gauges, Metrics};
use super::outbox::Outbox;
use super::pipe::{Hold, Pipe};
use super::registry::{Registry, slim};
use crate::protocol::relay::{
    Close, ConnectQuery, ConnectionId, PRESENCE_OFFLINE, PRESENCE_ONLINE, Role, Seat, ServerId,
};
use crate::site::Site;

/// Time that the holder of a claim has to show that it lives.
const CLAIM_PATIENCE: Duration = Duration::from_secs(2);

/// All that the sockets of a relay share.
#[derive(Debug)]
pub(super) struct Hub {
    pub(super) limits: Limits,
    pub(super) metrics: Metrics,
    ledger: Arc<Ledger>,
    draining: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    registry: Registry,
    /// Sockets of a daemon and its clients, in both versions.
    groups: HashMap<ServerId, usize>,
    sockets: HashMap<SocketId, Arc<Outbox>>,
    pipes: HashMap<PipeId, Arc<Pipe>>,
    last: u64,
}

/// A socket's membership: dropping it tells the others that the socket is gone.
#[derive(Debug)]
pub(super) struct Attached {
    hub: Arc<Hub>,
    server: ServerId,
    pub(super) outbox: Arc<Outbox>,
    pub(super) kind: Kind,
}

/// What a socket does with what it reads.
#[derive(Debug)]
pub(super) enum Kind {
    /// Takes the daemon's side of the conversation with the relay.
    Control,
    /// Passes frames on, as this role.
    Peer(Role, Arc<Pipe>),
}

impl Hub {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            ledger: Arc::new(Ledger::new(&limits)),
            metrics: Metrics::default(),
            draining: AtomicBool::new(false),
            state: Mutex::default(),
            limits,
        }
    }

    /// Gives an open socket its seat. Others may be closed because of it. A client that was `told`
    /// whether its daemon is there is told when that changes.
    pub(super) fn attach(
        self: &Arc<Self>,
        query: ConnectQuery,
        site: Option<Site>,
        told: Option<bool>,
    ) -> Attached {
        let place = place(query.seat);
        let role = match &place {
            Place::Control => None,
            Place::Data(_) => Some(Role::Server),
            Place::Client(_) => Some(Role::Client),
            Place::Legacy(role) => Some(*role),
        };
        let server = query.server;
        let mut state = self.lock();
        state.last += 1;
        let socket = SocketId(state.last);
        *state.groups.entry(server.clone()).or_default() += 1;
        let holder = self.ledger.open(socket, server.clone(), site);
        let limit = self.limits.queue_bytes;
        let outbox = Arc::new(Outbox::new(socket, limit, holder));
        state.sockets.insert(socket, Arc::clone(&outbox));
        if self.draining() {
            outbox.close(Close::Restart);
        }
        let event = Event::Attach {
            socket,
            server: server.clone(),
            place,
            told,
        };
        let kind = match (role, self.apply(&mut state, event)) {
            (Some(role), Some(pipe)) => Kind::Peer(role, pipe),
            _ => Kind::Control,
        };
        drop(state);
        debug!(session = %Tag(&server), socket = socket.0, "attached");
        Attached {
            hub: Arc::clone(self),
            server,
            outbox,
            kind,
        }
    }

    /// Returns whether a daemon is there that speaks the version of this query.
    pub(super) fn online(&self, query: &ConnectQuery) -> bool {
        let seat = match query.seat {
            Seat::Legacy(_) => Place::Legacy(Role::Server),
            _ => Place::Control,
        };
        let registry = &self.lock().registry;
        registry.holder(&query.server, &seat).is_some()
    }

    /// Returns whether the session has room for one more socket. Sockets that ask at the same time may
    /// all get the last place.
    pub(super) fn has_room(&self, server: &ServerId) -> bool {
        let state = self.lock();
        let sockets = state.groups.get(server);
        sockets.is_none_or(|sockets| *sockets < self.limits.sockets_per_session)
    }

    /// Returns whether the session has a socket.
    pub(super) fn has_session(&self, server: &ServerId) -> bool {
        self.lock().groups.contains_key(server)
    }

    /// Returns every session.
    pub(super) fn servers(&self) -> Vec<ServerId> {
        self.lock().groups.keys().cloned().collect()
    }

    /// Closes every socket of a session.
    pub(super) fn close_session(&self, server: &ServerId, why: Close) {
        let sockets: Vec<_> = {
            let state = self.lock();
            let ids = state.registry.sockets(server);
            ids.filter_map(|id| state.sockets.get(&id).cloned())
                .collect()
        };
        for outbox in sockets {
            outbox.close(why);
        }
    }

    /// Returns whether another daemon holds this seat and answers a ping.
    pub(super) async fn is_held(&self, query: &ConnectQuery) -> bool {
        let place = match &query.seat {
            Seat::Control => Place::Control,
            Seat::Legacy(Role::Server) => Place::Legacy(Role::Server),
            _ => return false,
        };
        let holder = {
            let state = self.lock();
            let socket = state.registry.holder(&query.server, &place);
            socket.and_then(|socket| state.sockets.get(&socket).cloned())
        };
        match holder {
            Some(holder) => holder.probe(CLAIM_PATIENCE).await,
            None => false,
        }
    }

    /// Returns the numbers of this moment.
    pub(super) fn gauges(&self) -> Gauges {
        let state = self.lock();
        Gauges {
            draining: self.draining(),
            sockets: state.sockets.len(),
            sessions: state.registry.sessions(),
            queued_bytes: self.ledger.used(),
            held_bytes: self.ledger.held(),
        }
    }

    /// Takes no more sockets; the ones that still come are closed with 1012.
    pub(super) fn start_draining(&self) {
        // Under the lock, so that every socket is either in [`Hub::sockets`] or comes too late.
        let _state = self.lock();
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Returns whether the relay stops.
    pub(super) fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Returns every socket, to be closed one after the other.
    pub(super) fn sockets(&self) -> Vec<Arc<Outbox>> {
        self.lock().sockets.values().cloned().collect()
    }

    /// Returns whether nothing is left of anybody.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let state = self.lock();
        state.registry.is_empty()
            && state.groups.is_empty()
            && state.sockets.is_empty()
            && state.pipes.is_empty()
            && self.ledger.is_empty()
    }

    /// Applies an event and does its effects; returns the pipe that a socket joined, if one did.
    fn apply(&self, state: &mut State, event: Event) -> Option<Arc<Pipe>> {
        let mut joined = None;
        for effect in state.registry.apply(event) {
            match effect {
                Effect::Open { pipe, holds } => {
                    let hold = holds.then_some(Hold {
                        frames: self.limits.held_frames,
                        bytes: self.limits.held_bytes,
                    });
                    state.pipes.insert(pipe, Arc::new(Pipe::new(hold)));
                }
                Effect::Join { pipe, socket, role } => {
                    if let Some(pipe) = state.pipes.get(&pipe)
                        && let Some(outbox) = state.sockets.get(&socket)
                    {
                        pipe.join(role, Arc::clone(outbox));
                        joined = Some(Arc::clone(pipe));
                    }
                }
                Effect::Leave { pipe, socket } => {
                    if let Some(pipe) = state.pipes.get(&pipe) {
                        pipe.leave(socket);
                    }
                }
                Effect::Shut { pipe } => {
                    if let Some(pipe) = state.pipes.remove(&pipe) {
                        pipe.shut();
                    }
                    slim(&mut state.pipes);
                }
                Effect::Tell { socket, message } => {
                    if let Some(outbox) = state.sockets.get(&socket) {
                        outbox.tell(&message);
                    }
                }
                Effect::Presence { socket, online } => {
                    let body = match online {
                        true => PRESENCE_ONLINE,
                        false => PRESENCE_OFFLINE,
                    };
                    if let Some(outbox) = state.sockets.get(&socket) {
                        outbox.push(Frame::ping(body));
                    }
                }
                Effect::Close { socket, why } => {
                    if let Some(outbox) = state.sockets.get(&socket) {
                        // The whole session goes when the relay goes, and for the same reason.
                        outbox.close(if self.draining() { Close::Restart } else { why });
                    }
                }
            }
        }
        joined
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attached {
    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Reports that this client waits for its daemon since
    /// [`NUDGE_AFTER`](crate::protocol::relay::NUDGE_AFTER).
    pub(super) fn nudge(&self) {
        let client = self.outbox.id();
        self.apply(Event::Nudge { client });
    }

    /// Reports that this client waits for its daemon since
    /// [`RESET_AFTER`](crate::protocol::relay::RESET_AFTER).
    pub(super) fn reset(&self) {
        let client = self.outbox.id();
        self.apply(Event::Reset { client });
    }

    fn apply(&self, event: Event) {
        let mut state = self.hub.lock();
        self.hub.apply(&mut state, event);
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let socket = self.outbox.id();
        let mut state = self.hub.lock();
        state.sockets.remove(&socket);
        slim(&mut state.sockets);
        self.hub.apply(&mut state, Event::Detach { socket });
        state.leave_group(&self.server);
        drop(state);
        // Nobody may wait for room in a queue that nobody empties.
        self.outbox.cut(Close::Restart);
        debug!(session = %Tag(&self.server), socket = socket.0, "detached");
    }
}

impl State {
    fn leave_group(&mut self, server: &ServerId) {
        if let Some(sockets) = self.groups.get_mut(server) {
            *sockets -= 1;
            if *sockets == 0 {
                self.groups.remove(server);
                slim(&mut self.groups);
            }
        }
    }
}

/// A server id as logs show it: enough to tell two apart, not enough to use it.
struct Tag<'a>(&'a ServerId);

impl fmt::Display for Tag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = Sha256::digest(self.0.as_str().as_bytes());
        hash[..4]
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn place(seat: Seat) -> Place {
    match seat {
        Seat::Legacy(role) => Place::Legacy(role),
        Seat::Control => Place::Control,
        Seat::Data(id) => Place::Data(id),
        Seat::Client(Some(id)) => Place::Client(id),
        Seat::Client(None) => {
            let random = getrandom::u64().expect("the system gives random numbers");
            Place::Client(ConnectionId::from_random(random))
        }
    }
}
