//! Who is connected, and what each is told.
//!
//! A session is a client id; all its sockets share its subscriptions and see its events. It outlives
//! its last socket for a while, so that a client that comes back finds it as it was.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};

use super::outbox::Outbox;
use super::store::lock;
use super::terminals::Slots;
use crate::protocol::lifecycle::AgentUpdate;
use crate::protocol::session::Hello;
use crate::protocol::timeline::{AgentStream, StreamEvent};
use crate::protocol::workspaces::WorkspaceUpdate;
use crate::transport::Frame;

/// Sockets of all sessions together.
const MAX_SOCKETS: usize = 512;
/// … and of those that came through a relay: what it makes up, or plays back, keeps no direct client out.
const MAX_RELAYED: usize = 448;
/// Sessions, those that no socket is left of included.
const MAX_SESSIONS: usize = 2 * MAX_SOCKETS;
/// How long a session outlives its last socket, while there is room for it.
const GRACE: Duration = Duration::from_secs(90);
/// Agents of one selective subscription.
const MAX_SUBSCRIBED: usize = 10_000;

/// Which way a client came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// To an address or a socket of this machine.
    Direct,
    /// Through the relay.
    Relay,
}

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Hub(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sessions: HashMap<String, Session>,
    last_socket: u64,
}

#[derive(Debug, Default)]
struct Session {
    sockets: Vec<Arc<Socket>>,
    watches_agents: bool,
    watches_workspaces: bool,
    left_at: Option<Instant>,
}

/// One connection of a session, after its hello.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) id: u64,
    /// The session.
    pub(super) client_id: String,
    arrival: Arrival,
    /// What waits to be sent.
    pub(super) outbox: Outbox,
    /// Wants only the streams it asked for.
    selective: bool,
    /// Knows the mark `reasoning_merge`.
    pub(super) reasoning_merge: bool,
    /// It knows `project.update`.
    project_updates: bool,
    timelines: Mutex<HashSet<String>>,
    /// The terminals that it follows.
    pub(super) terminals: Mutex<Slots>,
}

/// Removes a socket from its session when dropped.
#[derive(Debug)]
pub(super) struct Membership {
    hub: Arc<Hub>,
    socket: Arc<Socket>,
}

impl std::ops::Deref for Membership {
    type Target = Arc<Socket>;

    fn deref(&self) -> &Arc<Socket> {
        &self.socket
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut inner = lock(&self.hub.0);
        if let Some(session) = inner.sessions.get_mut(&self.socket.client_id) {
            session.sockets.retain(|socket| socket.id != self.socket.id);
            if session.sockets.is_empty() {
                session.left_at = Some(Instant::now());
            }
        }
    }
}

impl Socket {
    /// Sends a session message.
    pub(super) fn send(&self, kind: &str, payload: &impl Serialize) {
        self.outbox.push(message(kind, payload));
    }

    /// Replaces the list of streams it wants.
    pub(super) fn set_timelines(&self, ids: &[String]) {
        *lock(&self.timelines) = ids.iter().take(MAX_SUBSCRIBED).cloned().collect();
    }

    fn wants(&self, agent_id: &str) -> bool {
        !self.selective || lock(&self.timelines).contains(agent_id)
    }
}

impl Hub {
    /// Adds a socket to its session; `None` when there are too many sockets. Sessions without one never keep anybody out:
    /// the one that was left first makes room.
    pub(super) fn join(
        self: &Arc<Self>,
        hello: &Hello,
        outbox: Outbox,
        arrival: Arrival,
    ) -> Option<Membership> {
        let can = |name: &str| hello.capabilities.get(name) == Some(&true);
        let mut inner = lock(&self.0);
        let inner = &mut *inner;
        inner
            .sessions
            .retain(|_, session| session.left_at.is_none_or(|at| at.elapsed() < GRACE));
        let sockets = || inner.sessions.values().flat_map(|s| &s.sockets);
        let relayed = sockets().filter(|s| s.arrival == Arrival::Relay).count();
        if sockets().count() >= MAX_SOCKETS || (arrival == Arrival::Relay && relayed >= MAX_RELAYED)
        {
            return None;
        }
        if inner.sessions.len() >= MAX_SESSIONS && !inner.sessions.contains_key(&hello.client_id) {
            let left = inner.sessions.iter();
            let left = left.filter_map(|(id, session)| Some((session.left_at?, id)));
            // There is one: fewer sockets than half of the sessions.
            let first = left.min().map(|(_, id)| id.clone());
            inner.sessions.remove(&first?);
        }
        inner.last_socket += 1;
        let socket = Arc::new(Socket {
            id: inner.last_socket,
            client_id: hello.client_id.clone(),
            arrival,
            outbox,
            selective: can("selective_agent_timeline"),
            reasoning_merge: can("reasoning_merge_enum"),
            project_updates: can("project_updates"),
            timelines: Mutex::default(),
            terminals: Mutex::default(),
        });
        let session = inner.sessions.entry(hello.client_id.clone()).or_default();
        session.left_at = None;
        session.sockets.push(Arc::clone(&socket));
        Some(Membership {
            hub: Arc::clone(self),
            socket,
        })
    }

