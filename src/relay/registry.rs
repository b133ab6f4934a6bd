//! Who sits where: a pure state machine.
//!
//! It knows no socket, no clock and no runtime. It is told what happens ([`Event`]) and answers with
//! what has to be done ([`Effect`]); the [hub](crate::relay::hub) does it. Frames do not come here:
//! they go through the pipe that an [`Effect::Join`] put their socket at.

use std::collections::HashMap;
use std::hash::Hash;

use super::event::{Effect, Event, PipeId, Place, SocketId, next_pipe};
use crate::protocol::relay::{Close, ConnectionId, RelayToDaemon, Role, ServerId};

/// All sessions of the relay.
#[derive(Debug, Default)]
pub(super) struct Registry {
    sessions: HashMap<ServerId, Session>,
    legacy: HashMap<ServerId, Legacy>,
    places: HashMap<SocketId, (ServerId, Place)>,
    pipes: u64,
}

/// A daemon and its clients, version 2.
#[derive(Debug, Default)]
struct Session {
    control: Option<SocketId>,
    watchers: Vec<SocketId>,
    connections: HashMap<ConnectionId, Connection>,
}

#[derive(Debug)]
struct Connection {
    pipe: PipeId,
    data: Option<SocketId>,
    clients: Vec<SocketId>,
    /// The control socket that got a second `sync` because of this connection.
    nudged: Option<SocketId>,
}

/// A daemon and its client, version 1.
#[derive(Debug)]
struct Legacy {
    pipe: PipeId,
    server: Option<SocketId>,
    client: Option<SocketId>,
}

