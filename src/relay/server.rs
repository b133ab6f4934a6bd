//! Listens, accepts, and stops.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tracing::{info, warn};

use super::cluster::{Cluster, ClusterError};
use super::drain::drain;
use super::gate::Gate;
use super::guard::{Claim, Guard};
use super::hub::Hub;
use super::refusal::Refusal;
use super::reload::Reload;
use super::tls::{Tls, TlsError};
use super::{Config, connection};

/// Connections that the kernel completes before we accept them: a daemon's clients all come back at
/// once after a restart. The kernel may cut it (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// Connections beyond an address's number or rate that are told so at the same time. They are not among the sockets.
const MAX_ANSWERS: usize = 32;

/// Descriptors that are no sockets of peers: standard streams, listener, files, what the runtime has.
#[cfg(unix)]
const OTHER_DESCRIPTORS: u64 = 64;

/// Pause after a failed accept. The usual reason is that file descriptors are used up, and then the
/// next attempt fails, too.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often the files are looked at. A certificate is renewed days before it ends.
const RELOAD_EVERY: Duration = Duration::from_secs(60);

/// How long after a connection has ended the relay wakes once more. Tokio frees what it kept of ended sockets when it
/// waits for events anew; until then such a piece at the end of the heap can hold all of a storm (docs/architecture.md).
const SETTLE: Duration = Duration::from_secs(1);

/// Why a relay cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A list cannot be read.
    #[error("cannot read {path}")]
    List {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The relay cannot be a node of a cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A relay that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    relay: Arc<Shared>,
    /// Connections that may be told at the same time that they are refused.
    answers: Arc<Semaphore>,
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) hub: Arc<Hub>,
    pub(super) gate: Arc<Gate>,
    pub(super) guard: Guard,
    pub(super) tls: Option<Tls>,
    pub(super) claim: Claim,
    pub(super) trust_proxy: bool,
    pub(super) cluster: Option<Arc<Cluster>>,
}

impl Server {
    /// Listens on the address of the settings. Must be called inside a tokio runtime.
    pub fn bind(config: Config) -> Result<Self, ServerError> {
        let address = config.listen;
        let listener = listen(address).map_err(|source| ServerError::Listen { address, source })?;
        Self::new(listener, config)
    }

    /// Takes a socket that listens already; the address of the settings is ignored. Must be called
    /// inside a tokio runtime.
    pub fn from_listener(
        listener: std::net::TcpListener,
        config: Config,
    ) -> Result<Self, ServerError> {
        let address = config.listen;
        let listener = listener
            .set_nonblocking(true)
            .and_then(|()| TcpListener::from_std(listener))
            .map_err(|source| ServerError::Listen { address, source })?;
        Self::new(listener, config)
    }

    /// Returns the address that is listened on, with its real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns what reads certificate, key and lists again.
    pub fn reload(&self) -> Reload {
        Reload::new(Arc::clone(&self.relay))
    }

