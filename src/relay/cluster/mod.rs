//! Several relays behind one name, coordinated by NATS.
//!
//! One node owns a session: the one where its first socket came. It answers on the session's subject, so
//! that NATS itself is the directory. A socket of the session that comes to another node is carried to
//! the owner as a stream of bytes ([`tunnel`], [`flow`]); there it is served like any other, so every rule,
//! order, bound and close code is that of one relay. Without NATS each node is a relay of its own.

mod boundary;
mod claim;
mod flow;
mod link;
mod message;
mod tunnel;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::{RequestErrorKind, ServerAddr};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use self::link::{Link, Listener, Owned};
use self::message::{Answer, Ask, No, NodeId, Opening, SessionKey, to_json};
use self::tunnel::{Patience, Tunnel};
use super::accept::Upgraded;
use super::guard::Claim;
use super::hub::Hub;
use super::metrics::ClusterGauges;
use super::refusal::Refusal;
use super::{ClusterConfig, socket};
use crate::backoff::Backoff;
use crate::protocol::relay::{Close, ConnectQuery, Seat};
use crate::site::Site;

/// Limit for the answer of a session's owner. It asks a daemon that holds a claim, which has two seconds.
const ASK: Duration = Duration::from_secs(4);

/// Why a relay cannot be a node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The address of NATS is none. It is not repeated: it may hold a password.
    #[error("the address of the cluster is not nats://host:port or tls://host:port")]
    Address,
}

/// This node.
#[derive(Debug)]
pub(super) struct Cluster {
    servers: Vec<ServerAddr>,
    ca_file: Option<PathBuf>,
    claim: Claim,
    hub: Arc<Hub>,
    link: Mutex<Option<Arc<Link>>>,
    /// Sockets of other nodes that are served here.
    guests: watch::Sender<usize>,
    stopping: watch::Sender<bool>,
}

/// Where a socket belongs.
#[derive(Debug)]
pub(super) enum Home {
    /// Here; the session stays here while this is held.
    Here(#[expect(dead_code, reason = "it is held, not read")] Hold),
    /// At another node.
    There(Remote),
}

/// Keeps a session from being given up.
#[derive(Debug, Default)]
pub(super) struct Hold {
    _owned: Option<Arc<Owned>>,
}

impl Hold {
    fn on(owned: Arc<Owned>) -> Self {
        let _owned = Some(owned);
        Self { _owned }
    }
}

/// What asking for a session gave.
enum Asked {
    Owner(Answer),
    Nobody,
    /// There is no NATS to ask.
    Alone,
}

/// Another node that owns a session.
#[derive(Debug)]
pub(super) struct Remote {
    link: Arc<Link>,
    node: NodeId,
    session: SessionKey,
    /// Whether the daemon is there.
    pub(super) online: bool,
}

impl Cluster {
    /// Makes a node; [`Cluster::run`] sets it going.
    pub(super) fn new(
        config: ClusterConfig,
        hub: Arc<Hub>,
        claim: Claim,
    ) -> Result<Arc<Self>, ClusterError> {
        let servers = config
            .servers
            .split(',')
            .map(|server| server.trim().parse());
        let servers = servers.collect::<Result<Vec<ServerAddr>, _>>();
        Ok(Arc::new(Self {
            servers: servers.map_err(|_| ClusterError::Address)?,
            ca_file: config.ca_file,
            claim,
            hub,
            link: Mutex::default(),
            guests: watch::Sender::new(0),
            stopping: watch::Sender::new(false),
        }))
    }

    /// Stays connected to NATS for ever.
    pub(super) async fn run(self: Arc<Self>) {
        let mut told = false;
        let mut backoff = Backoff::default();
        loop {
            let why = match link::connect(&self.servers, self.ca_file.as_deref()).await {
                Ok((link, running)) => {
                    backoff.connected();
                    info!(node = %format_args!("{:016x}", link.node.0), "joined the cluster");
                    told = false;
                    *self.link() = Some(Arc::clone(&link));
                    self.reclaim(&link);
                    let listener = Guests(Arc::clone(&self));
                    let why = link::serve(&link, running, &listener).await;
                    *self.link() = None;
                    why
                }
                Err(why) => why,
            };
            if !std::mem::replace(&mut told, true) {
                let cause = std::error::Error::source(&why).map(ToString::to_string);
                warn!(error = %why, cause, "the cluster is out of reach: sockets meet here only");
            }
            sleep(backoff.wait()).await;
        }
    }

    /// Returns whether NATS is there.
    pub(super) fn ready(&self) -> bool {
        self.link().is_some()
    }

    /// Returns the numbers of this moment.
    pub(super) fn gauges(&self) -> ClusterGauges {
        let link = self.link();
        let (streams, sessions) = link.as_ref().map_or((0, 0), |link| link.counts());
        ClusterGauges {
            connected: link.is_some(),
            streams,
            sessions,
        }
    }

    /// Finds out where a socket belongs, and whether it may have its seat there.
    pub(super) async fn locate(&self, query: &ConnectQuery) -> Result<Home, Refusal> {
        let Some(link) = self.link().clone() else {
            return Ok(Home::Here(Hold::default()));
        };
        let session = SessionKey::of(&query.server);
        if let Some(owned) = link.owned_here(&session) {
            return Ok(Home::Here(Hold::on(owned)));
        }
        match self.ask(&link, &session, query).await? {
            Asked::Alone => Ok(Home::Here(Hold::default())),
            Asked::Owner(answer) => there(link, session, &answer),
            Asked::Nobody => self.take(link, session, query).await,
        }
    }