impl Registry {
    /// Takes an event and returns what has to be done.
    pub(super) fn apply(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Attach {
                socket,
                server,
                place,
                told,
            } => {
                if let (Some(told), Place::Client(_)) = (told, &place) {
                    let session = self.sessions.entry(server.clone()).or_default();
                    session.watchers.push(socket);
                    // The daemon may have come or gone since the client was answered.
                    let online = session.control.is_some();
                    if online != told {
                        effects.push(Effect::Presence { socket, online });
                    }
                }
                self.attach(socket, server, place, &mut effects);
            }
            Event::Detach { socket } => self.detach(socket, &mut effects),
            Event::Nudge { client } => self.nudge(client, &mut effects),
            Event::Reset { client } => self.reset(client, &mut effects),
        }
        effects
    }

    /// Returns the socket that holds a daemon's one seat, if one does.
    pub(super) fn holder(&self, server: &ServerId, place: &Place) -> Option<SocketId> {
        match place {
            Place::Control => self.sessions.get(server)?.control,
            Place::Legacy(Role::Server) => self.legacy.get(server)?.server,
            _ => None,
        }
    }

    /// Returns the sockets of a session, of both versions.
    pub(super) fn sockets(&self, server: &ServerId) -> impl Iterator<Item = SocketId> {
        let session = self.sessions.get(server);
        let legacy = self.legacy.get(server);
        let connections = session.into_iter().flat_map(|s| s.connections.values());
        let connected = connections.flat_map(|c| c.clients.iter().copied().chain(c.data));
        connected
            .chain(session.and_then(|session| session.control))
            .chain(legacy.and_then(|legacy| legacy.server))
            .chain(legacy.and_then(|legacy| legacy.client))
    }

    /// Returns the number of sessions, of both versions.
    pub(super) fn sessions(&self) -> usize {
        self.sessions.len() + self.legacy.len()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty() && self.legacy.is_empty() && self.places.is_empty()
    }

    fn attach(
        &mut self,
        socket: SocketId,
        server: ServerId,
        place: Place,
        effects: &mut Vec<Effect>,
    ) {
        let replaced = match &place {
            Place::Legacy(role) => self.attach_legacy(socket, &server, *role, effects),
            Place::Control => {
                let session = self.sessions.entry(server.clone()).or_default();
                let old = session.control.replace(socket);
                effects.push(session.sync(socket));
                if old.is_none() {
                    session.announce(true, effects);
                }
                old
            }
            Place::Data(id) => {
                let session = self.sessions.entry(server.clone()).or_default();
                let connection = session.open(id, &mut self.pipes, effects);
                let old = connection.data.replace(socket);
                if let Some(socket) = old {
                    let pipe = connection.pipe;
                    effects.push(Effect::Leave { pipe, socket });
                }
                connection.join(socket, Role::Server, effects);
                old
            }
            Place::Client(id) => {
                let session = self.sessions.entry(server.clone()).or_default();
                let connection = session.open(id, &mut self.pipes, effects);
                connection.clients.push(socket);
                connection.join(socket, Role::Client, effects);
                let connection_id = id.clone();
                session.tell(RelayToDaemon::Connected { connection_id }, effects);
                None
            }
        };
        if let Some(old) = replaced {
            self.close(old, Close::Replaced, effects);
        }
        self.places.insert(socket, (server, place));
    }

    fn attach_legacy(
        &mut self,
        socket: SocketId,
        server: &ServerId,
        role: Role,
        effects: &mut Vec<Effect>,
    ) -> Option<SocketId> {
        let legacy = self.legacy.entry(server.clone()).or_insert_with(|| {
            let pipe = next_pipe(&mut self.pipes);
            effects.push(Effect::Open { pipe, holds: false });
            Legacy {
                pipe,
                server: None,
                client: None,
            }
        });
        let pipe = legacy.pipe;
        let old = legacy.seat(role).replace(socket);
        if let Some(socket) = old {
            effects.push(Effect::Leave { pipe, socket });
        }
        effects.push(Effect::Join { pipe, socket, role });
        old
    }

    fn detach(&mut self, socket: SocketId, effects: &mut Vec<Effect>) {
        let Some((server, place)) = self.places.remove(&socket) else {
            return;
        };
        match place {
            Place::Legacy(role) => self.detach_legacy(socket, &server, role, effects),
            Place::Control => {
                if let Some(session) = self.sessions.get_mut(&server) {
                    session.control = None;
                    session.announce(false, effects);
                }
            }
            Place::Data(id) => self.end(&server, &id, Role::Server, effects),
            Place::Client(id) => {
                if self.leave(socket, &server, &id, effects) {
                    self.end(&server, &id, Role::Client, effects);
                }
            }
        }
        self.prune(&server);
    }

    fn detach_legacy(
        &mut self,
        socket: SocketId,
        server: &ServerId,
        role: Role,
        effects: &mut Vec<Effect>,
    ) {
        let Some(legacy) = self.legacy.get_mut(server) else {
            return;
        };
        let pipe = legacy.pipe;
        *legacy.seat(role) = None;
        effects.push(Effect::Leave { pipe, socket });
        if legacy.server.is_none() && legacy.client.is_none() {
            self.legacy.remove(server);
            effects.push(Effect::Shut { pipe });
        }
    }

    /// Ends a connection that lost its data socket or its last client: the other side is closed.
    fn end(&mut self, server: &ServerId, id: &ConnectionId, lost: Role, effects: &mut Vec<Effect>) {
        let Some(session) = self.sessions.get_mut(server) else {
            return;
        };
        let Some(connection) = session.connections.remove(id) else {
            return;
        };
        // The daemon never heard of a connection that only its own data socket made.
        if lost == Role::Client || !connection.clients.is_empty() {
            let connection_id = id.clone();
            session.tell(RelayToDaemon::Disconnected { connection_id }, effects);
        }
        for client in connection.clients {
            self.close(client, Close::ServerGone, effects);
        }
        if let Some(data) = connection.data.filter(|_| lost == Role::Client) {
            self.close(data, Close::ClientGone, effects);
        }
        let pipe = connection.pipe;
        effects.push(Effect::Shut { pipe });
    }

    fn nudge(&mut self, client: SocketId, effects: &mut Vec<Effect>) {
        let Some((session, id)) = self.waiting(client) else {
            return;
        };
        let Some(control) = session.control else {
            return;
        };
        effects.push(session.sync(control));
        if let Some(connection) = session.connections.get_mut(&id) {
            connection.nudged = Some(control);
        }
    }

    fn reset(&mut self, client: SocketId, effects: &mut Vec<Effect>) {
        let Some((session, id)) = self.waiting(client) else {
            return;
        };
        let nudged = session.connections.get(&id).and_then(|c| c.nudged);
        if let Some(control) = nudged.filter(|_| session.control == nudged) {
            session.control = None;
            session.announce(false, effects);
            self.close(control, Close::ControlUnresponsive, effects);
        }
    }

    /// Returns the session and id of a client whose data socket has not come.
    fn waiting(&mut self, client: SocketId) -> Option<(&mut Session, ConnectionId)> {
        let (server, Place::Client(id)) = self.places.get(&client)? else {
            return None;
        };
        let session = self.sessions.get_mut(server)?;
        let waits = session.connections.get(id)?.data.is_none();
        waits.then(|| (session, id.clone()))
    }

    /// Takes a client away from its connection; returns whether it was the last one.
    fn leave(
        &mut self,
        socket: SocketId,
        server: &ServerId,
        id: &ConnectionId,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let session = self.sessions.get_mut(server);
        let Some(connection) = session.and_then(|s| s.connections.get_mut(id)) else {
            return false;
        };
        connection.clients.retain(|client| *client != socket);
        let pipe = connection.pipe;
        effects.push(Effect::Leave { pipe, socket });
        let last = connection.clients.is_empty();
        self.forget_watcher(server, socket);
        last
    }

    fn forget_watcher(&mut self, server: &ServerId, socket: SocketId) {
        if let Some(session) = self.sessions.get_mut(server) {
            session.watchers.retain(|watcher| *watcher != socket);
        }
    }

    fn close(&mut self, socket: SocketId, why: Close, effects: &mut Vec<Effect>) {
        if let Some((server, _)) = self.places.remove(&socket) {
            self.forget_watcher(&server, socket);
        }
        effects.push(Effect::Close { socket, why });
    }

    fn prune(&mut self, server: &ServerId) {
        let idle = |s: &Session| s.control.is_none() && s.connections.is_empty();
        if self.sessions.get(server).is_some_and(idle) {
            self.sessions.remove(server);
        }
        slim(&mut self.sessions);
        slim(&mut self.places);
    }
}

