//! Changes that concern both `remotes.toml` and a secret store.
//!
//! The two cannot change in one step. So before a change the secret's id is noted in the state
//! directory, and after it the note is removed. Whatever is killed in between leaves either the old
//! file or the new one, and at most a secret that no remote uses; the note tells which, and the next
//! change deletes it.

use std::fs;
use std::path::{Path, PathBuf};

use super::file::{ConfigError, Edit, RemotesFile};
use super::name::RemoteName;
use super::profile::{RelayRoute, Remote, SecretRef};
use subtle::ConstantTimeEq;

use crate::files::{self, FileError};
use crate::secret::{Secret, SecretId, StoreError, StoreKind, Stores, probe};

/// Directory of the notes, below the state directory. Each is named by an id and holds its store.
const NOTES: &str = "unfinished";
/// Largest note in bytes.
const MAX_NOTE: u64 = 64;

/// Why a remote was not added or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepError {
    /// `remotes.toml`.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The secret store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store has no secret for a remote.
    #[error("the secret of `{0}` is not in its store")]
    Missing(RemoteName),
    /// Somebody changed a remote while its secret was read.
    #[error("`{0}` has been changed meanwhile")]
    Changed(RemoteName),
}

/// Adds and removes remotes together with their secrets.
#[derive(Debug)]
pub struct Keeper<'a> {
    stores: &'a Stores,
    config_dir: Option<PathBuf>,
    notes: Option<PathBuf>,
}

impl<'a> Keeper<'a> {
    /// Takes the directories of settings and of state. Without one of state nothing is noted.
    pub fn new(stores: &'a Stores, config_dir: Option<&Path>, state_dir: Option<&Path>) -> Self {
        Self {
            stores,
            config_dir: config_dir.map(Path::to_owned),
            notes: state_dir.map(|dir| dir.join(NOTES)),
        }
    }

    /// Chooses the store of a new remote: the one that was asked for, else the OS keyring. Either must
    /// pass a [`probe`]. There is no second choice: who wants another store has to say so.
    pub fn choose(&self, asked: Option<StoreKind>) -> Result<StoreKind, KeepError> {
        let store = asked.unwrap_or(StoreKind::Keyring);
        let secret = SecretRef {
            store,
            id: SecretId::random(),
        };
        let opened = self.stores.open(store)?;
        // Whoever has to be asked is asked before others have to wait.
        opened.unlock()?;
        // Locked, so that nobody takes what is written for a probe for something left behind.
        let _edit = self.edit()?;
        self.note(&secret);
        probe(store, opened.as_ref(), &secret.id)?;
        self.forget(&secret.id);
        Ok(store)
    }

    /// Adds a remote and stores its secret; `change` may change more of the file in the same step.
    pub fn add(
        &self,
        remote: &Remote,
        item: Option<&Secret<Vec<u8>>>,
        change: impl FnOnce(&mut Edit) -> Result<(), ConfigError>,
    ) -> Result<RemotesFile, KeepError> {
        if let Some((secret, _)) = remote.secret().zip(item) {
            self.stores.open(secret.store)?.unlock()?;
        }
        let mut edit = self.edit()?;
        edit.insert(remote)?;
        change(&mut edit)?;
        let stored = remote.secret().zip(item);
        if let Some((secret, item)) = stored {
            self.note(secret);
            self.stores.open(secret.store)?.put(&secret.id, item)?;
        }
        let saved = edit.save();
        match (&saved, stored) {
            (Ok(_), Some((secret, _))) => self.forget(&secret.id),
            // When this fails too, the note stays.
            (Err(_), Some((secret, _))) => drop(self.discard(secret)),
            (_, None) => {}
        }
        Ok(saved?)
    }

    /// Gives a relay remote another offer: stores it under its new id, changes the file, and deletes the
    /// old one.
    pub fn repair(
        &self,
        name: &str,
        new: &RelayRoute,
        item: &Secret<Vec<u8>>,
    ) -> Result<(), KeepError> {
        self.stores.open(new.secret.store)?.unlock()?;
        let mut edit = self.edit()?;
        let old = edit
            .file()
            .get(name)
            .map_err(ConfigError::from)?
            .secret()
            .cloned();
        for (key, value) in [
            ("secret.store", new.secret.store.as_str().into()),
            ("secret.id", new.secret.id.as_str().into()),
            ("fingerprint", new.fingerprint.to_string().into()),
            ("relay.endpoint", new.endpoint.to_string().into()),
            ("relay.tls", new.tls.into()),
        ] {
            edit.set(name, key, value)?;
        }
        self.note(&new.secret);
        if let Some(old) = &old {
            self.note(old);
        }
        let store = self.stores.open(new.secret.store)?;
        store.put(&new.secret.id, item)?;
        let file = edit.save()?;
        self.forget(&new.secret.id);
        if let Some(old) = old.filter(|old| !is_used(&file, old)) {
            // When this fails, the note stays.
            drop(self.discard(&old));
        }
        Ok(())
    }

