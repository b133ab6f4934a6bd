//! One connection to NATS, from its start to its loss. A new one begins from nothing: what was on its
//! way in between is lost, so no stream outlives it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_nats::{Client, ConnectOptions, Event, Message, ServerAddr};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval};
use tracing::debug;

use super::flow::{Flow, Outgoing};
use super::message::{Content, Envelope, NodeId, Opening, SessionKey, Stake, StreamId};
use super::tunnel::Tunnel;
use crate::protocol::relay::ServerId;

/// How often a node says that it lives.
const ALIVE_EVERY: Duration = Duration::from_secs(1);

/// A node that was silent for this long is lost.
const SILENCE: Duration = Duration::from_secs(5);

/// Limit for connecting to NATS.
const CONNECT: Duration = Duration::from_secs(5);

/// Why a connection to NATS ended, or never was. NATS may be asked for a password, so nothing of the
/// address is repeated.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("NATS cannot be reached")]
    Connect(#[source] async_nats::ConnectError),
    #[error("NATS refused a subscription")]
    Subscribe(#[source] async_nats::SubscribeError),
    #[error("NATS says: {0}")]
    Event(String),
    #[error("the connection to NATS ended")]
    Ended,
}

/// A node's connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) node: NodeId,
    pub(super) client: Client,
    outgoing: Outgoing,
    opened: AtomicU64,
    streams: Mutex<HashMap<StreamId, Arc<Flow>>>,
    owned: Mutex<HashMap<SessionKey, Arc<Owned>>>,
}

/// A session that this node owns. Whoever is about to bring a socket holds it.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) key: SessionKey,
    pub(super) server: ServerId,
    pub(super) stake: Stake,
}

/// What happens on a connection, for the cluster.
pub(super) trait Listener {
    /// Another node brings a socket of a session that is owned here.
    fn opened(&self, owned: Arc<Owned>, opening: Opening, tunnel: Tunnel);
}

/// The parts of a connection that [`serve`] drives.
pub(super) struct Running {
    events: mpsc::Receiver<Event>,
    to_send: mpsc::UnboundedReceiver<(String, Bytes)>,
    inbox: async_nats::Subscriber,
    roll_call: async_nats::Subscriber,
}

/// Connects and subscribes.
pub(super) async fn connect(
    servers: &[ServerAddr],
    ca_file: Option<&std::path::Path>,
) -> Result<(Arc<Link>, Running), Lost> {
    let (tell, events) = mpsc::channel(16);
    let mut options = ConnectOptions::new()
        .name("paseo relay")
        .connection_timeout(CONNECT)
        .no_echo()
        // A new connection is a new link.
        .max_reconnects(1)
        .event_callback(move |event| {
            let tell = tell.clone();
            async move {
                // One of them is enough to end the link.
                let _ = tell.try_send(event);
            }
        });
    if let Some(ca_file) = ca_file {
        options = options.add_root_certificates(ca_file.to_owned());
    }
    let client = options.connect(servers).await.map_err(Lost::Connect)?;
    let node = NodeId::random();
    let subscribe = async |subject| client.subscribe(subject).await.map_err(Lost::Subscribe);
    let inbox = subscribe(node.inboxes()).await?;
    let roll_call = subscribe(NodeId::roll_call()).await?;
    let (outgoing, to_send) = mpsc::unbounded_channel();
    let link = Link {
        node,
        client,
        outgoing,
        opened: AtomicU64::new(0),
        streams: Mutex::default(),
        owned: Mutex::default(),
    };
    let running = Running {
        events,
        to_send,
        inbox,
        roll_call,
    };
    Ok((Arc::new(link), running))
}

/// Drives a connection until it is lost; then all its streams are.
pub(super) async fn serve(
    link: &Arc<Link>,
    mut running: Running,
    listener: &impl Listener,
) -> Lost {
    let sending = async {
        while let Some((subject, payload)) = running.to_send.recv().await {
            if link.client.publish(subject, payload).await.is_err() {
                break;
            }
        }
        Lost::Ended
    };
    let receiving = async {
        while let Some(message) = running.inbox.next().await {
            link.take(&message, listener);
        }
        Lost::Ended
    };
    let watching = async {
        while let Some(event) = running.events.recv().await {
            match event {
                Event::Connected | Event::LameDuckMode | Event::Draining => {}
                other => return Lost::Event(other.to_string()),
            }
        }
        Lost::Ended
    };
    let why = tokio::select! {
        why = sending => why,
        why = receiving => why,
        why = watching => why,
        why = roll_call(link, &mut running.roll_call) => why,
    };
    for flow in link.streams().values() {
        flow.lose();
    }
    link.owned().clear();
    why
}

