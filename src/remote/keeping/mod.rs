//! Changes that concern both `remotes.toml` and a secret store.
//!
//! The two cannot change in one step. So before a change the secret's id is noted in the state
//! directory, and after it the note is removed. Whatever is killed in between leaves either the old
//! file or the new one, and at most a secret that no remote uses; the note tells which, and the next
//! change deletes it. When the disk does not confirm the new file, a power failure may bring the old one
//! back: then the secrets of both stay, noted, until a change begins with a file that is confirmed.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::bundle::Bundle;
use super::file::{ConfigError, Edit, RemotesFile};
use super::name::RemoteName;
use super::profile::{RelayRoute, Remote, SecretRef};

use crate::files::{self, FileError};
use crate::secret::{Secret, SecretId, StoreError, StoreKind, Stores, probe};

/// What a store keeps for a [`SecretRef`].
type Item = Secret<Vec<u8>>;

/// A secret that was to be deleted, and what came of it.
pub type Pruned = (SecretRef, Result<(), StoreError>);

/// A secret that a change has left; an error where the store does not tell whether it is there.
pub type Left = (SecretRef, Result<(), StoreError>);

/// Directory of the notes, below the state directory. Each is named by an id and holds its store.
const NOTES: &str = "unfinished";
/// Largest note in bytes.
const MAX_NOTE: u64 = 64;

/// What stands behind the store in the note of a probe.
const PROBE: &str = " probe";

/// What a note is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noted {
    /// A secret that somebody has given.
    Secret,
    /// What was made up to see whether a store works.
    Probe,
}

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
    /// The store has no secret for something.
    #[error("the secret of {0} is not in its store")]
    Missing(Holder),
    /// Somebody changed it while its secret was read.
    #[error("{0} has been changed meanwhile")]
    Changed(Holder),
}

/// What in the file has a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A remote.
    Remote(RemoteName),
    /// This machine as somebody that bundles are sealed for.
    Recipient,
}

