//! What the secret store holds for a remote.
//!
//! For a relay: the pairing offer as JSON, with the daemon's password if it requires one, and unknown fields included, so
//! that nothing a newer daemon added is lost. For a direct remote: `{"v":1,"password":"…"}`.

use serde::{Deserialize, Serialize};

use super::host::Address;
use super::name::RemoteName;
use super::profile::{RelayRoute, Remote, Route, SecretRef};
use crate::e2ee::Fingerprint;
use crate::pairing::Offer;
use crate::secret::{Secret, StoreError, StoreKind, Stores};
use crate::target::Target;

/// The one version of an item with a password.
const PASSWORD_VERSION: u32 = 1;

/// Why the secret of a remote is no use. Nothing of it is repeated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store has no such item.
    #[error("the secret of `{remote}` is not in the secret store `{store}`")]
    Missing {
        /// The remote.
        remote: RemoteName,
        /// The store.
        store: StoreKind,
    },
    /// The item is not what we write.
    #[error("the secret of `{remote}` in the secret store `{store}` is damaged")]
    Damaged {
        /// The remote.
        remote: RemoteName,
        /// The store.
        store: StoreKind,
    },
    /// File and store disagree about the daemon's key: one of them was changed.
    #[error("the key of `{remote}` is {found}, but remotes.toml says {expected}")]
    Fingerprint {
        /// The remote.
        remote: RemoteName,
        /// What the file says.
        expected: Fingerprint,
        /// What the key in the store has.
        found: Fingerprint,
    },
}

#[derive(Serialize, Deserialize)]
struct Password<T> {
    v: u32,
    password: T,
}

/// Returns the item for an offer.
pub fn offer_item(offer: &Offer) -> Secret<Vec<u8>> {
    Secret::new(offer.to_json().expose().clone().into_bytes())
}

/// Returns the item for a password.
pub fn password_item(password: &Secret<String>) -> Secret<Vec<u8>> {
    let item = Password {
        v: PASSWORD_VERSION,
        password: password.expose().as_str(),
    };
    Secret::new(serde_json::to_vec(&item).expect("a text can be written as JSON"))
}

/// Returns where an offer leads.
pub fn offer_target(offer: &Offer) -> Target {
    Target::Relay {
        relay: offer.relay.clone(),
        tls: offer.uses_tls(),
        server_id: offer.server_id.clone(),
        daemon_key: offer.daemon_key,
        token: offer.relay_token.clone(),
        password: offer.password.clone(),
    }
}

impl Address {
    /// Returns whether the network cannot read what is sent there.
    fn is_unreadable(&self) -> bool {
        match self {
            Self::Tcp { tls, .. } => *tls,
            Self::Unix { .. } | Self::Ssh { .. } => true,
        }
    }

    /// Returns this address as a target.
    pub fn target(&self, password: Option<Secret<String>>) -> Target {
        match self.clone() {
            Self::Tcp { endpoint, tls } => Target::Tcp {
                endpoint,
                tls,
                password,
            },
            Self::Unix { path } => Target::Unix { path, password },
            Self::Ssh { host } => Target::Ssh { host, password },
        }
    }
}

impl Remote {
    /// Looks the secret up and returns where to connect. Nothing else reads a secret store on the way
    /// to a daemon.
    pub fn resolve(&self, stores: &Stores) -> Result<Target, ResolveError> {
        match &self.route {
            Route::Relay(relay) => Ok(offer_target(&self.relay_offer(relay, stores)?)),
            Route::Direct(direct) => {
                let password = match &direct.secret {
                    Some(secret) => Some(self.password(secret, stores)?),
                    None => None,
                };
                Ok(direct.address.target(password))
            }
        }
    }

    /// Looks the secret up and returns every road to the daemon, its own address first. The password of a direct remote
    /// holds on all of them: it is the same daemon. That of a paired one was given for a channel that nobody else can
    /// read, so it goes only where the network cannot read it either.
    pub fn resolve_roads(&self, stores: &Stores) -> Result<Vec<Target>, ResolveError> {
        let own = self.resolve(stores)?;
        let is_paired = matches!(own, Target::Relay { .. });
        let password = |road: &Address| {
            let password = own.password();
            password
                .filter(|_| !is_paired || road.is_unreadable())
                .cloned()
        };
        let others: Vec<_> = self
            .roads
            .iter()
            .map(|road| road.target(password(road)))
            .collect();
        Ok(std::iter::once(own).chain(others).collect())
    }

