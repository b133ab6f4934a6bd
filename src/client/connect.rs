//! From a target to a session.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::absent::arrival;
use super::address::dial_for;
use super::envelope::encode;
use super::session::{DaemonClient, EarlyReply, Opening};
use crate::e2ee::{self, PublicKey};
use crate::protocol::relay::Endpoint;
use crate::protocol::session::{
    APP_VERSION, CLOSE_PASSWORD, CLOSE_PROTOCOL_VERSION, Hello, PROTOCOL_VERSION, Request,
};
use crate::secret::Secret;
use crate::target::Target;
use crate::transport::{
    Closed, DialError, Frame, Network, Stopwatch, Traffic, Transport, TransportError, dial,
};

/// Capabilities of our hello: what this client understands, and
/// `selective_agent_timeline`, without which every agent's stream would be pushed through the relay.
const CAPABILITIES: [&str; 3] = [
    "reasoning_merge_enum",
    "selective_agent_timeline",
    "provider_subagents",
];

/// After a pipelined flight, `server_info` follows `e2ee_ready` at once. When it does not, the daemon has
/// lost the flight.
const INTRODUCTION_AFTER_READY: Duration = Duration::from_millis(1500);

/// How to connect.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Identity of the session. Concurrent commands must not share one: they would see each other's
    /// replies.
    pub client_id: String,
    /// Limit for everything up to an open WebSocket.
    pub connect_timeout: Duration,
    /// Limit from there to `server_info`.
    pub handshake_timeout: Duration,
    /// What lies in between.
    pub network: Network,
    /// Notes how long each step takes.
    pub watch: Stopwatch,
    /// The id that the daemon must have where it proves no key: on a direct road of a remote that was
    /// paired.
    pub server_id: Option<Secret<String>>,
    /// Whether requests that change something are refused, here already.
    pub read_only: bool,
    /// Whether hello and the opening request may leave together with the encryption handshake. Only for a
    /// daemon that was last seen at 0.5.0 or newer.
    pub pipelined: bool,
    /// What tells the user that the relay has no such daemon now, and how long it is waited for: until
    /// `connect_timeout` is over. `None`: it is not waited for.
    pub on_absent: Option<fn(&Endpoint, Duration)>,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No WebSocket.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The relay says that no daemon is there.
    #[error("the relay {relay} answers, but the daemon is not connected to it")]
    DaemonAbsent {
        /// The relay.
        relay: Endpoint,
    },
    /// The relay took the connection, and nothing came back in time.
    #[error("the relay {relay} answers, but the daemon behind it did not within {}", humantime::format_duration(*limit))]
    DaemonSilent {
        /// The relay.
        relay: Endpoint,
        /// The limit.
        limit: Duration,
    },
    /// The other side answered the handshake and then could not prove that it holds the daemon's key.
    #[error("the other side could not prove that it is the paired daemon")]
    NotProven {
        /// How the connection ended.
        #[source]
        source: Option<Arc<TransportError>>,
    },
    /// The channel broke the rules.
    #[error("the encrypted channel could not be opened")]
    Channel(#[source] e2ee::ConnectError),
    /// Another daemon than the paired one listens there.
    #[error("another daemon than the paired one listens at {address}")]
    OtherDaemon {
        /// Where.
        address: String,
    },
    /// The daemon wants a password, or another one.
    #[error("the daemon refused the password")]
    Password {
        /// Whether one was sent.
        sent: bool,
    },
    /// The daemon speaks another protocol version.
    #[error("the daemon speaks another version of the protocol")]
    ProtocolVersion,
    /// The daemon took the connection and never introduced itself.
    #[error("the daemon accepted the connection and then said nothing for {}", humantime::format_duration(*limit))]
    Silent {
        /// The limit.
        limit: Duration,
    },
    /// The connection ended before the session was open.
    #[error("the connection ended before the session was open")]
    Ended(#[source] Arc<TransportError>),
}

/// A reading request that may leave before the daemon has introduced itself.
#[derive(Debug)]
pub struct Early {
    id: String,
    text: String,
}

impl Early {
    /// Writes the request.
    pub fn new<R: Request>(request: &R) -> Self {
        debug_assert!(
            !R::MUTATES,
            "a change must not leave before the daemon is known"
        );
        let (id, text) =
            encode(request).expect("only pictures can fail, and no reading request has one");
        Self { id, text }
    }
}

/// Connects, and returns the session once the daemon has introduced itself.
pub async fn connect(target: &Target, settings: &Settings) -> Result<DaemonClient, ConnectError> {
    Ok(connect_early(target, settings, None).await?.0)
}

/// The same, and sends a request as early as the daemon allows. Its reply is on its way when this returns;
/// `None` means that the request could not leave early and was not sent.
pub async fn connect_early(
    target: &Target,
    settings: &Settings,
    early: Option<&Early>,
) -> Result<(DaemonClient, Option<EarlyReply>), ConnectError> {
    // Boxed: the states of the whole way would otherwise be part of every command's future.
    let (daemon, reply) = Box::pin(open(target, settings, early)).await?;
    Ok((daemon.restricted(settings.read_only), reply))
}

/// Opens the way to a daemon and nothing on it: whoever uses the frames sends the session hello, too. Through
/// a relay they are encrypted for the daemon's key.
pub async fn connect_channel(
    target: &Target,
    settings: &Settings,
) -> Result<Transport, ConnectError> {
    let connect_deadline = Instant::now() + settings.connect_timeout;
    let dialed = dial(&dial_for(target, settings)).await?;
    let Target::Relay {
        relay, daemon_key, ..
    } = target
    else {
        return Ok(dialed.transport);
    };
    let transport = arrival(dialed, relay, settings, connect_deadline).await?;
    let road = Road {
        target,
        settings,
        relay,
        daemon_key,
        deadline: Instant::now() + settings.handshake_timeout,
    };
    let channel = e2ee::connect(transport, daemon_key, road.deadline).await;
    Ok(channel.map_err(|error| road.no_channel(error))?.transport)
}

async fn open(
    target: &Target,
    settings: &Settings,
    early: Option<&Early>,
) -> Result<(DaemonClient, Option<EarlyReply>), ConnectError> {
    let connect_deadline = Instant::now() + settings.connect_timeout;
    let dialed = dial(&dial_for(target, settings)).await?;
    let Target::Relay {
        relay, daemon_key, ..
    } = target
    else {
        let deadline = Instant::now() + settings.handshake_timeout;
        let opening = Opening::new(dialed.transport, dialed.traffic);
        let introduction = introduce(opening, settings, deadline).await;
        let daemon = introduction.on(target, settings)?;
        return match &settings.server_id {
            Some(id) if !id.is(&daemon.server().server_id) => Err(ConnectError::OtherDaemon {
                address: target.to_string(),
            }),
            _ => Ok((daemon, None)),
        };
    };
    let traffic = dialed.traffic.clone();
    let transport = arrival(dialed, relay, settings, connect_deadline).await?;
    let deadline = Instant::now() + settings.handshake_timeout;
    let road = Road {
        target,
        settings,
        relay,
        daemon_key,
        deadline,
    };
    if !settings.pipelined {
        return Ok((road.waiting(transport, traffic).await?, None));
    }
    match road.pipelined(transport, traffic, early).await {
        Some(result) => result,
        // The daemon turned out to be older than remembered: once more, one step after the other.
        None => {
            let dialed = dial(&dial_for(target, settings)).await?;
            let daemon = road.waiting(dialed.transport, dialed.traffic);
            Ok((daemon.await?, None))
        }
    }
}

/// The way through a relay.
struct Road<'a> {
    target: &'a Target,
    settings: &'a Settings,
    relay: &'a Endpoint,
    daemon_key: &'a PublicKey,
    deadline: Instant,
}