    /// The session wants changes of the directory of agents from now on.
    pub(super) fn watch_agents(&self, client_id: &str) {
        if let Some(session) = lock(&self.0).sessions.get_mut(client_id) {
            session.watches_agents = true;
        }
    }

    /// The session wants changes of the directory of workspaces from now on.
    pub(super) fn watch_workspaces(&self, client_id: &str) {
        if let Some(session) = lock(&self.0).sessions.get_mut(client_id) {
            session.watches_workspaces = true;
        }
    }

    /// Whether anybody wants changes of the directory of agents.
    pub(super) fn agents_are_watched(&self) -> bool {
        lock(&self.0).sessions.values().any(|s| s.watches_agents)
    }

    /// Whether anybody wants changes of the directory of workspaces.
    pub(super) fn workspaces_are_watched(&self) -> bool {
        lock(&self.0)
            .sessions
            .values()
            .any(|s| s.watches_workspaces)
    }

    /// Tells who watches agents.
    pub(super) fn agent_changed(&self, update: &AgentUpdate) {
        self.tell("agent_update", update, |session, _| session.watches_agents);
    }

    /// Tells who watches agents that one is gone.
    pub(super) fn agent_removed(&self, id: &str) {
        let agent_id = id.to_owned();
        self.agent_changed(&AgentUpdate::Remove { agent_id });
    }

    /// Tells who watches workspaces.
    pub(super) fn workspace_changed(&self, update: &WorkspaceUpdate) {
        self.tell("workspace_update", update, |session, _| {
            session.watches_workspaces
        });
    }

    /// Tells who knows of projects.
    pub(super) fn project_changed(&self, update: &Value) {
        self.tell("project.update", update, |_, socket| socket.project_updates);
    }

    /// Tells everybody.
    pub(super) fn broadcast(&self, kind: &str, payload: &impl Serialize) {
        self.tell(kind, payload, |_, _| true);
    }

    /// Tells everybody but one socket, which hears of it otherwise.
    pub(super) fn broadcast_but(&self, but: &Socket, kind: &str, payload: &impl Serialize) {
        self.tell(kind, payload, |_, socket| socket.id != but.id);
    }

    /// Tells everybody who wants the stream of the agent.
    pub(super) fn stream(&self, event: &AgentStream) {
        self.tell("agent_stream", event, |_, socket| {
            socket.wants(&event.agent_id)
        });
    }

    /// Tells everybody that an agent wants attention; those without its stream in a message apart.
    pub(super) fn attention(&self, event: AgentStream) {
        self.stream(&event);
        if let StreamEvent::AttentionRequired {
            reason,
            timestamp,
            should_notify,
            notification,
            ..
        } = &event.event
        {
            let payload = json!({
                "agentId": event.agent_id,
                "reason": reason,
                "timestamp": timestamp,
                "shouldNotify": should_notify,
                "notification": notification,
            });
            self.tell("agent_attention_required", &payload, |_, socket| {
                !socket.wants(&event.agent_id)
            });
        }
    }

    /// Everybody who is connected.
    pub(super) fn sockets(&self) -> Vec<Arc<Socket>> {
        let inner = lock(&self.0);
        let sockets = inner.sessions.values().flat_map(|session| &session.sockets);
        sockets.cloned().collect()
    }