    /// Returns the offer of a relay remote, with the relay that the file names; `None` for a direct one.
    pub fn offer(&self, stores: &Stores) -> Result<Option<Offer>, ResolveError> {
        match &self.route {
            Route::Relay(relay) => self.relay_offer(relay, stores).map(Some),
            Route::Direct(_) => Ok(None),
        }
    }

    fn relay_offer(&self, route: &RelayRoute, stores: &Stores) -> Result<Offer, ResolveError> {
        self.offer_in(route, &self.item(&route.secret, stores)?)
    }

    fn offer_in(&self, route: &RelayRoute, item: &Secret<Vec<u8>>) -> Result<Offer, ResolveError> {
        let offer = Offer::from_json(item.expose());
        let mut offer = offer.map_err(|_| self.damaged(&route.secret))?;
        let found = offer.daemon_key.fingerprint();
        if found != route.fingerprint {
            return Err(ResolveError::Fingerprint {
                remote: self.name.clone(),
                expected: route.fingerprint,
                found,
            });
        }
        offer.relay = route.endpoint.clone();
        offer.use_tls = Some(route.tls);
        Ok(offer)
    }

    fn password(
        &self,
        secret: &SecretRef,
        stores: &Stores,
    ) -> Result<Secret<String>, ResolveError> {
        self.password_in(secret, &self.item(secret, stores)?)
    }

    fn password_in(
        &self,
        secret: &SecretRef,
        item: &Secret<Vec<u8>>,
    ) -> Result<Secret<String>, ResolveError> {
        match serde_json::from_slice::<Password<String>>(item.expose()) {
            Ok(Password {
                v: PASSWORD_VERSION,
                password,
            }) => Ok(Secret::new(password)),
            _ => Err(self.damaged(secret)),
        }
    }

    /// Returns whether an item is one for this remote.
    pub(super) fn takes(&self, item: &Secret<Vec<u8>>) -> bool {
        match &self.route {
            Route::Relay(relay) => self.offer_in(relay, item).is_ok(),
            Route::Direct(direct) => {
                let secret = direct.secret.as_ref();
                secret.is_some_and(|secret| self.password_in(secret, item).is_ok())
            }
        }
    }

    pub(super) fn item(
        &self,
        secret: &SecretRef,
        stores: &Stores,
    ) -> Result<Secret<Vec<u8>>, ResolveError> {
        let item = stores.open(secret.store)?.get(&secret.id)?;
        item.ok_or_else(|| ResolveError::Missing {
            remote: self.name.clone(),
            store: secret.store,
        })
    }

