//! From an address to an open WebSocket: name, TCP or Unix socket, TLS, upgrade.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::rustls::{self, pki_types::ServerName};
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::{Request, generate_key};
use tokio_tungstenite::tungstenite::http::{StatusCode, header};

use super::greeting::{Greeting, presence};
use super::tls::{self, TlsSetupError};
use super::{Presence, Transport, websocket};
use crate::protocol::relay::Endpoint;
use crate::secret::Secret;

/// RFC 8305 section 5: how long one address is tried alone before the next one joins in. The slower
/// attempt is not cancelled: on a slow link the first address may still be the one that works.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

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
    /// PEM file of authorities that are trusted beside the platform's.
    pub ca_file: Option<PathBuf>,
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
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { endpoint, .. } => endpoint.fmt(f),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
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
}

/// A step on the way to an open WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Name resolution.
    Dns,
    /// TCP or Unix socket.
    Connect,
    /// TLS handshake.
    Tls,
    /// HTTP upgrade.
    Upgrade,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "the name to resolve",
            Self::Connect => "the connection to open",
            Self::Tls => "the TLS handshake",
            Self::Upgrade => "the WebSocket upgrade",
        })
    }
}

/// Why no WebSocket was opened. Nothing in it repeats the path or the password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The name does not resolve.
    #[error("the name {host} cannot be resolved")]
    Resolve {
        /// The name.
        host: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// No address accepts the connection.
    #[error("no connection to {address}")]
    Connect {
        /// The other end.
        address: String,
        /// What the system says of the last address tried.
        #[source]
        source: std::io::Error,
    },
    /// TLS cannot be set up on this side.
    #[error(transparent)]
    TlsSetup(#[from] TlsSetupError),
    /// The other end does not speak TLS.
    #[error("{address} does not speak TLS")]
    NotTls {
        /// The other end.
        address: String,
    },
    /// The TLS handshake failed.
    #[error("the TLS handshake with {address} failed")]
    Tls {
        /// The other end.
        address: String,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
    /// What answers is not HTTP; often a TLS port that was dialled without TLS.
    #[error("{address} does not answer with HTTP; perhaps it speaks TLS")]
    NotHttp {
        /// The other end.
        address: String,
    },
    /// An HTTP server refused the upgrade.
    #[error("{address} refused the WebSocket upgrade with HTTP status {status}")]
    Refused {
        /// The other end.
        address: String,
        /// The status.
        status: u16,
        /// Whether the answer says that TLS is wanted.
        wants_tls: bool,
    },
    /// A private relay wants a token, or another one.
    #[error("the relay {address} {}", if *.sent { "refused the token" } else { "wants a token" })]
    Token {
        /// The relay.
        address: String,
        /// Whether one was sent.
        sent: bool,
    },
    /// The connection ended during the upgrade.
    #[error("{address} closed the connection during the WebSocket upgrade")]
    Dropped {
        /// The other end.
        address: String,
    },
    /// The time is over.
    #[error("{address}: still waiting for {step} after {}", humantime::format_duration(*limit))]
    Timeout {
        /// The other end.
        address: String,
        /// What it was waiting for.
        step: Step,
        /// The limit.
        limit: Duration,
    },
    /// The password cannot be sent: it may hold only token characters (RFC 9110 section 5.6.2).
    #[error(
        "the password holds characters that cannot be sent (allowed: letters, digits and !#$%&'*+-.^_`|~)"
    )]
    PasswordCharacters,
}

/// Opens a WebSocket.
pub async fn dial(dial: &Dial) -> Result<Dialed, DialError> {
    let attempt = Attempt {
        dial,
        address: dial.address.to_string(),
        deadline: Instant::now() + dial.timeout,
    };
    match &dial.address {
        Address::Tcp { endpoint, tls } => {
            let stream = attempt.tcp(endpoint).await?;
            if !tls {
                return attempt.upgrade(stream, endpoint).await;
            }
            let stream = attempt.tls(stream, endpoint).await?;
            attempt.upgrade(stream, endpoint).await
        }
        #[cfg(unix)]
        Address::Unix(path) => {
            let connect = tokio::net::UnixStream::connect(path);
            let stream = attempt
                .within(Step::Connect, connect)
                .await?
                .map_err(|source| attempt.refused(source))?;
            let localhost = Endpoint::new("localhost", 80).expect("a fixed name and port");
            attempt.upgrade(stream, &localhost).await
        }
        #[cfg(not(unix))]
        Address::Unix(_) => Err(attempt.refused(std::io::ErrorKind::Unsupported.into())),
    }
}

struct Attempt<'a> {
    dial: &'a Dial,
    address: String,
    deadline: Instant,
}

