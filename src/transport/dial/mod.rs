//! From an address to an open WebSocket: name, proxy, TCP or Unix socket or ssh, TLS, upgrade.

mod addresses;
mod error;
mod owner;
mod upgrade;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::rustls::{self, pki_types::ServerName};

pub use error::{DialError, OtherEnd, Step};

use super::budget::Budget;
use super::greeting::Greeting;
use super::network::Network;
use super::peer::Unknown;
use super::proxy::Proxy;
use super::ssh::{self, SshHost};
use super::stopwatch::Stopwatch;
use super::tls::CertificateFault;
use super::{Presence, Traffic, Transport, tls};
use crate::protocol::relay::Endpoint;
use crate::secret::Secret;

/// How long ssh may take to say why, once its connection has ended.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// How long a TCP connection may be quiet before the system probes it.
const QUIET: Duration = Duration::from_secs(10);
/// … and how it probes: a path that does not answer for another ten seconds is dead.
const BETWEEN_PROBES: Duration = Duration::from_secs(5);
const PROBES: u32 = 2;

/// What to dial.
#[derive(Debug, Clone)]
pub struct Dial {
    /// The other end.
    pub address: Address,
    /// Path and query of the upgrade request. A relay's query holds the server id.
    pub path: Secret<String>,
    /// What is shown to it.
    pub greeting: Greeting,
    /// Limit for everything up to the open WebSocket.
    pub timeout: Duration,
    /// What lies in between.
    pub network: Network,
    /// Notes how long each step takes.
    pub watch: Stopwatch,
    /// Whether the session may show a secret of its own, so that on this machine the owner of the other end is checked
    /// as it is for a password in the greeting.
    pub session_shows_secret: bool,
    /// What tells the user that a password goes to an address of this machine whose owner is unknown.
    pub on_unknown_owner: Option<fn(&str, Unknown)>,
}

/// The other end of a connection.
#[derive(Debug, Clone)]
pub enum Address {
    /// TCP, with or without TLS.
    Tcp {
        /// Where it listens.
        endpoint: Endpoint,
        /// Whether it speaks TLS.
        tls: bool,
    },
    /// A Unix socket.
    Unix(PathBuf),
    /// A daemon on the loopback of a machine that the system's ssh reaches.
    Ssh(SshHost),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { endpoint, .. } => endpoint.fmt(f),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Ssh(host) => write!(f, "ssh://{host}"),
        }
    }
}

/// An open WebSocket, and what the upgrade told.
#[derive(Debug)]
pub struct Dialed {
    /// The frames.
    pub transport: Transport,
    /// Whether a relay says that the daemon is there; `None` when it does not say.
    pub presence: Option<Presence>,
    /// The bytes of the connection.
    pub traffic: Traffic,
}

/// Bytes both ways, whatever carries them.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// … behind one type, so that TLS and the upgrade are compiled once.
pub(super) type Stream = Box<dyn Io>;

/// Opens a WebSocket.
pub async fn dial(dial: &Dial) -> Result<Dialed, DialError> {
    open(dial, None).await
}

/// The same, where the other end carries the messages of a stranger: until they are admitted
/// ([`FrameReceiver::admit`](super::FrameReceiver::admit)) only short ones are taken, and they count against a budget.
pub async fn dial_for_stranger(dial: &Dial, budget: &Budget) -> Result<Dialed, DialError> {
    open(dial, Some(budget)).await
}

async fn open(dial: &Dial, budget: Option<&Budget>) -> Result<Dialed, DialError> {
    let attempt = Attempt {
        dial,
        budget,
        address: OtherEnd {
            address: dial.address.to_string(),
            relay: matches!(dial.greeting, Greeting::Relay { .. }),
        },
        deadline: Instant::now() + dial.timeout,
    };
    match &dial.address {
        Address::Tcp { endpoint, tls } => {
            let stream: Stream = match &dial.network.proxy {
                None => {
                    let stream = attempt.tcp(endpoint).await?;
                    // A certificate says who it is.
                    if !tls {
                        attempt.vouch_for_tcp(&stream).await?;
                    }
                    Box::new(stream)
                }
                Some(proxy) => attempt.through(proxy, endpoint).await?,
            };
            let stream = match tls {
                true => attempt.tls(stream, endpoint).await?,
                false => stream,
            };
            attempt.upgrade(stream, endpoint).await
        }
        #[cfg(unix)]
        Address::Unix(path) => {
            let connect = tokio::net::UnixStream::connect(path);
            let stream = attempt
                .within(Step::Connect, connect, |source| attempt.refused(source))
                .await?;
            attempt.vouch_for_unix(&stream)?;
            let localhost = Endpoint::new("localhost", 80).expect("a fixed name and port");
            attempt.upgrade(Box::new(stream), &localhost).await
        }
        #[cfg(not(unix))]
        Address::Unix(_) => Err(attempt.refused(std::io::ErrorKind::Unsupported.into())),
        Address::Ssh(host) => attempt.ssh(host).await,
    }
}

struct Attempt<'a> {
    dial: &'a Dial,
    budget: Option<&'a Budget>,
    address: OtherEnd,
    deadline: Instant,
}

