//! Listens, accepts, and stops.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::drain::drain;
use super::hub::Hub;
use super::refusal::Refusal;
use super::{Config, Limits, accept, socket};

/// Connections that the kernel completes before we accept them: a daemon's clients all come back at
/// once after a restart. The kernel may cut it (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

/// Pause after a failed accept. The usual reason is that file descriptors are used up, and then the
/// next attempt fails, too.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
}

/// A relay that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    hub: Arc<Hub>,
}

impl Server {
    /// Listens on the address of the settings. Must be called inside a tokio runtime.
    pub fn bind(config: Config) -> Result<Self, ServerError> {
        let address = config.listen;
        listen(address)
            .and_then(|listener| Self::from_tokio(listener, config.limits))
            .map_err(|source| ServerError::Listen { address, source })
    }

    /// Takes a socket that listens already; the address of the settings is ignored. Must be called
    /// inside a tokio runtime.
    pub fn from_listener(
        listener: std::net::TcpListener,
        config: Config,
    ) -> Result<Self, ServerError> {
        let address = config.listen;
        listener
            .set_nonblocking(true)
            .and_then(|()| TcpListener::from_std(listener))
            .and_then(|listener| Self::from_tokio(listener, config.limits))
            .map_err(|source| ServerError::Listen { address, source })
    }

    /// Returns the address that is listened on, with its real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is ready, then closes every socket with 1012 and waits for them, at
    /// most as long as [`Limits::drain`].
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        let room = Arc::new(Semaphore::new(self.hub.limits.sockets));
        info!(address = %self.address, "listening");
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let hub = Arc::clone(&self.hub);
                        // A connection above the limit is closed at once: there is no memory to be polite.
                        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
                            hub.metrics.refused(Refusal::Sockets);
                            continue;
                        };
                        connections.spawn(async move {
                            connection(stream, hub).await;
                            drop(permit);
                        });
                    }
                    Err(error) => {
                        warn!(%error, "cannot accept a connection");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(ended) = connections.join_next() => if let Err(error) = ended {
                    warn!(%error, "a connection's task failed");
                },
            }
        }
        drop(self.listener);
        drain(&self.hub, connections).await;
    }

    fn from_tokio(listener: TcpListener, limits: Limits) -> io::Result<Self> {
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            hub: Arc::new(Hub::new(limits)),
        })
    }
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

async fn connection(stream: TcpStream, hub: Arc<Hub>) {
    // Frames are small and somebody waits for each.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot switch Nagle's algorithm off");
    }
    // Boxed, because the head's state is much larger than the socket's, which stays.
    let Some(upgraded) = Box::pin(accept::accept(stream, &hub)).await else {
        return;
    };
    socket::serve(upgraded.stream, upgraded.early, hub, upgraded.query).await;
}