/// Says that we live, and notices who does not any more.
async fn roll_call(link: &Link, others: &mut async_nats::Subscriber) -> Lost {
    let mut seen: HashMap<NodeId, Instant> = HashMap::new();
    let mut time = interval(ALIVE_EVERY);
    loop {
        tokio::select! {
            message = others.next() => match message {
                None => return Lost::Ended,
                Some(message) => if let Some(node) = NodeId::parse(&message.payload) {
                    seen.insert(node, Instant::now());
                },
            },
            _ = time.tick() => {
                link.send(NodeId::roll_call(), link.node.to_bytes());
                seen.retain(|_, at| at.elapsed() < SILENCE);
                let streams = link.streams();
                let lost = streams.values().filter(|flow| {
                    flow.opened.elapsed() > SILENCE && !seen.contains_key(&flow.peer)
                });
                lost.for_each(|flow| flow.lose());
            }
        }
    }
}

impl Link {
    /// Opens a stream for a socket to the node that owns its session.
    pub(super) fn open(
        self: &Arc<Self>,
        to: NodeId,
        session: &SessionKey,
        opening: Opening,
    ) -> Tunnel {
        let id = StreamId {
            opener: self.node,
            number: self.opened.fetch_add(1, Ordering::Relaxed),
        };
        let tunnel = self.stream(id, to, session);
        self.send_on(to, session, id, Content::Open(opening));
        tunnel
    }

    /// Forgets a stream.
    pub(super) fn forget(&self, id: StreamId) {
        self.streams().remove(&id);
    }

    /// Returns how many streams there are, and how many sessions are owned here.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.streams().len(), self.owned().len())
    }

    /// Returns a session if it is owned here.
    pub(super) fn owned_here(&self, key: &SessionKey) -> Option<Arc<Owned>> {
        self.owned().get(key).cloned()
    }

    /// Takes a session over, unless it is owned here already. Returns it, and whether it is new.
    pub(super) fn own(&self, key: &SessionKey, server: &ServerId) -> (Arc<Owned>, bool) {
        let mut owned = self.owned();
        if let Some(known) = owned.get(key) {
            return (Arc::clone(known), false);
        }
        let new = Arc::new(Owned {
            key: key.clone(),
            server: server.clone(),
            stake: Stake {
                since: now_micros(),
                node: self.node,
            },
        });
        owned.insert(key.clone(), Arc::clone(&new));
        (new, true)
    }

    /// Gives a session up.
    pub(super) fn disown(&self, key: &SessionKey) {
        self.owned().remove(key);
    }

    /// Gives a session up if nobody holds it but the table and the caller.
    pub(super) fn disown_if_unused(&self, owned: &Arc<Owned>) -> bool {
        let mut table = self.owned();
        let unused = Arc::strong_count(owned) <= 2;
        if unused {
            table.remove(&owned.key);
        }
        unused
    }

    /// Publishes a message.
    pub(super) fn send(&self, subject: String, payload: Bytes) {
        // Without a receiver the connection is gone.
        let _ = self.outgoing.send((subject, payload));
    }

    fn send_on(&self, to: NodeId, session: &SessionKey, stream: StreamId, content: Content) {
        let envelope = Envelope {
            from: self.node,
            stream,
            content,
        };
        self.send(to.inbox(session), envelope.encode());
    }

    fn stream(self: &Arc<Self>, id: StreamId, peer: NodeId, session: &SessionKey) -> Tunnel {
        let subject = peer.inbox(session);
        let flow = Flow::new(id, self.node, peer, subject, self.outgoing.clone());
        let flow = Arc::new(flow);
        self.streams().insert(id, Arc::clone(&flow));
        Tunnel::new(flow, Arc::clone(self))
    }

    fn take(self: &Arc<Self>, message: &Message, listener: &impl Listener) {
        let Some(envelope) = Envelope::decode(&message.payload) else {
            debug!("a message of another node is none");
            return;
        };
        let known = self.streams().get(&envelope.stream).cloned();
        match (known, envelope.content) {
            (Some(flow), content) => flow.take(content),
            (None, Content::Open(opening)) => {
                let session = SessionKey::of_inbox(&message.subject);
                let owned = session.and_then(|session| self.owned_here(&session));
                match owned {
                    Some(owned) => {
                        let tunnel = self.stream(envelope.stream, envelope.from, &owned.key);
                        listener.opened(owned, opening, tunnel);
                    }
                    None => self.refuse(message, envelope.from, envelope.stream),
                }
            }
            (None, Content::Data { .. }) => self.refuse(message, envelope.from, envelope.stream),
            (None, _) => {}
        }
    }

    /// Tells a node that a stream is not known here.
    fn refuse(&self, message: &Message, from: NodeId, stream: StreamId) {
        if let Some(session) = SessionKey::of_inbox(&message.subject) {
            self.send_on(from, &session, stream, Content::Reset);
        }
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<StreamId, Arc<Flow>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owned(&self) -> MutexGuard<'_, HashMap<SessionKey, Arc<Owned>>> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now_micros() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}
