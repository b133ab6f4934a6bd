//! What every secret store does, and how it fails.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Secret, SecretId};
use crate::files::FileError;
use crate::spelling::{did_you_mean, one_of};

/// Largest item in bytes. Windows takes 2560 in all, as UTF-16 where a tool shows it; ours is about 250.
pub const MAX_ITEM_BYTES: usize = 2048;

/// Keeps items under ids. Calls block, none longer than the store's deadline.
pub trait SecretStore: fmt::Debug + Send + Sync {
    /// Returns an item; `None` when there is none under this id.
    fn get(&self, id: &SecretId) -> Result<Option<Secret<Vec<u8>>>, StoreError>;

    /// Stores an item of at most [`MAX_ITEM_BYTES`], in place of one that is there. When this
    /// returns, the item survives a crash, as far as the store can promise it.
    fn put(&self, id: &SecretId, item: &Secret<Vec<u8>>) -> Result<(), StoreError>;

    /// The same, under a label for people, where a tool of the store shows one.
    fn put_labelled(
        &self,
        id: &SecretId,
        _label: &str,
        item: &Secret<Vec<u8>>,
    ) -> Result<(), StoreError> {
        self.put(id, item)
    }

    /// Deletes an item. An absent one is no error.
    fn delete(&self, id: &SecretId) -> Result<(), StoreError>;

    /// Asks for whatever the store needs to be opened, so that later calls need not: call it before
    /// something is locked.
    fn unlock(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Finds out whether the store can be read now. Asks nobody and changes nothing.
    fn status(&self) -> Result<(), StoreError> {
        self.get(&SecretId::random()).map(drop)
    }
}

/// Which store a profile names. The text forms are those of `remotes.toml` and `--store`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreKind {
    /// `keyring`: Keychain, Credential Manager, Secret Service.
    Keyring,
    /// `vault`: one file, encrypted with a passphrase.
    Vault,
    /// `command`: a program of the user's, such as `pass`.
    Command,
    /// `file`: unencrypted files of mode 0600.
    File,
}

impl StoreKind {
    /// Every kind, in the order in which help shows them.
    pub const ALL: [Self; 4] = [Self::Keyring, Self::Vault, Self::Command, Self::File];

    /// The text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keyring => "keyring",
            Self::Vault => "vault",
            Self::Command => "command",
            Self::File => "file",
        }
    }
}

/// The text form.
impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No store has this name. It is not repeated: it may be a secret in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", did_you_mean(format!("a secret store is {}", names()), suggestion.map(StoreKind::as_str)))]
pub struct StoreKindError {
    /// The store with the most similar name.
    pub suggestion: Option<StoreKind>,
}

fn names() -> String {
    let names = StoreKind::ALL.map(|kind| format!("`{kind}`"));
    match names.split_last() {
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

impl FromStr for StoreKind {
    type Err = StoreKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        one_of(text, &Self::ALL, Self::as_str).map_err(|suggestion| StoreKindError { suggestion })
    }
}

/// Why a store could not do what it was asked. Never holds an item.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such service on this machine, or no place for it.
    #[error("the secret store `{store}` is not available: {reason}")]
    Unavailable {
        /// Which store.
        store: StoreKind,
        /// What is missing.
        reason: String,
    },
    /// It is there and locked, and nobody unlocked it.
    #[error("the secret store `{store}` is locked")]
    Locked {
        /// Which store.
        store: StoreKind,
    },
    /// It is there, and has nothing that items could be put into.
    #[error("the secret store `{store}` has no collection to keep items in")]
    NoCollection {
        /// Which store.
        store: StoreKind,
    },
    /// It did not answer; as a rule it is locked and waits for somebody to unlock it.
    #[error("the secret store `{store}` did not answer within {waited:?}")]
    TimedOut {
        /// Which store.
        store: StoreKind,
        /// How long all calls together were allowed to take.
        waited: Duration,
    },
    /// The vault's passphrase is another one.
    #[error("the passphrase of the secret store `{store}` is wrong")]
    WrongPassphrase {
        /// Which store.
        store: StoreKind,
    },
    /// What is there is not what was stored. A wrong passphrase is told apart.
    #[error("{what} in the secret store `{store}` is damaged")]
    Damaged {
        /// Which store.
        store: StoreKind,
        /// Which part of it.
        what: &'static str,
    },
    /// No passphrase could be had.
    #[error("the passphrase of the secret store `{store}` cannot be had: {reason}")]
    NoPassphrase {
        /// Which store.
        store: StoreKind,
        /// Why.
        reason: String,
    },
    /// A new passphrase is too easy to guess.
    #[error("a passphrase for the secret store `{store}` needs at least {least} characters")]
    ShortPassphrase {
        /// Which store.
        store: StoreKind,
        /// How many characters it needs.
        least: usize,
    },
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// An item is larger than [`MAX_ITEM_BYTES`].
    #[error("an item of {0} bytes is too large for a secret store (limit {MAX_ITEM_BYTES})")]
    TooLarge(usize),
    /// Anything else.
    #[error("the secret store `{store}` failed: {reason}")]
    Failed {
        /// Which store.
        store: StoreKind,
        /// What it said.
        reason: String,
    },
}

impl StoreError {
    /// Returns whether a store that answers like this to a new item has kept nothing of it for sure.
    pub fn kept_nothing(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. }
                | Self::Locked { .. }
                | Self::NoCollection { .. }
                | Self::WrongPassphrase { .. }
                | Self::NoPassphrase { .. }
                | Self::ShortPassphrase { .. }
                | Self::TooLarge(_)
        )
    }
}

/// Refuses an item that some store could not take.
pub(super) fn check_size(item: &Secret<Vec<u8>>) -> Result<(), StoreError> {
    match item.expose().len() {
        0..=MAX_ITEM_BYTES => Ok(()),
        length => Err(StoreError::TooLarge(length)),
    }
}

/// Finds out whether a store works, by writing, reading back and deleting an item that means nothing,
/// under an id that nobody uses.
pub fn probe(kind: StoreKind, store: &dyn SecretStore, id: &SecretId) -> Result<(), StoreError> {
    let item = Secret::new(SecretId::random().as_str().as_bytes().to_vec());
    store.put(id, &item)?;
    let found = store.get(id);
    let deleted = store.delete(id);
    let same = found?.is_some_and(|found| found.is(item.expose()));
    deleted?;
    if same {
        return Ok(());
    }
    Err(StoreError::Failed {
        store: kind,
        reason: "it does not return what was stored".to_owned(),
    })
}