impl Attempt<'_> {
    /// Does a step before the deadline, and notes how long it took.
    async fn within<T, E>(
        &self,
        step: Step,
        future: impl Future<Output = Result<T, E>>,
        failed: impl FnOnce(E) -> DialError,
    ) -> Result<T, DialError> {
        let start = Instant::now();
        match timeout_at(self.deadline, future).await {
            Ok(Ok(done)) => {
                self.dial.watch.note(step.as_str(), start.elapsed());
                Ok(done)
            }
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err(DialError::Timeout {
                address: self.address.clone(),
                step,
                limit: self.dial.timeout,
            }),
        }
    }

    fn refused(&self, source: std::io::Error) -> DialError {
        DialError::Connect {
            address: self.address.clone(),
            source,
        }
    }

    /// Names an endpoint on the way, which may be that of a proxy.
    fn named(&self, endpoint: &Endpoint) -> OtherEnd {
        let own =
            matches!(&self.dial.address, Address::Tcp { endpoint: own, .. } if own == endpoint);
        OtherEnd {
            address: endpoint.to_string(),
            relay: own && self.address.relay,
        }
    }

    async fn tcp(&self, endpoint: &Endpoint) -> Result<TcpStream, DialError> {
        let end = self.named(endpoint);
        let refused = |source| DialError::Connect {
            address: end.clone(),
            source,
        };
        let lookup = tokio::net::lookup_host((endpoint.host(), endpoint.port()));
        let unresolved = |source| DialError::Resolve {
            relay: end.relay,
            host: endpoint.host().to_owned(),
            source,
        };
        let found = self.within(Step::Dns, lookup, unresolved).await?;
        let family = self.dial.network.family;
        let wanted: Vec<_> = found.filter(|address| family.has(address)).collect();
        if wanted.is_empty() {
            return Err(DialError::NoAddress {
                host: OtherEnd {
                    address: endpoint.host().to_owned(),
                    relay: end.relay,
                },
                family,
            });
        }
        let race = addresses::race(addresses::interleave(wanted));
        let stream: TcpStream = self.within(Step::Connect, race, refused).await?;
        tracing::info!(address = %endpoint, "connected");
        // Frames are small and answered at once: waiting to fill a packet only adds latency.
        stream.set_nodelay(true).map_err(refused)?;
        keep_alive(&stream).map_err(refused)?;
        Ok(stream)
    }

    /// Connects to a proxy, and through it to the other end.
    async fn through(&self, proxy: &Proxy, endpoint: &Endpoint) -> Result<Stream, DialError> {
        let mut stream: Stream = Box::new(self.tcp(proxy.endpoint()).await?);
        if proxy.uses_tls() {
            stream = self.tls(stream, proxy.endpoint()).await?;
        }
        let failed = |source| DialError::Proxy {
            proxy: proxy.to_string(),
            address: self.address.clone(),
            source,
        };
        let tunnel = proxy.tunnel(stream, endpoint);
        let stream = self.within(Step::Proxy, tunnel, failed).await?;
        tracing::info!(%proxy, "through a proxy");
        Ok(stream)
    }

    async fn tls(&self, stream: Stream, endpoint: &Endpoint) -> Result<Stream, DialError> {
        let address = self.named(endpoint);
        let fail = |source: std::io::Error| match tls_error(&source) {
            Some(rustls::Error::InvalidMessage(_)) => DialError::NotTls { address },
            Some(error) => match CertificateFault::of(error) {
                Some(fault) => DialError::Certificate { address, fault },
                None => DialError::Tls { address, source },
            },
            None => DialError::Tls { address, source },
        };
        let connector = tls::connector(&self.dial.network.ca_files)?;
        let name = match ServerName::try_from(endpoint.host().to_owned()) {
            Ok(name) => name,
            Err(error) => {
                let kind = std::io::ErrorKind::InvalidInput;
                return Err(fail(std::io::Error::new(kind, error)));
            }
        };
        let handshake = connector.connect(name, stream);
        let stream = self.within(Step::Tls, handshake, fail).await?;
        tracing::info!(version = ?stream.get_ref().1.protocol_version(), "TLS established");
        Ok(Box::new(stream))
    }

    async fn ssh(&self, host: &SshHost) -> Result<Dialed, DialError> {
        let network = &self.dial.network;
        let (stream, said) = ssh::start(host, self.dial.timeout, network.may_prompt)
            .map_err(|source| self.refused(source))?;
        match self.upgrade(Box::new(stream), &ssh::daemon()).await {
            Err(DialError::Dropped { address } | DialError::Connect { address, .. }) => {
                // What it says may come a moment after the end of its output.
                tokio::time::sleep(LAST_WORDS).await;
                let (address, said) = (address.address, said.last_line());
                Err(DialError::Ssh { address, said })
            }
            other => other,
        }
    }
}

/// Lets the system notice a dead path, also where frames of others pass through that nobody here may ping.
#[cfg(unix)]
fn keep_alive(stream: &TcpStream) -> std::io::Result<()> {
    use rustix::net::sockopt;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, QUIET)?;
    sockopt::set_tcp_keepintvl(stream, BETWEEN_PROBES)?;
    sockopt::set_tcp_keepcnt(stream, PROBES)?;
    Ok(())
}

#[cfg(not(unix))]
fn keep_alive(_: &TcpStream) -> std::io::Result<()> {
    Ok(())
}

fn tls_error(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