    /// Removes a remote and its secret. When the secret cannot be deleted, the remote is gone and the
    /// error of the store is returned beside it.
    pub fn remove(&self, name: &str) -> Result<(Remote, Result<(), StoreError>), KeepError> {
        let mut edit = self.edit()?;
        let remote = edit.remove(name)?;
        if let Some(secret) = remote.secret() {
            self.note(secret);
        }
        let file = edit.save()?;
        let deleted = match remote.secret().filter(|secret| !is_used(&file, secret)) {
            Some(secret) => self.discard(secret),
            None => Ok(()),
        };
        Ok((remote, deleted))
    }

    /// Moves the secret of a remote into another store: copies it under a new id, reads it back, switches
    /// the file over, and deletes the old one. When that cannot be deleted, the remote has been moved and
    /// the error of the old store is returned.
    pub fn migrate(
        &self,
        remote: &Remote,
        to: StoreKind,
    ) -> Result<Result<(), StoreError>, KeepError> {
        let Some(old) = remote.secret() else {
            return Ok(Ok(()));
        };
        let new = SecretRef {
            store: to,
            id: SecretId::random(),
        };
        let target = self.stores.open(to)?;
        target.unlock()?;
        // Read before the file is locked: it may ask somebody.
        let item = self.stores.open(old.store)?.get(&old.id)?;
        let item = item.ok_or_else(|| KeepError::Missing(remote.name.clone()))?;
        let mut edit = self.edit()?;
        let found = edit.file().get(remote.name.as_str());
        if found.map_err(ConfigError::from)?.secret() != Some(old) {
            return Err(KeepError::Changed(remote.name.clone()));
        }
        edit.set(remote.name.as_str(), "secret.store", to.as_str().into())?;
        edit.set(remote.name.as_str(), "secret.id", new.id.as_str().into())?;
        self.note(&new);
        self.note(old);
        target.put(&new.id, &item)?;
        let copy = target.get(&new.id)?;
        if !copy.is_some_and(|copy| copy.expose().ct_eq(item.expose()).into()) {
            drop(self.discard(&new));
            return Err(KeepError::Store(StoreError::Failed {
                store: to,
                reason: "it does not return what was stored".to_owned(),
            }));
        }
        let file = edit.save()?;
        self.forget(&new.id);
        if is_used(&file, old) {
            self.forget(&old.id);
            return Ok(Ok(()));
        }
        Ok(self.discard(old))
    }

    /// Returns the secrets of changes that did not come to their end: no remote uses them.
    pub fn unfinished(&self, file: &RemotesFile) -> Vec<SecretRef> {
        let noted = self.noted().into_iter();
        noted.filter(|secret| !is_used(file, secret)).collect()
    }

    fn noted(&self) -> Vec<SecretRef> {
        let Some(entries) = self.notes.as_ref().and_then(|dir| fs::read_dir(dir).ok()) else {
            return Vec::new();
        };
        let secret = |path: PathBuf| {
            let id: SecretId = path.file_name()?.to_str()?.parse().ok()?;
            let store = files::read(&path, MAX_NOTE).ok()??;
            let store: StoreKind = std::str::from_utf8(&store).ok()?.parse().ok()?;
            Some(SecretRef { store, id })
        };
        let paths = entries.flatten().map(|entry| entry.path());
        paths.filter_map(secret).collect()
    }

    /// Locks the file, and deletes what earlier changes left behind, as far as that is possible: nobody
    /// else can be in the middle of a change now.
    fn edit(&self) -> Result<Edit, ConfigError> {
        let edit = RemotesFile::edit(self.config_dir.as_deref())?;
        for secret in self.noted() {
            if is_used(edit.file(), &secret) {
                self.forget(&secret.id);
            } else {
                drop(self.discard(&secret));
            }
        }
        Ok(edit)
    }

    fn discard(&self, secret: &SecretRef) -> Result<(), StoreError> {
        self.stores.open(secret.store)?.delete(&secret.id)?;
        self.forget(&secret.id);
        Ok(())
    }