impl Road<'_> {
    /// Sends everything in one flight. `None`: the daemon is too old for that.
    async fn pipelined(
        &self,
        transport: Transport,
        traffic: Traffic,
        early: Option<&Early>,
    ) -> Option<Result<(DaemonClient, Option<EarlyReply>), ConnectError>> {
        let mut texts = vec![hello(self.settings)];
        texts.extend(early.map(|early| early.text.clone()));
        let start = Instant::now();
        let channel = match e2ee::connect_pipelined(
            transport,
            self.daemon_key,
            &texts,
            self.deadline,
        )
        .await
        {
            Err(e2ee::ConnectError::CannotPipeline) => return None,
            Err(error) => return Some(Err(self.no_channel(error))),
            Ok(channel) => channel,
        };
        self.settings.watch.note("e2ee", start.elapsed());
        tracing::info!(binary = channel.binary, "encryption ready, pipelined");
        let opening = Opening::new(channel.transport, traffic);
        let reply = early.map(|early| opening.expect(&early.id));
        let soon = self.deadline.min(Instant::now() + INTRODUCTION_AFTER_READY);
        match wait(opening, soon, &self.settings.watch).await {
            Introduction::Late if !channel.proof.is_given() => None,
            introduction => {
                let daemon = self.outcome(introduction, &channel.proof);
                Some(daemon.map(|daemon| (daemon, reply)))
            }
        }
    }

    /// Waits for each answer before the next question.
    async fn waiting(
        &self,
        transport: Transport,
        traffic: Traffic,
    ) -> Result<DaemonClient, ConnectError> {
        let start = Instant::now();
        let channel = e2ee::connect(transport, self.daemon_key, self.deadline)
            .await
            .map_err(|error| self.no_channel(error))?;
        self.settings.watch.note("e2ee", start.elapsed());
        tracing::info!(binary = channel.binary, "encryption ready");
        let opening = Opening::new(channel.transport, traffic);
        let introduction = introduce(opening, self.settings, self.deadline).await;
        self.outcome(introduction, &channel.proof)
    }

    /// `e2ee_ready` is plaintext: only a frame that decrypted shows that the daemon holds its key.
    fn outcome(
        &self,
        introduction: Introduction,
        proof: &e2ee::Proof,
    ) -> Result<DaemonClient, ConnectError> {
        match introduction {
            Introduction::Late if !proof.is_given() => {
                Err(ConnectError::NotProven { source: None })
            }
            Introduction::Ended(source) if !proof.is_given() => Err(ConnectError::NotProven {
                source: Some(source),
            }),
            introduction => introduction.on(self.target, self.settings),
        }
    }

    fn no_channel(&self, error: e2ee::ConnectError) -> ConnectError {
        match error {
            e2ee::ConnectError::NoReady => ConnectError::DaemonSilent {
                relay: self.relay.clone(),
                limit: self.settings.handshake_timeout,
            },
            other => ConnectError::Channel(other),
        }
    }
}