    /// Serves until `shutdown` is ready, then closes every socket with 1012 and waits for them, at
    /// most as long as [`Limits::drain`](super::Limits::drain).
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        let mut reload = self.reload();
        let mut reload_time = interval(RELOAD_EVERY);
        reload_time.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut settle = None;
        let room = Arc::new(Semaphore::new(self.relay.hub.limits.sockets));
        // It ends with this future.
        let mut node = JoinSet::new();
        if let Some(cluster) = &self.relay.cluster {
            node.spawn(Arc::clone(cluster).run());
        }
        info!(address = %self.address, tls = self.relay.tls.is_some(), "listening");
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => self.spawn(stream, peer, &room, &mut connections),
                    Err(error) => {
                        warn!(%error, "cannot accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(ended) = connections.join_next() => {
                    if let Err(error) = ended {
                        warn!(%error, "a connection's task failed");
                    }
                    settle.get_or_insert_with(|| Instant::now() + SETTLE);
                },
                () = sleep_until(settle.unwrap_or_else(Instant::now)), if settle.is_some() => settle = None,
                _ = reload_time.tick() => reload.if_changed(),
            }
        }
        drop(self.listener);
        drain(&self.relay, connections).await;
    }

    /// Serves a connection, unless there are too many: then it is closed at once, because an answer
    /// would cost what there is too little of.
    fn spawn(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        room: &Arc<Semaphore>,
        connections: &mut JoinSet<()>,
    ) {
        let relay = Arc::clone(&self.relay);
        let Ok(permit) = Arc::clone(room).try_acquire_owned() else {
            relay.hub.metrics.refused(Refusal::Sockets);
            return;
        };
        // Behind a proxy the address is in the request.
        let visit = match relay.trust_proxy {
            true => None,
            false => match relay.gate.enter(peer.ip()) {
                Ok(visit) => Some(visit),
                Err(refusal) => {
                    drop(permit);
                    return self.turn_away(stream, refusal, connections);
                }
            },
        };
        connections.spawn(async move {
            connection::serve(stream, peer.ip(), relay).await;
            drop((visit, permit));
        });
    }

    /// Tells a connection that it is refused. When many are at the same time, the others are closed at once.
    fn turn_away(&self, stream: TcpStream, refusal: Refusal, connections: &mut JoinSet<()>) {
        let relay = Arc::clone(&self.relay);
        relay.hub.metrics.refused(refusal);
        if let Ok(permit) = Arc::clone(&self.answers).try_acquire_owned() {
            connections.spawn(async move {
                connection::turn_away(stream, refusal, &relay).await;
                drop(permit);
            });
        }
    }

    fn new(listener: TcpListener, config: Config) -> Result<Self, ServerError> {
        let address = listener
            .local_addr()
            .map_err(|source| ServerError::Listen {
                address: config.listen,
                source,
            })?;
        let mut limits = config.limits;
        limits.sockets = limits.sockets.min(descriptors());
        let gate = Gate::new(limits.sockets_of_one(), limits.rate_per_address);
        let guard = Guard::load(config.lists)
            .map_err(|(path, source)| ServerError::List { path, source })?;
        let hub = Arc::new(Hub::new(limits));
        let node = |cluster| Cluster::new(cluster, Arc::clone(&hub), config.claim);
        let relay = Shared {
            cluster: config.cluster.map(node).transpose()?,
            gate: Arc::new(gate),
            guard,
            tls: config.tls.map(Tls::load).transpose()?,
            claim: config.claim,
            trust_proxy: config.trust_proxy,
            hub,
        };
        Ok(Self {
            address,
            listener,
            relay: Arc::new(relay),
            answers: Arc::new(Semaphore::new(MAX_ANSWERS)),
        })
    }
}

/// Returns how many sockets the system lets this process have, so that the parts of them are parts of what there is.
fn descriptors() -> usize {
    #[cfg(unix)]
    if let Some(all) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        return usize::try_from(all.saturating_sub(OTHER_DESCRIPTORS)).unwrap_or(usize::MAX);
    }
    usize::MAX
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Restarts would else fail while old connections are in TIME_WAIT. On Windows the option means
    // something else: that anybody may take the port over.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::relay::Limits;

    #[tokio::test]
    async fn a_refused_address_is_told_the_reason() {
        let at_any = || Config {
            listen: ([127, 0, 0, 1], 0).into(),
            ..Config::default()
        };
        let server = Server::bind(at_any()).unwrap();
        let mut connections = JoinSet::new();
        let (address, listener) = (server.local_addr(), &server.listener);
        for refusal in [Refusal::Address, Refusal::Rate] {
            let mut client = TcpStream::connect(address).await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            server.turn_away(stream, refusal, &mut connections);
            client
                .write_all(b"GET /ws HTTP/1.1\r\nhost: x\r\n\r\n")
                .await
                .unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
            assert!(answer.ends_with(&refusal.to_string()), "{answer}");
        }
        // They are few at a time, so that they are no way to hold connections open.
        let mut silent = Vec::new();
        for _ in 0..2 * MAX_ANSWERS {
            silent.push(TcpStream::connect(address).await.unwrap());
            let (stream, _) = listener.accept().await.unwrap();
            server.turn_away(stream, Refusal::Address, &mut connections);
        }
        while connections.try_join_next().is_some() {}
        assert!(connections.len() <= MAX_ANSWERS);
    }

    #[test]
    fn one_address_has_at_most_a_quarter_of_all_sockets() {
        let of_one = |sockets, sockets_per_address| {
            let limits = Limits {
                sockets,
                sockets_per_address,
                ..Limits::default()
            };
            limits.sockets_of_one()
        };
        assert_eq!(of_one(100_000, 4000), 4000);
        assert_eq!(of_one(1000, 4000), 250);
        assert_eq!(of_one(1000, 20), 20);
        assert_eq!(of_one(2, 4000), 1);
        assert_eq!(of_one(1000, 0), 0);
    }
}