    /// Notes a secret. A state directory that cannot be written is no reason not to go on.
    fn note(&self, secret: &SecretRef) {
        let write = |dir: &PathBuf| -> Result<(), FileError> {
            files::create_private_dir(dir)?;
            files::write_private(
                &dir.join(secret.id.as_str()),
                secret.store.as_str().as_bytes(),
            )
        };
        let _ = self.notes.as_ref().map(write);
    }

    fn forget(&self, id: &SecretId) {
        let _ = self
            .notes
            .as_ref()
            .map(|dir| files::remove(&dir.join(id.as_str())));
    }
}

fn is_used(file: &RemotesFile, secret: &SecretRef) -> bool {
    file.remotes().any(|remote| remote.secret() == Some(secret))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::e2ee::SecretKey;
    use crate::pairing::Offer;
    use crate::remote::{
        Address, DirectRoute, Guard, Options, RelayRoute, Route, offer_item, password_item,
    };

    /// Every byte below a directory, names of files included.
    fn published(dir: &Path) -> Vec<u8> {
        let mut bytes = dir.as_os_str().as_encoded_bytes().to_vec();
        match fs::read_dir(dir) {
            Ok(entries) => {
                entries.for_each(|entry| bytes.extend(published(&entry.unwrap().path())))
            }
            Err(_) => bytes.extend(fs::read(dir).unwrap()),
        }
        bytes
    }

    /// Fails when any eight bytes of a secret, in any usual spelling, are published.
    fn assert_absent(published: &[u8], secret: &[u8]) {
        let hex = secret
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>();
        let spellings = [
            secret.to_vec(),
            hex.into_bytes(),
            base64_simd::STANDARD_NO_PAD
                .encode_to_string(secret)
                .into_bytes(),
            base64_simd::URL_SAFE_NO_PAD
                .encode_to_string(secret)
                .into_bytes(),
        ];
        for spelling in spellings {
            for part in spelling.windows(8) {
                let found = published.windows(8).any(|window| window == part);
                assert!(!found, "{}", String::from_utf8_lossy(part));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// `remotes.toml` and the state, while a change is going on and after it.
        #[test]
        fn the_file_can_be_published(
            server_id in "[A-Za-z0-9_-]{12,40}",
            password in "[ -~]{12,40}",
            key in any::<[u8; 32]>(),
            description in proptest::option::of("[ -~]{0,7}"),
        ) {
            let home = tempfile::tempdir().unwrap();
            let (config, state) = (home.path().join("config"), home.path().join("state"));
            let stores = Stores::new(Some(home.path().join("data")), Duration::ZERO);
            let keeper = Keeper::new(&stores, Some(&config), Some(&state));
            let key = SecretKey::from_bytes(&key).public_key();
            let endpoint: crate::protocol::relay::Endpoint = "r:1".parse().unwrap();
            let offer = Offer::new(server_id.as_str().into(), key, endpoint.clone(), None);
            let secret = || SecretRef { store: StoreKind::File, id: SecretId::random() };
            let relay = Route::Relay(RelayRoute {
                endpoint,
                tls: false,
                fingerprint: key.fingerprint(),
                secret: secret(),
            });
            let address: Address = "d:1".parse().unwrap();
            let direct = Route::Direct(DirectRoute { address, secret: Some(secret()) });
            let items = [offer_item(&offer), password_item(&password.as_str().into())];
            for (n, (route, item)) in [relay, direct].into_iter().zip(&items).enumerate() {
                let remote = Remote {
                    name: format!("r{n}").parse().unwrap(),
                    description: description.clone(),
                    tags: Vec::new(),
                    route,
                    options: Options::default(),
                    roads: Vec::new(),
                    dirs: Vec::new(),
                    guard: Guard::default(),
                    added: None,
                };
                keeper.note(remote.secret().unwrap());
                keeper.add(&remote, Some(item), |_| Ok(())).unwrap();
            }
            let published = [published(&config), published(&state)].concat();
            let link = offer.to_link("");
            for secret in [server_id.as_bytes(), password.as_bytes(), key.as_bytes(), link.expose().as_bytes()] {
                assert_absent(&published, secret);
            }
            // The fingerprint alone is no key: a store without the items resolves nothing.
            let empty = Stores::new(Some(home.path().join("empty")), Duration::ZERO);
            for remote in RemotesFile::load(Some(&config)).unwrap().remotes() {
                prop_assert!(remote.resolve(&stores).is_ok());
                prop_assert!(remote.resolve(&empty).is_err());
            }
        }
    }
}
