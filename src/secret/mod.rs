//! Secrets: a wrapper that does not print them, and the stores that keep them.
//!
//! A store keeps opaque items under random ids ([`SecretId`]); the profile in `remotes.toml` names
//! the store and the id. Only the store that the profile names is read, never another one.
//!
//! Everything here blocks. Call it before a runtime starts.

mod child;
mod command;
pub(crate) mod crypt;
mod file;
mod id;
mod keyring;
mod locked;
mod memory;
mod passphrase;
mod store;
mod stores;
mod token;
mod vault;

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

pub use command::{CommandSpec, CommandStore};
pub use crypt::Cost;
pub use file::FileStore;
pub use id::{SecretId, SecretIdError};
pub use keyring::KeyringStore;
pub use locked::LockedKey;
pub use memory::MemoryStore;
pub use passphrase::{Nobody, Passphrase};
pub use store::{MAX_ITEM_BYTES, SecretStore, StoreError, StoreKind, StoreKindError, probe};
pub use stores::{CommandLookup, Stores};
pub use token::{RelayToken, RelayTokenError};
#[cfg(any(test, fuzzing))]
pub(crate) use vault::fuzz::vault as fuzz_vault;
pub use vault::{KeyHolder, VaultStore};

/// A value that is wiped when dropped and never printed. It stays in one place, because whatever is moved leaves its
/// bytes behind.
///
/// Two of them cannot be compared by `==`, which would tell by its time how much of them is the same:
///
/// ```compile_fail
/// # use paseo::secret::Secret;
/// assert!(Secret::from("hunter2") == Secret::from("hunter2"));
/// ```
///
/// ```
/// # use paseo::secret::Secret;
/// assert!(Secret::from("hunter2").is("hunter2"));
/// ```
#[derive(Clone)]
pub struct Secret<T: Zeroize>(Box<Zeroizing<T>>);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(Box::new(Zeroizing::new(value)))
    }

    /// Returns the value. The name marks the boundary: look twice at where the result goes.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Returns whether it is the same as something else, in a time that tells no more than the two lengths.
    pub fn is(&self, other: impl AsRef<[u8]>) -> bool {
        self.expose().as_ref().ct_eq(other.as_ref()).into()
    }
}

impl<const N: usize> Secret<[u8; N]> {
    /// Makes one in its place.
    pub(crate) fn filled(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut bytes = Box::new(Zeroizing::new([0; N]));
        fill(&mut bytes);
        Self(bytes)
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl From<&str> for Secret<String> {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}
