//! The daemon's side of a relay: a control socket that stays, and a data socket for each client, on
//! which the encrypted channel is opened (`docs/protocol.md`, "Relay", daemon side).
//!
//! What runs inside a channel is the [`Handler`]'s; it sees plaintext frames and no relay.

mod control;
mod data;

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::e2ee::{Responder, Standing};
use crate::protocol::relay::{ConnectQuery, Endpoint, PATH, Seat, ServerId};
use crate::secret::{RelayToken, Secret};
use crate::transport::budget::Budget;
use crate::transport::{Address, Dial, Greeting, Network, Stopwatch, Transport};

/// Takes the channels of clients.
pub trait Handler: Send + Sync + 'static {
    /// Returns what all its connections together may hold.
    fn budget(&self) -> Budget;

    /// Serves a client until either side ends. The frames are plaintext; `standing` says what the one that was received
    /// last may ask for.
    fn serve(&self, transport: Transport, standing: Standing) -> BoxFuture<'static, ()>;
}

/// A relay to dial.
#[derive(Debug, Clone)]
pub struct Relay {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// What it wants to see, if it is a private one.
    pub token: Option<RelayToken>,
    /// PEM file of authorities that are trusted beside the platform's.
    pub ca_file: Option<PathBuf>,
}

/// A daemon at a relay.
#[derive(Debug)]
pub struct Host {
    relay: Relay,
    server_id: ServerId,
    responder: Arc<Responder>,
}

impl Host {
    /// Makes the daemon with this id appear at a relay, once it runs.
    pub fn new(relay: Relay, server_id: ServerId, responder: Responder) -> Self {
        Self {
            relay,
            server_id,
            responder: Arc::new(responder),
        }
    }

    /// The same daemon at another relay.
    pub fn at(&self, relay: Relay) -> Self {
        Self {
            relay,
            server_id: self.server_id.clone(),
            responder: Arc::clone(&self.responder),
        }
    }

    /// Stays connected for ever; dropping it closes everything.
    pub async fn run(self, handler: Arc<dyn Handler>) {
        control::run(Arc::new(self), handler).await;
    }

    fn dial(&self, seat: Seat, timeout: std::time::Duration) -> Dial {
        let query = ConnectQuery {
            server: self.server_id.clone(),
            seat,
        };
        Dial {
            address: Address::Tcp {
                endpoint: self.relay.endpoint.clone(),
                tls: self.relay.tls,
            },
            path: Secret::new(format!("{PATH}?{}", query.encode())),
            greeting: Greeting::Relay {
                token: self.relay.token.clone(),
                ask_presence: false,
            },
            timeout,
            network: Network {
                ca_files: self.relay.ca_file.iter().cloned().collect(),
                ..Network::default()
            },
            watch: Stopwatch::default(),
            session_shows_secret: false,
            on_unknown_owner: None,
        }
    }
}