    fn damaged(&self, secret: &SecretRef) -> ResolveError {
        ResolveError::Damaged {
            remote: self.name.clone(),
            store: secret.store,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::e2ee::SecretKey;
    use crate::remote::{DirectRoute, Guard};
    use crate::secret::SecretId;

    const UNKNOWN: &str = r#"{"v":2,"serverId":"srv_x","daemonPublicKeyB64":"KEY","relay":{"endpoint":"old:1","zone":"eu"},"invite":{"id":7}}"#;

    fn stores(dir: &std::path::Path) -> Stores {
        Stores::new(Some(dir.to_owned()), Duration::ZERO)
    }

    fn remote(route: Route) -> Remote {
        Remote {
            name: "work".parse().unwrap(),
            description: None,
            tags: Vec::new(),
            route,
            options: crate::remote::Options::default(),
            roads: Vec::new(),
            dirs: Vec::new(),
            guard: Guard::default(),
            added: None,
        }
    }

    fn secret_ref() -> SecretRef {
        SecretRef {
            store: StoreKind::File,
            id: SecretId::random(),
        }
    }

    fn relay_remote(stores: &Stores) -> (Remote, SecretRef) {
        let key = SecretKey::generate().public_key();
        let offer = Offer::parse(&UNKNOWN.replace("KEY", &key.to_base64())).unwrap();
        let secret = secret_ref();
        let store = stores.open(secret.store).unwrap();
        store.put(&secret.id, &offer_item(&offer)).unwrap();
        let route = RelayRoute {
            endpoint: "new:2".parse().unwrap(),
            tls: true,
            fingerprint: key.fingerprint(),
            secret: secret.clone(),
        };
        (remote(Route::Relay(route)), secret)
    }

    #[test]
    fn an_offer_comes_back_with_what_a_newer_daemon_added_and_the_relay_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let stores = stores(dir.path());
        let (remote, _) = relay_remote(&stores);
        let offer = remote.offer(&stores).unwrap().unwrap();
        let json = offer.to_json().expose().clone();
        for part in [
            r#""endpoint":"new:2""#,
            r#""useTls":true"#,
            r#""zone":"eu""#,
            r#""invite":{"id":7}"#,
        ] {
            assert!(json.contains(part), "{part}");
        }
        assert_eq!(remote.resolve(&stores).unwrap().to_string(), "relay new:2");
    }

    #[test]
    fn the_password_of_a_paired_remote_goes_where_nobody_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let stores = stores(dir.path());
        let (mut remote, secret) = relay_remote(&stores);
        let roads = [
            "tcp://10.0.0.5:1",
            "tcp://10.0.0.5:1?ssl=true",
            "unix:///s",
            "ssh://h",
        ];
        remote.roads = roads.map(|road| road.parse().unwrap()).to_vec();
        let shown = |remote: &Remote| -> Vec<bool> {
            let roads = remote.resolve_roads(&stores).unwrap();
            roads.iter().map(|road| road.password().is_some()).collect()
        };
        assert_eq!(shown(&remote), [false; 5]);
        let mut offer = remote.offer(&stores).unwrap().unwrap();
        offer.password = Some("h\u{fc}nter 2".into());
        let store = stores.open(secret.store).unwrap();
        store.put(&secret.id, &offer_item(&offer)).unwrap();
        assert_eq!(shown(&remote), [true, false, true, true, true]);
    }

    #[test]
    fn another_key_in_the_store_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let stores = stores(dir.path());
        let (mut remote, _) = relay_remote(&stores);
        if let Route::Relay(route) = &mut remote.route {
            route.fingerprint = SecretKey::generate().public_key().fingerprint();
        }
        let error = remote.resolve(&stores).unwrap_err();
        assert!(matches!(error, ResolveError::Fingerprint { .. }), "{error}");
    }

    #[test]
    fn missing_and_damaged_items_say_so_without_content() {
        let dir = tempfile::tempdir().unwrap();
        let stores = stores(dir.path());
        let (remote, secret) = relay_remote(&stores);
        let store = stores.open(StoreKind::File).unwrap();
        for damage in [
            &b"srv_x not json"[..],
            b"{}",
            b"\xff",
            br#"{"v":1,"password":"hunter2"}"#,
        ] {
            store
                .put(&secret.id, &Secret::new(damage.to_vec()))
                .unwrap();
            let error = remote.resolve(&stores).unwrap_err();
            assert!(matches!(error, ResolveError::Damaged { .. }), "{error}");
            let shown = format!("{error} {error:?}");
            assert!(
                !shown.contains("srv_x") && !shown.contains("hunter2"),
                "{shown}"
            );
        }
        store.delete(&secret.id).unwrap();
        let error = remote.resolve(&stores).unwrap_err();
        assert!(matches!(error, ResolveError::Missing { .. }), "{error}");
    }

    #[test]
    fn passwords_of_direct_remotes() {
        let dir = tempfile::tempdir().unwrap();
        let stores = stores(dir.path());
        let secret = secret_ref();
        let item = password_item(&"p\u{e4}\"ss".into());
        stores
            .open(secret.store)
            .unwrap()
            .put(&secret.id, &item)
            .unwrap();
        let address: Address = "tcp://10.0.0.5:1?ssl=true".parse().unwrap();
        for (secret, expected) in [(Some(secret), Some("p\u{e4}\"ss")), (None, None)] {
            let address = address.clone();
            let remote = remote(Route::Direct(DirectRoute { address, secret }));
            let Target::Tcp {
                password,
                tls: true,
                ..
            } = remote.resolve(&stores).unwrap()
            else {
                panic!("not a direct target");
            };
            assert_eq!(password.as_ref().map(|p| p.expose().as_str()), expected);
            assert!(remote.offer(&stores).unwrap().is_none());
        }
    }
}