    fn tell(
        &self,
        kind: &str,
        payload: &impl Serialize,
        wants: impl Fn(&Session, &Socket) -> bool,
    ) {
        let inner = lock(&self.0);
        // Written once, and only when there is a reader.
        let mut frame = None;
        for session in inner.sessions.values() {
            for socket in session.sockets.iter().filter(|s| wants(session, s)) {
                let frame = frame.get_or_insert_with(|| message(kind, payload));
                socket.outbox.push(frame.clone());
            }
        }
    }
}

/// Writes a session message.
pub(super) fn message(kind: &str, payload: &impl Serialize) -> Frame {
    #[derive(Serialize)]
    struct Envelope<'a, P> {
        r#type: &'a str,
        message: Message<'a, P>,
    }
    #[derive(Serialize)]
    struct Message<'a, P> {
        r#type: &'a str,
        payload: &'a P,
    }
    let envelope = Envelope {
        r#type: "session",
        message: Message {
            r#type: kind,
            payload,
        },
    };
    Frame::Text(serde_json::to_string(&envelope).unwrap_or_else(|error| {
        tracing::error!(kind, %error, "a message cannot be written");
        String::new()
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::daemon::outbox::outbox;
    use crate::protocol::session::PROTOCOL_VERSION;
    use crate::transport::budget::Budget;

    fn join(hub: &Arc<Hub>, client: &str) -> Option<Membership> {
        join_by(hub, client, Arrival::Direct)
    }

    fn join_by(hub: &Arc<Hub>, client: &str, arrival: Arrival) -> Option<Membership> {
        let hello = Hello {
            client_id: client.to_owned(),
            client_type: "cli".to_owned(),
            protocol_version: PROTOCOL_VERSION,
            capabilities: BTreeMap::new(),
            app_version: None,
            auth: None,
        };
        hub.join(&hello, outbox(&Budget::default()).0, arrival)
    }

    fn sessions(hub: &Hub) -> usize {
        lock(&hub.0).sessions.len()
    }

    #[test]
    fn sessions_without_a_socket_keep_nobody_out() {
        let hub = Arc::<Hub>::default();
        let _stays = join(&hub, "stays").unwrap();
        for number in 0..3 * MAX_SESSIONS {
            assert!(join(&hub, &number.to_string()).is_some(), "{number}");
            assert!(sessions(&hub) <= MAX_SESSIONS);
        }
        let inner = lock(&hub.0);
        assert!(inner.sessions.contains_key("stays"));
        // The first that were left are the first to go.
        assert!(!inner.sessions.contains_key("0"));
        let last = (3 * MAX_SESSIONS - 1).to_string();
        assert!(inner.sessions.contains_key(&last));
    }

    #[test]
    fn a_session_that_is_come_back_to_needs_no_room() {
        let hub = Arc::<Hub>::default();
        for number in 0..MAX_SESSIONS {
            join(&hub, &number.to_string()).unwrap();
        }
        hub.watch_agents("0");
        let _back = join(&hub, "0").unwrap();
        assert!(hub.agents_are_watched());
        assert_eq!(sessions(&hub), MAX_SESSIONS);
    }

    #[test]
    fn sockets_have_a_limit() {
        let hub = Arc::<Hub>::default();
        let mut open: Vec<_> = (0..MAX_SOCKETS)
            .map(|number| join(&hub, &number.to_string()).unwrap())
            .collect();
        assert!(join(&hub, "one more").is_none());
        open.pop();
        assert!(join(&hub, "one more").is_some());
    }

    #[test]
    fn a_relay_keeps_no_direct_client_out() {
        let hub = Arc::<Hub>::default();
        let relayed = |number: usize| join_by(&hub, &number.to_string(), Arrival::Relay);
        let _open: Vec<_> = (0..MAX_RELAYED).map(|n| relayed(n).unwrap()).collect();
        assert!(relayed(MAX_RELAYED).is_none());
        let direct: Vec<_> = (MAX_RELAYED..MAX_SOCKETS)
            .map(|number| join(&hub, &format!("direct {number}")).unwrap())
            .collect();
        assert_eq!(direct.len(), MAX_SOCKETS - MAX_RELAYED);
    }
}
