//! Who knows the passphrase of the vault.

use std::fmt;

use super::{Secret, StoreError, StoreKind};

/// Tells passphrases. Asking may wait for a person.
pub trait Passphrase: fmt::Debug + Send + Sync {
    /// Returns the passphrase of a vault that is there; `again` after a wrong one.
    fn existing(&self, again: bool) -> Result<Secret<String>, StoreError>;

    /// Returns a passphrase for a vault to be made.
    fn new_one(&self) -> Result<Secret<String>, StoreError>;

    /// Returns whether a person is asked, or would have to be.
    fn is_interactive(&self) -> bool;

    /// Returns whether a person types it at a terminal: then it is held for later commands.
    fn is_typed(&self) -> bool {
        false
    }
}

/// Nobody knows it.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Passphrase for Nobody {
    fn existing(&self, _: bool) -> Result<Secret<String>, StoreError> {
        Err(StoreError::Locked {
            store: StoreKind::Vault,
        })
    }

    fn new_one(&self) -> Result<Secret<String>, StoreError> {
        self.existing(false)
    }

    fn is_interactive(&self) -> bool {
        true
    }
}