/// As it stands in a sentence.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(name) => write!(f, "`{name}`"),
            Self::Recipient => f.write_str("this recipient"),
        }
    }
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
        self.note(&secret, Noted::Probe);
        let probed = probe(store, opened.as_ref(), &secret.id);
        if probed.as_ref().err().is_none_or(StoreError::kept_nothing) {
            self.forget(&secret.id);
        }
        Ok(probed.map(|()| store)?)
    }

    /// Adds a remote and stores its secret; `change` may change more of the file in the same step.
    pub fn add(
        &self,
        remote: &Remote,
        item: Option<&Item>,
        change: impl FnOnce(&mut Edit) -> Result<(), ConfigError>,
    ) -> Result<RemotesFile, KeepError> {
        let new: Vec<_> = remote.secret().zip(item).into_iter().collect();
        let mut change = Some(change);
        let (file, _) = self.exchange(&new, &mut |edit| {
            edit.insert(remote)?;
            if let Some(change) = change.take() {
                change(edit)?;
            }
            Ok(Vec::new())
        })?;
        Ok(file)
    }

    /// Adds the remotes of a bundle, all or none, in place of those in `replaced`, which must still be what
    /// they were. When the secret of one of these cannot be deleted, the error of its store is returned
    /// beside the file.
    pub fn import(
        &self,
        bundle: &Bundle,
        replaced: &[&Remote],
    ) -> Result<(RemotesFile, Result<(), StoreError>), KeepError> {
        let new: Vec<_> = bundle.secrets().collect();
        self.exchange(&new, &mut |edit| {
            for old in replaced {
                let now = edit.file().get(old.name.as_str());
                if now.map_err(ConfigError::from)? != *old {
                    return Err(KeepError::Changed(Holder::Remote(old.name.clone())));
                }
            }
            for remote in bundle.remotes() {
                match replaced.iter().any(|old| old.name == remote.name) {
                    true => edit.replace(remote)?,
                    false => edit.insert(remote)?,
                }
            }
            Ok(replaced
                .iter()
                .filter_map(|old| old.secret().cloned())
                .collect())
        })
    }

    /// Gives a relay remote another offer; `change` may change more of the file in the same step.
    pub fn repair(
        &self,
        name: &str,
        new: &RelayRoute,
        item: &Item,
        change: &mut dyn FnMut(&mut Edit) -> Result<(), ConfigError>,
    ) -> Result<(), KeepError> {
        let _left = self.exchange(&[(&new.secret, item)], &mut |edit| {
            let old = edit.file().get(name).map_err(ConfigError::from)?;
            let old = old.secret().cloned();
            for (key, value) in [
                ("secret.store", new.secret.store.as_str().into()),
                ("secret.id", new.secret.id.as_str().into()),
                ("fingerprint", new.fingerprint.to_string().into()),
                ("relay.endpoint", new.endpoint.to_string().into()),
                ("relay.tls", new.tls.into()),
            ] {
                edit.set(name, key, value)?;
            }
            change(edit)?;
            Ok(old.into_iter().collect())
        })?;
        // An old secret that cannot be deleted is noted.
        Ok(())
    }

    /// Gives a remote another secret, or none; `change` may change more of the file in the same step.
    pub fn renew(
        &self,
        name: &RemoteName,
        new: Option<(&SecretRef, &Item)>,
        change: &mut dyn FnMut(&mut Edit) -> Result<(), ConfigError>,
    ) -> Result<(), KeepError> {
        let news: Vec<_> = new.into_iter().collect();
        let _left = self.exchange(&news, &mut |edit| {
            let old = edit.file().get(name.as_str()).map_err(ConfigError::from)?;
            let old = old.secret().cloned();
            match new {
                Some((secret, _)) => edit.set_secret(&Holder::Remote(name.clone()), secret)?,
                None => edit.unset(name.as_str(), "secret")?,
            }
            change(edit)?;
            Ok(old.into_iter().collect())
        })?;
        // An old secret that cannot be deleted is noted.
        Ok(())
    }

    /// Makes this machine somebody that bundles can be sealed for, or gives it another key.
    pub fn set_recipient(&self, secret: &SecretRef, key: &Item) -> Result<(), KeepError> {
        let _left = self.exchange(&[(secret, key)], &mut |edit| {
            let old = edit.file().recipient().cloned();
            edit.set_secret(&Holder::Recipient, secret)?;
            Ok(old.into_iter().collect())
        })?;
        Ok(())
    }

    /// Removes a remote and its secret. When the secret cannot be deleted, the remote is gone and the
    /// error of the store is returned beside it.
    pub fn remove(&self, name: &str) -> Result<(Remote, Result<(), StoreError>), KeepError> {
        let mut removed = None;
        let (_, deleted) = self.exchange(&[], &mut |edit| {
            let remote = removed.insert(edit.remove(name)?);
            Ok(remote.secret().cloned().into_iter().collect())
        })?;
        let removed = removed.ok_or(ConfigError::NoDirectory)?;
        Ok((removed, deleted))
    }

    /// Gives the secrets of remotes that have another name now the label with that name. Returns those that keep the old
    /// one, and why.
    pub fn relabel(&self, before: &RemotesFile, after: &RemotesFile) -> Vec<Pruned> {
        let secrets = after.remotes().filter_map(|remote| remote.secret());
        let renamed = secrets
            .filter(|secret| before.uses(secret) && label(before, secret) != label(after, secret));
        let labelled = renamed.map(|secret| {
            let label = label(after, secret);
            let labelled = self.stores.relabel(secret.store, &secret.id, &label);
            (secret.clone(), labelled)
        });
        labelled.filter(|(_, labelled)| labelled.is_err()).collect()
    }

    /// Moves a secret into another store: copies it under a new id, reads it back, switches the file over,
    /// and deletes the old one. When that cannot be deleted, the secret has been moved and the error of the
    /// old store is returned.
    pub fn migrate(
        &self,
        holder: &Holder,
        old: &SecretRef,
        to: StoreKind,
    ) -> Result<Result<(), StoreError>, KeepError> {
        let new = SecretRef {
            store: to,
            id: SecretId::random(),
        };
        self.stores.open(to)?.unlock()?;
        // Read before the file is locked: it may ask somebody.
        let item = self.stores.open(old.store)?.get(&old.id)?;
        let item = item.ok_or_else(|| KeepError::Missing(holder.clone()))?;
        let (_, deleted) = self.exchange(&[(&new, &item)], &mut |edit| {
            if edit.file().secret_of(holder)? != Some(old) {
                return Err(KeepError::Changed(holder.clone()));
            }
            edit.set_secret(holder, &new)?;
            Ok(vec![old.clone()])
        })?;
        Ok(deleted)
    }

    /// Makes one change of file and stores: stores what is new and reads it back, changes the file, and
    /// deletes the secrets that `change` gives back, as far as nothing else in the file has them. When it
    /// fails before the file is changed, what was stored is deleted again. When an old secret cannot be
    /// deleted, it stays noted, and the error of its store is returned beside the file.
    fn exchange(
        &self,
        new: &[(&SecretRef, &Item)],
        change: &mut dyn FnMut(&mut Edit) -> Result<Vec<SecretRef>, KeepError>,
    ) -> Result<(RemotesFile, Result<(), StoreError>), KeepError> {
        // Whoever has to be asked is asked before others have to wait.
        for (secret, _) in new {
            self.stores.open(secret.store)?.unlock()?;
        }
        let mut edit = self.edit()?;
        let old = change(&mut edit)?;
        for secret in new.iter().map(|(secret, _)| *secret).chain(&old) {
            self.note(secret, Noted::Secret);
        }
        let mut tried = 0;
        let stored = new.iter().try_for_each(|(secret, item)| {
            tried += 1;
            self.store(secret, &label(edit.file(), secret), item)
        });
        let saved = stored
            .map_err(KeepError::from)
            .and_then(|()| Ok(edit.save()?));
        if matches!(&saved, Err(KeepError::Config(error)) if error.is_in_place()) {
            // Either file may be there after a power failure, so nothing that one of them names is deleted.
            return saved.map(|file| (file, Ok(())));
        }
        for (index, (secret, _)) in new.iter().enumerate() {
            match &saved {
                Ok(_) => self.forget(&secret.id),
                Err(_) if index >= tried => self.forget(&secret.id),
                // When this fails too, the note stays.
                Err(_) => drop(self.discard(secret)),
            }
        }
        let file = saved?;
        let mut deleted = Ok(());
        for secret in &old {
            match file.uses(secret) {
                true => self.forget(&secret.id),
                false => deleted = deleted.and(self.discard(secret)),
            }
        }
        Ok((file, deleted))
    }

    /// Stores an item, and sees whether it is there.
    fn store(&self, secret: &SecretRef, label: &str, item: &Item) -> Result<(), StoreError> {
        let store = self.stores.open(secret.store)?;
        let put = store.put_labelled(&secret.id, label, item);
        if put.as_ref().is_err_and(StoreError::kept_nothing) {
            self.forget(&secret.id);
        }
        put?;
        let copy = store.get(&secret.id)?;
        match copy.is_some_and(|copy| copy.is(item.expose())) {
            true => Ok(()),
            false => Err(StoreError::Failed {
                store: secret.store,
                reason: "it does not return what was stored".to_owned(),
            }),
        }
    }

    /// Returns the secrets of changes that did not come to their end, as far as they are still in their store or nobody can
    /// tell: no remote uses them. What a probe wrote is among them only where it can be seen that it is still there: it is
    /// no secret, and goes with the next change. Asks nobody.
    pub fn unfinished(&self, file: &RemotesFile) -> Vec<Left> {
        let noted = self.noted().into_iter();
        let unused = noted.filter(|(secret, _)| !file.uses(secret));
        let left = unused.filter_map(|(secret, noted)| match (self.is_there(&secret), noted) {
            (Ok(true), _) => Some((secret, Ok(()))),
            (Err(error), Noted::Secret) => Some((secret, Err(error))),
            (Ok(false), _) | (Err(_), Noted::Probe) => None,
        });
        left.collect()
    }

    /// Returns whether a store has a secret. Asks nobody, so a store may not tell.
    fn is_there(&self, secret: &SecretRef) -> Result<bool, StoreError> {
        match secret.store {
            StoreKind::File | StoreKind::Vault => {
                Ok(self.stores.ids(secret.store).contains(&secret.id))
            }
            StoreKind::Keyring => {
                let keyring = self.stores.open(secret.store)?;
                keyring.status()?;
                Ok(keyring.get(&secret.id)?.is_some())
            }
            // The user's program may ask somebody.
            store @ StoreKind::Command => Err(StoreError::Locked { store }),
        }
    }

    /// Returns the other secrets that no remote of this file uses, of the stores that can be listed. Those of another
    /// file may be among them.
    pub fn unused(&self, file: &RemotesFile) -> Vec<SecretRef> {
        let noted = self.noted();
        let stores = [StoreKind::File, StoreKind::Vault].into_iter();
        let stored = stores.flat_map(|store| {
            let ids = self.stores.ids(store).into_iter();
            ids.map(move |id| SecretRef { store, id })
        });
        let is_noted = |secret: &SecretRef| noted.iter().any(|(noted, _)| noted == secret);
        let unused = stored.filter(|secret| !is_noted(secret) && !file.uses(secret));
        unused.collect()
    }

    /// Deletes secrets, unless a remote uses them by now. Returns what came of each.
    pub fn prune(&self, unused: Vec<SecretRef>) -> Result<Vec<Pruned>, ConfigError> {
        let edit = self.edit()?;
        let unused = unused.into_iter();
        let unused = unused.filter(|secret| !edit.file().uses(secret));
        let pruned = unused.map(|secret| {
            let deleted = self.discard(&secret);
            (secret, deleted)
        });
        Ok(pruned.collect())
    }

    /// Returns where the notes are.
    pub fn notes_dir(&self) -> Option<&Path> {
        self.notes.as_deref()
    }

    fn noted(&self) -> Vec<(SecretRef, Noted)> {
        let Some(entries) = self.notes.as_ref().and_then(|dir| fs::read_dir(dir).ok()) else {
            return Vec::new();
        };
        let secret = |path: PathBuf| {
            let id: SecretId = path.file_name()?.to_str()?.parse().ok()?;
            let store = files::read(&path, MAX_NOTE).ok()??;
            let text = std::str::from_utf8(&store).ok()?;
            let (store, noted) = match text.strip_suffix(PROBE) {
                Some(store) => (store, Noted::Probe),
                None => (text, Noted::Secret),
            };
            let store: StoreKind = store.parse().ok()?;
            Some((SecretRef { store, id }, noted))
        };
        let paths = entries.flatten().map(|entry| entry.path());
        paths.filter_map(secret).collect()
    }

    /// Locks the file, and deletes what earlier changes left behind, as far as that is possible: nobody
    /// else can be in the middle of a change now.
    fn edit(&self) -> Result<Edit, ConfigError> {
        let edit = RemotesFile::edit(self.config_dir.as_deref())?;
        let noted = self.noted();
        let is_confirmed = |path| files::settle(path).is_ok();
        if !noted.is_empty() && edit.file().path().is_some_and(is_confirmed) {
            for (secret, _) in noted {
                match edit.file().uses(&secret) {
                    true => self.forget(&secret.id),
                    false => drop(self.discard(&secret)),
                }
            }
        }
        // Where that fails, `doctor` goes on naming it.
        let _ = self.notes.as_ref().map(|dir| files::sweep_dir(dir));
        let _ = self.stores.vault().and_then(|vault| vault.sweep());
        Ok(edit)
    }

    fn discard(&self, secret: &SecretRef) -> Result<(), StoreError> {
        self.stores.open(secret.store)?.delete(&secret.id)?;
        self.forget(&secret.id);
        Ok(())
    }

    /// Notes a secret. A state directory that cannot be written is no reason not to go on.
    fn note(&self, secret: &SecretRef, what: Noted) {
        let text = match what {
            Noted::Secret => secret.store.as_str().to_owned(),
            Noted::Probe => format!("{}{PROBE}", secret.store),
        };
        let write = |dir: &PathBuf| -> Result<(), FileError> {
            files::create_private_dir(dir)?;
            files::write_private(&dir.join(secret.id.as_str()), text.as_bytes(), MAX_NOTE)
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

/// Returns what a manager of the keyring shows: the name of the remote that has the secret.
fn label(file: &RemotesFile, secret: &SecretRef) -> String {
    let holder = file
        .remotes()
        .find(|remote| remote.secret() == Some(secret));
    match holder {
        Some(remote) => format!("paseo: {}", remote.name),
        None => "paseo".to_owned(),
    }
}

#[cfg(test)]
mod tests;
