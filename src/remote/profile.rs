//! A saved remote.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::host::Address;
use super::name::RemoteName;
use super::network::NetworkOptions;
use crate::e2ee::Fingerprint;
use crate::protocol::relay::Endpoint;
use crate::secret::{SecretId, StoreKind};

/// One `[remotes.NAME]` table. It holds no secret, only where the secret is.
#[derive(Debug, Clone, PartialEq)]
pub struct Remote {
    /// Its name.
    pub name: RemoteName,
    /// A line for people.
    pub description: Option<String>,
    /// Names of groups that it belongs to.
    pub tags: Vec<String>,
    /// The way to its daemon.
    pub route: Route,
    /// Other roads to the same daemon, the quickest first.
    pub roads: Vec<Address>,
    /// Settings that hold for it, before `[defaults]` are applied.
    pub options: Options,
    /// Directories here and their counterparts there.
    pub dirs: Vec<DirMapping>,
    /// What it may be used for, and until when.
    pub guard: Guard,
    /// When it was added.
    pub added: Option<Timestamp>,
}

impl Remote {
    /// Returns where its secret is; a direct remote without a password has none.
    pub fn secret(&self) -> Option<&SecretRef> {
        match &self.route {
            Route::Relay(relay) => Some(&relay.secret),
            Route::Direct(direct) => direct.secret.as_ref(),
        }
    }

    /// Says that its secret is elsewhere.
    pub(super) fn set_secret(&mut self, new: SecretRef) {
        match &mut self.route {
            Route::Relay(relay) => relay.secret = new,
            Route::Direct(direct) => direct.secret = Some(new),
        }
    }

    /// Returns the fingerprint of the daemon's key; a direct remote has none.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        match &self.route {
            Route::Relay(relay) => Some(relay.fingerprint),
            Route::Direct(_) => None,
        }
    }
}

/// The way to a daemon.
#[derive(Debug, Clone, PartialEq)]
pub enum Route {
    /// Through a relay.
    Relay(RelayRoute),
    /// Straight to the daemon.
    Direct(DirectRoute),
}

/// Through a relay. The server id and the daemon's public key are in the secret.
#[derive(Debug, Clone, PartialEq)]
pub struct RelayRoute {
    /// Where the relay listens.
    pub endpoint: Endpoint,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// What the daemon's public key must hash to.
    pub fingerprint: Fingerprint,
    /// Where server id and key are.
    pub secret: SecretRef,
}

/// Straight to a daemon.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectRoute {
    /// Where it listens.
    pub address: Address,
    /// Where its password is, if it has one.
    pub secret: Option<SecretRef>,
}

/// Where a secret is: only this store is asked, and only for this id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRef {
    /// The store.
    pub store: StoreKind,
    /// The item in it.
    pub id: SecretId,
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.store)
    }
}

/// What a remote may be used for, and until when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guard {
    /// Nothing is changed on its daemon.
    pub readonly: bool,
    /// Whoever changes something on its daemon is asked first.
    pub protected: bool,
    /// From when on it is not used any more.
    pub expires: Option<Timestamp>,
}

/// Settings that `[defaults]` and each remote may have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Limit for everything up to an open WebSocket.
    pub connect_timeout: Option<Duration>,
    /// Default directory of `run`, a path on the daemon's machine.
    pub cwd: Option<String>,
    /// How long connections are kept ready after the last command; zero is not at all.
    pub persist: Option<Duration>,
    /// What lies between.
    pub network: NetworkOptions,
}

impl Options {
    /// Fills what is absent from `defaults`.
    pub fn or(self, defaults: &Self) -> Self {
        Self {
            connect_timeout: self.connect_timeout.or(defaults.connect_timeout),
            cwd: self.cwd.or_else(|| defaults.cwd.clone()),
            persist: self.persist.or(defaults.persist),
            network: self.network.or(&defaults.network),
        }
    }
}

/// A directory here and the same one on the daemon's machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirMapping {
    /// Here; may begin with `~`.
    pub local: String,
    /// There.
    pub remote: String,
}