impl Session {
    /// Returns the `sync` for a control socket: every id that has a client.
    fn sync(&self, socket: SocketId) -> Effect {
        let with_clients = self
            .connections
            .iter()
            .filter(|(_, c)| !c.clients.is_empty());
        let mut connection_ids: Vec<_> = with_clients.map(|(id, _)| id.clone()).collect();
        connection_ids.sort_unstable();
        let message = RelayToDaemon::Sync { connection_ids };
        Effect::Tell { socket, message }
    }

    fn announce(&self, online: bool, effects: &mut Vec<Effect>) {
        let told = self.watchers.iter();
        effects.extend(told.map(|&socket| Effect::Presence { socket, online }));
    }

    fn tell(&self, message: RelayToDaemon, effects: &mut Vec<Effect>) {
        if let Some(socket) = self.control {
            effects.push(Effect::Tell { socket, message });
        }
    }

    fn open(
        &mut self,
        id: &ConnectionId,
        pipes: &mut u64,
        effects: &mut Vec<Effect>,
    ) -> &mut Connection {
        self.connections.entry(id.clone()).or_insert_with(|| {
            let pipe = next_pipe(pipes);
            effects.push(Effect::Open { pipe, holds: true });
            Connection {
                pipe,
                data: None,
                clients: Vec::new(),
                nudged: None,
            }
        })
    }
}

impl Connection {
    fn join(&self, socket: SocketId, role: Role, effects: &mut Vec<Effect>) {
        let pipe = self.pipe;
        effects.push(Effect::Join { pipe, socket, role });
    }
}

impl Legacy {
    fn seat(&mut self, role: Role) -> &mut Option<SocketId> {
        match role {
            Role::Server => &mut self.server,
            Role::Client => &mut self.client,
        }
    }
}

/// Gives the memory of a storm back once it is over. A small table that was made in the storm may lie behind
/// all that is free, and keep the allocator from giving that back.
pub(super) fn slim<K: Eq + Hash, V>(map: &mut HashMap<K, V>) {
    if map.is_empty() {
        *map = HashMap::new();
    } else if map.capacity() > 1024 && map.len() * 4 < map.capacity() {
        map.shrink_to(map.len() * 2);
    }
}
