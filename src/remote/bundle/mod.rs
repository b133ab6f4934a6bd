//! Remotes together with their secrets, to be moved to another machine or given to somebody else
//! (`docs/security.md`, "Bundles").

mod content;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod sealed;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::item::ResolveError;
use super::name::RemoteName;
use super::profile::{Remote, SecretRef};
use crate::secret::{Secret, SecretId, StoreKind, Stores};

#[cfg(any(test, fuzzing))]
pub(crate) use fuzz::bundle as fuzz_bundle;
pub use sealed::{BundleError, MAX_BUNDLE_BYTES, SealFor, SealedBundle};

/// Remotes, each with its secret if it has one. Nothing here is sealed.
#[derive(Debug, Default)]
pub struct Bundle {
    remotes: Vec<Remote>,
    items: BTreeMap<SecretId, Secret<Vec<u8>>>,
}

impl Bundle {
    /// Reads the secrets of remotes. Beside the bundle it returns the settings that stay here, by remote:
    /// what a variable or a program of this machine gives means nothing on another.
    pub fn of(
        remotes: &[&Remote],
        stores: &Stores,
    ) -> Result<(Self, Vec<(RemoteName, String)>), ResolveError> {
        let (mut bundle, mut left) = (Self::default(), Vec::new());
        for remote in remotes {
            let mut remote = (*remote).clone();
            // A secret that does not fit its remote is found here, and not by whoever imports it.
            remote.resolve(stores)?;
            let item = match remote.secret() {
                Some(secret) => Some(remote.item(secret, stores)?),
                None => None,
            };
            let taken = remote.options.network.take_elsewhere();
            left.extend(taken.into_iter().map(|key| (remote.name.clone(), key)));
            bundle.push(remote, item);
        }
        Ok((bundle, left))
    }

    /// Adds a remote with its secret.
    pub fn push(&mut self, remote: Remote, item: Option<Secret<Vec<u8>>>) {
        if let Some((secret, item)) = remote.secret().zip(item) {
            self.items.insert(secret.id.clone(), item);
        }
        self.remotes.push(remote);
    }

    /// Adds everything of another bundle.
    pub fn append(&mut self, other: Self) {
        self.remotes.extend(other.remotes);
        self.items.extend(other.items);
    }

    /// Returns the remotes.
    pub fn remotes(&self) -> &[Remote] {
        &self.remotes
    }

    /// Returns each secret once, with the place where its remotes say that it is.
    pub fn secrets(&self) -> impl Iterator<Item = (&SecretRef, &Secret<Vec<u8>>)> {
        let mut seen = BTreeSet::new();
        let secrets = self.remotes.iter().filter_map(Remote::secret);
        let once = secrets.filter(move |secret| seen.insert(&secret.id));
        once.filter_map(|secret| Some((secret, self.items.get(&secret.id)?)))
    }

    /// Gives the remotes new names.
    pub fn rename(&mut self, new_name: impl Fn(&RemoteName) -> Option<RemoteName>) {
        for remote in &mut self.remotes {
            if let Some(name) = new_name(&remote.name) {
                remote.name = name;
            }
        }
    }

    /// Leaves remotes out, with the secrets that only they have.
    pub fn retain(&mut self, keep: impl Fn(&Remote) -> bool) {
        self.remotes.retain(keep);
        let used: BTreeSet<&SecretId> = secret_ids(&self.remotes).collect();
        self.items.retain(|id, _| used.contains(id));
    }

    /// Says that the secrets are in a store, under fresh ids. Remotes that share one go on to share it.
    pub fn keep_in(&mut self, store: StoreKind) {
        let mut fresh = BTreeMap::new();
        for remote in &mut self.remotes {
            let Some(old) = remote.secret().map(|secret| secret.id.clone()) else {
                continue;
            };
            let id = fresh.entry(old).or_insert_with(SecretId::random).clone();
            remote.set_secret(SecretRef { store, id });
        }
        let items = std::mem::take(&mut self.items).into_iter();
        self.items = items
            .filter_map(|(old, item)| Some((fresh.remove(&old)?, item)))
            .collect();
    }
}

fn secret_ids(remotes: &[Remote]) -> impl Iterator<Item = &SecretId> {
    let secrets = remotes.iter().filter_map(Remote::secret);
    secrets.map(|secret| &secret.id)
}