impl Attempt<'_> {
    async fn within<T>(&self, step: Step, future: impl Future<Output = T>) -> Result<T, DialError> {
        timeout_at(self.deadline, future)
            .await
            .map_err(|_| DialError::Timeout {
                address: self.address.clone(),
                step,
                limit: self.dial.timeout,
            })
    }

    fn refused(&self, source: std::io::Error) -> DialError {
        DialError::Connect {
            address: self.address.clone(),
            source,
        }
    }

    async fn tcp(&self, endpoint: &Endpoint) -> Result<TcpStream, DialError> {
        let lookup = tokio::net::lookup_host((endpoint.host(), endpoint.port()));
        let addresses: Vec<SocketAddr> = match self.within(Step::Dns, lookup).await? {
            Ok(addresses) => interleave(addresses.collect()),
            Err(source) => {
                return Err(DialError::Resolve {
                    host: endpoint.host().to_owned(),
                    source,
                });
            }
        };
        let stream = self
            .within(Step::Connect, race(addresses))
            .await?
            .map_err(|source| self.refused(source))?;
        tracing::info!(address = %self.address, "connected");
        // Frames are small and answered at once: waiting to fill a packet only adds latency.
        stream
            .set_nodelay(true)
            .map_err(|source| self.refused(source))?;
        Ok(stream)
    }

    async fn tls(
        &self,
        stream: TcpStream,
        endpoint: &Endpoint,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, DialError> {
        let fail = |source: std::io::Error| match tls_error(&source) {
            Some(rustls::Error::InvalidMessage(_)) => DialError::NotTls {
                address: self.address.clone(),
            },
            _ => DialError::Tls {
                address: self.address.clone(),
                source,
            },
        };
        let connector = tls::connector(self.dial.ca_file.as_deref())?;
        let name = ServerName::try_from(endpoint.host().to_owned())
            .map_err(|error| fail(std::io::Error::new(std::io::ErrorKind::InvalidInput, error)))?;
        let stream = self
            .within(Step::Tls, connector.connect(name, stream))
            .await?
            .map_err(fail)?;
        tracing::info!(version = ?stream.get_ref().1.protocol_version(), "TLS established");
        Ok(stream)
    }

    async fn upgrade<S>(&self, stream: S, host: &Endpoint) -> Result<Dialed, DialError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let request = self.request(host)?;
        let upgrade = client_async_with_config(request, stream, Some(websocket::config()));
        match self.within(Step::Upgrade, upgrade).await? {
            Ok((stream, response)) => {
                let daemon_online = presence(&response);
                tracing::info!(?daemon_online, "upgraded to WebSocket");
                let (teller, presence) = daemon_online.map(Presence::new).unzip();
                Ok(Dialed {
                    transport: websocket::told_by(stream, teller),
                    presence,
                })
            }
            Err(error) => Err(self.upgrade_failed(error)),
        }
    }

    fn request(&self, host: &Endpoint) -> Result<Request, DialError> {
        let host = match &self.dial.address {
            Address::Tcp { .. } => host.to_string(),
            Address::Unix(_) => host.host().to_owned(),
        };
        let request = Request::builder()
            .uri(format!("ws://{host}{}", self.dial.path.expose()))
            .header(header::HOST, &host)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, generate_key());
        let request = self.dial.greeting.add_to(request)?;
        Ok(request
            .body(())
            .expect("host, path and header values are made of allowed characters"))
    }

    fn upgrade_failed(&self, error: WsError) -> DialError {
        let address = self.address.clone();
        match (error, self.dial.greeting.sent_token()) {
            (WsError::Http(response), Some(sent))
                if response.status() == StatusCode::UNAUTHORIZED =>
            {
                DialError::Token { address, sent }
            }
            (error, _) => match error {
                WsError::Http(response) => DialError::Refused {
                    address,
                    status: response.status().as_u16(),
                    wants_tls: response.status() == StatusCode::BAD_REQUEST
                        && response.body().as_deref().is_some_and(mentions_https),
                },
                WsError::Io(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
                    DialError::Dropped { address }
                }
                WsError::Io(source) => DialError::Connect { address, source },
                WsError::Protocol(ProtocolError::HandshakeIncomplete) => {
                    DialError::Dropped { address }
                }
                _ => DialError::NotHttp { address },
            },
        }
    }
}

/// Alternates the address families, beginning with the one that the system put first.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut a, mut b): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|x| x.is_ipv6() == first_is_v6);
    a.reverse();
    b.reverse();
    std::iter::from_fn(|| {
        std::mem::swap(&mut a, &mut b);
        b.pop().or_else(|| a.pop())
    })
    .collect()
}

/// Connects to the first address that accepts (RFC 8305, but slow attempts go on).
async fn race(addresses: Vec<SocketAddr>) -> std::io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut running = FuturesUnordered::new();
    let mut last_error = None;
    loop {
        if let Some(address) = waiting.next() {
            running.push(TcpStream::connect(address));
        } else if running.is_empty() {
            return Err(last_error.unwrap_or_else(|| std::io::ErrorKind::AddrNotAvailable.into()));
        }
        let next = tokio::time::sleep(NEXT_ADDRESS_AFTER);
        tokio::select! {
            Some(result) = running.next() => match result {
                Ok(stream) => return Ok(stream),
                Err(error) => last_error = Some(error),
            },
            () = next, if waiting.len() > 0 => {}
        }
    }
}

fn tls_error(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn mentions_https(body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(body).to_ascii_lowercase();
    body.contains("https") || body.contains("tls") || body.contains("ssl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_families_alternate() {
        let parse = |texts: &[&str]| {
            texts
                .iter()
                .map(|t| t.parse().unwrap())
                .collect::<Vec<SocketAddr>>()
        };
        let mixed = parse(&["[::1]:1", "[::2]:1", "1.1.1.1:1", "[::3]:1", "2.2.2.2:1"]);
        let expected = parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(interleave(mixed), expected);
    }
}