enum Introduction {
    Ready(DaemonClient),
    Late,
    Ended(Arc<TransportError>),
}

impl Introduction {
    /// Says what it means on a channel whose peer is known.
    fn on(self, target: &Target, settings: &Settings) -> Result<DaemonClient, ConnectError> {
        let sent = match target {
            Target::Tcp { password, .. }
            | Target::Unix { password, .. }
            | Target::Ssh { password, .. } => password.is_some(),
            Target::Relay { .. } => false,
        };
        match self {
            Self::Ready(daemon) => Ok(daemon),
            Self::Late => Err(ConnectError::Silent {
                limit: settings.handshake_timeout,
            }),
            Self::Ended(error) => Err(match error.as_ref() {
                TransportError::Closed(Closed {
                    code: Some(CLOSE_PASSWORD),
                    ..
                }) => ConnectError::Password { sent },
                TransportError::Closed(Closed {
                    code: Some(CLOSE_PROTOCOL_VERSION),
                    ..
                }) => ConnectError::ProtocolVersion,
                _ => ConnectError::Ended(error),
            }),
        }
    }
}

async fn introduce(opening: Opening, settings: &Settings, deadline: Instant) -> Introduction {
    // When sending fails, the close frame that tells why is still to be read.
    let _ = timeout_at(deadline, opening.send(Frame::Text(hello(settings)))).await;
    wait(opening, deadline, &settings.watch).await
}

async fn wait(opening: Opening, deadline: Instant, watch: &Stopwatch) -> Introduction {
    let start = Instant::now();
    match timeout_at(deadline, opening.ready()).await {
        Ok(Ok(daemon)) => {
            watch.note("session", start.elapsed());
            tracing::info!(version = ?daemon.server().version, "session open");
            Introduction::Ready(daemon)
        }
        Ok(Err(error)) => Introduction::Ended(error),
        Err(_) => Introduction::Late,
    }
}

pub(super) fn hello(settings: &Settings) -> String {
    let hello = Hello {
        client_id: settings.client_id.clone(),
        client_type: "cli".to_owned(),
        protocol_version: PROTOCOL_VERSION,
        capabilities: CAPABILITIES
            .map(|name| (name.to_owned(), true))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        app_version: Some(APP_VERSION.to_owned()),
    };
    serde_json::to_string(&hello).expect("a hello is a struct with string keys")
}
