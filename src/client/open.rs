//! The one way to a daemon: from a target to a transport whose other end is the one that was meant.
//!
//! Through a relay the encryption sees to that: only the holder of the daemon's key reads what is sent. On every other
//! route of a paired remote the daemon must name its id first ([`super::named`]). Sessions, channels and raw
//! connections all begin here.

use std::sync::Arc;

use tokio::time::Instant;

use super::absent::arrival;
use super::address::dial_for;
use super::error::ConnectError;
use super::introduction::NoSession;
use super::named::named;
use super::settings::Settings;
use crate::e2ee;
use crate::protocol::admission::Rejection;
use crate::protocol::relay::Endpoint;
use crate::protocol::session::{CLOSE_FULL, FULL};
use crate::target::Target;
use crate::transport::{Closed, Traffic, Transport, TransportError, dial};

/// An open connection to a daemon.
pub(super) struct Opened<'a> {
    /// Its frames.
    pub(super) transport: Transport,
    /// Its bytes.
    pub(super) traffic: Traffic,
    /// Who is at the other end.
    pub(super) peer: Peer<'a>,
    /// Whether the first frames have left with the handshake.
    pub(super) flown: bool,
}

/// The other end, and what its silence or its end means before it has introduced itself.
pub(super) struct Peer<'a> {
    target: &'a Target,
    settings: &'a Settings,
    /// Whether it has shown that it holds its key, on a route where it must.
    proof: Option<e2ee::Proof>,
    /// Until when it must have introduced itself.
    pub(super) deadline: Instant,
}

/// Opens a connection for a session of ours. `first` may leave in one flight with the encryption handshake where the settings allow it, and
/// has not left otherwise.
pub(super) async fn open<'a>(
    target: &'a Target,
    settings: &'a Settings,
    first: &[String],
) -> Result<Opened<'a>, ConnectError> {
    let shows_secret = settings.shows_secret(target);
    open_socket(target, settings, first, shows_secret).await
}

/// Opens a connection for the session of another program, whose hello may show any secret.
pub(super) async fn open_for_others<'a>(
    target: &'a Target,
    settings: &'a Settings,
) -> Result<Opened<'a>, ConnectError> {
    open_socket(target, settings, &[], true).await
}

async fn open_socket<'a>(
    target: &'a Target,
    settings: &'a Settings,
    first: &[String],
    shows_secret: bool,
) -> Result<Opened<'a>, ConnectError> {
    let connect_deadline = Instant::now() + settings.connect_timeout;
    let dialed = dial(&dial_for(target, settings, shows_secret)).await?;
    let traffic = dialed.traffic.clone();
    let peer = |proof, since: Instant| Peer {
        target,
        settings,
        proof,
        deadline: since + settings.handshake_timeout,
    };
    let Target::Relay {
        relay, daemon_key, ..
    } = target
    else {
        let transport = match &settings.server_id {
            Some(id) => named(dialed.transport, id.clone()),
            None => dialed.transport,
        };
        return Ok(Opened {
            transport,
            traffic,
            peer: peer(None, Instant::now()),
            flown: false,
        });
    };
    let transport = arrival(dialed, relay, settings, connect_deadline).await?;
    let start = Instant::now();
    let deadline = start + settings.handshake_timeout;
    let pipelined = settings.pipelined && !first.is_empty();
    let channel = match pipelined {
        true => e2ee::connect_pipelined(transport, daemon_key, first, deadline).await,
        false => e2ee::connect(transport, daemon_key, deadline).await,
    };
    match channel {
        Ok(channel) => {
            settings.watch.note("e2ee", start.elapsed());
            tracing::info!(binary = channel.binary, pipelined, "encryption ready");
            Ok(Opened {
                transport: channel.transport,
                traffic,
                peer: peer(Some(channel.proof), start),
                flown: pipelined,
            })
        }
        // The daemon is older than remembered, and has lost the flight: once more, one step after the other.
        Err(e2ee::ConnectError::CannotPipeline) => {
            Box::pin(open_socket(target, settings, &[], shows_secret)).await
        }
        Err(error) => Err(no_channel(error, relay, settings)),
    }
}

fn no_channel(error: e2ee::ConnectError, relay: &Endpoint, settings: &Settings) -> ConnectError {
    match error {
        e2ee::ConnectError::NoReady => ConnectError::DaemonSilent {
            relay: relay.clone(),
            limit: settings.handshake_timeout,
        },
        e2ee::ConnectError::WrongKey(_) => ConnectError::WrongKey { source: None },
        other => ConnectError::Channel(other),
    }
}

impl Peer<'_> {
    /// Whether it holds the daemon's key, or need not.
    ///
    /// `e2ee_ready` is plaintext: only a frame that decrypted shows it.
    pub(super) fn is_proven(&self) -> bool {
        self.proof.as_ref().is_none_or(e2ee::Proof::is_given)
    }

    /// It has not introduced itself in time.
    pub(super) fn late(&self) -> ConnectError {
        match self.is_proven() {
            false => ConnectError::NotProven { source: None },
            true => ConnectError::Silent {
                limit: self.settings.handshake_timeout,
            },
        }
    }

    /// There will be no session.
    pub(super) fn refused(&self, why: NoSession) -> ConnectError {
        match why {
            NoSession::Rejected(rejection) => self.rejected(rejection),
            NoSession::Ended(error) => self.ended(error),
        }
    }

    fn rejected(&self, rejection: Rejection) -> ConnectError {
        ConnectError::of_rejection(rejection, self.target.password())
    }

    /// The connection ended before it has introduced itself.
    fn ended(&self, error: Arc<TransportError>) -> ConnectError {
        if !self.is_proven() {
            let source = Some(Arc::clone(&error));
            // A close frame here may be of anybody's making, so its reason tells nothing.
            return match error.as_ref() {
                TransportError::NotAuthentic => ConnectError::WrongKey { source },
                TransportError::Protocol {
                    layer: "encryption",
                    ..
                } => ConnectError::NotSealed(error),
                _ => ConnectError::NotProven { source },
            };
        }
        match error.as_ref() {
            TransportError::OtherPeer => ConnectError::OtherDaemon {
                address: self.target.to_string(),
            },
            TransportError::Closed(Closed {
                code: Some(CLOSE_FULL),
                reason,
            }) if reason == FULL => ConnectError::Full,
            TransportError::Closed(closed) => {
                match Rejection::of_close(closed.code, &closed.reason) {
                    Some(rejection) => self.rejected(rejection),
                    None => ConnectError::Ended(error),
                }
            }
            _ => ConnectError::Ended(error),
        }
    }
}