    /// Takes a session over that nobody owns. Whoever asks from now on finds it here; who asked at the
    /// same moment is found by asking once more.
    async fn take(
        &self,
        link: Arc<Link>,
        session: SessionKey,
        query: &ConnectQuery,
    ) -> Result<Home, Refusal> {
        let (owned, new) = link.own(&session, &query.server);
        if !new {
            return Ok(Home::Here(Hold::on(owned)));
        }
        let Some(asked) = claim::offer(&link, &owned).await else {
            return Ok(Home::Here(Hold::default()));
        };
        if let Asked::Owner(answer) = self.ask(&link, &session, query).await?
            && answer.stake < owned.stake
        {
            link.disown(&session);
            self.hub.close_session(&query.server, Close::Restart);
            return there(link, session, &answer);
        }
        let hold = Hold::on(Arc::clone(&owned));
        tokio::spawn(claim::keep(
            link,
            Arc::clone(&self.hub),
            self.claim,
            owned,
            asked,
        ));
        Ok(Home::Here(hold))
    }

    /// Asks who owns a session.
    async fn ask(
        &self,
        link: &Link,
        session: &SessionKey,
        query: &ConnectQuery,
    ) -> Result<Asked, Refusal> {
        let ask = Ask {
            query: disguised(query, session, false),
        };
        let asked = link.client.request(session.subject(), to_json(&ask));
        let answer = match timeout(ASK, asked).await {
            Ok(Ok(reply)) => serde_json::from_slice(&reply.payload).ok(),
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => {
                return Ok(Asked::Nobody);
            }
            Ok(Err(_)) | Err(_) => None,
        };
        match answer {
            Some(answer) => Ok(Asked::Owner(answer)),
            None if self.ready() => Err(Refusal::Cluster),
            // NATS is gone by now, and everybody is on their own.
            None => Ok(Asked::Alone),
        }
    }

    /// Carries a socket to the node that owns its session, until it ends.
    pub(super) async fn carry<S>(&self, upgraded: Upgraded<S>, remote: Remote)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Remote {
            link,
            node,
            session,
            ..
        } = remote;
        let opening = Opening {
            query: disguised(&upgraded.query, &session, true),
            told: upgraded.told,
            network: upgraded.site.map(Site::address),
        };
        let tunnel = link.open(node, &session, opening);
        let limits = &self.hub.limits;
        let patience = Patience {
            stall: limits.stall,
            close: limits.close,
        };
        let mut stopping = self.stopping.subscribe();
        let stop = async {
            if stopping.wait_for(|stopping| *stopping).await.is_err() {
                std::future::pending().await
            }
        };
        tunnel::carry(upgraded.stream, upgraded.early, tunnel, patience, stop).await;
    }

    /// Ends what is carried to other nodes.
    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until no socket of another node is served here.
    pub(super) async fn idle(&self) {
        // The sender is ours, so this cannot fail.
        let _ = self
            .guests
            .subscribe()
            .wait_for(|guests| *guests == 0)
            .await;
    }

    /// Claims the sessions that were here while NATS was not.
    fn reclaim(&self, link: &Arc<Link>) {
        for server in self.hub.servers() {
            let (owned, new) = link.own(&SessionKey::of(&server), &server);
            let (link, hub, claim) = (Arc::clone(link), Arc::clone(&self.hub), self.claim);
            if new {
                tokio::spawn(async move {
                    if let Some(asked) = claim::offer(&link, &owned).await {
                        claim::keep(link, hub, claim, owned, asked).await;
                    }
                });
            }
        }
    }

    fn link(&self) -> MutexGuard<'_, Option<Arc<Link>>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn there(link: Arc<Link>, session: SessionKey, answer: &Answer) -> Result<Home, Refusal> {
    match answer.refusal {
        Some(No::Draining) => Err(Refusal::Draining),
        Some(No::Full) => Err(Refusal::Session),
        Some(No::Claimed) => Err(Refusal::Claimed),
        None => Ok(Home::There(Remote {
            link,
            node: answer.stake.node,
            session,
            online: answer.online,
        })),
    }
}

/// Serves the sockets of other nodes.
struct Guests(Arc<Cluster>);

impl Listener for Guests {
    fn opened(&self, owned: Arc<Owned>, opening: Opening, tunnel: Tunnel) {
        let Ok(query) = ConnectQuery::parse(&opening.query) else {
            return;
        };
        let upgraded = Upgraded {
            stream: tunnel,
            early: Bytes::new(),
            query: ConnectQuery {
                server: owned.server.clone(),
                ..query
            },
            told: opening.told,
            site: opening.network.and_then(Site::beyond_loopback),
            visit: None,
            home: Home::Here(Hold::on(owned)),
        };
        let guest = Guest::new(&self.0);
        tokio::spawn(async move {
            socket::serve(upgraded, &guest.0.hub).await;
            drop(guest);
        });
    }
}

/// Counts a socket of another node.
struct Guest(Arc<Cluster>);

impl Guest {
    fn new(cluster: &Arc<Cluster>) -> Self {
        cluster.guests.send_modify(|guests| *guests += 1);
        Self(Arc::clone(cluster))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.guests.send_modify(|guests| *guests -= 1);
    }
}

/// Writes a query for another node: with the session's key in the place of the server id.
fn disguised(query: &ConnectQuery, session: &SessionKey, whole: bool) -> String {
    let seat = match &query.seat {
        // Only whose side it is matters to an answer.
        Seat::Data(_) | Seat::Client(_) if !whole => Seat::Client(None),
        seat => seat.clone(),
    };
    let server = session.as_server();
    ConnectQuery { server, seat }.encode()
}
