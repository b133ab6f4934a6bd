//! What holds the key out of the vault's passphrase between commands.

use std::fmt;

use crate::secret::Secret;

/// Holds the key that Argon2id makes of the passphrase. It is not the passphrase, and opens one vault until that has
/// another passphrase or fresh keys.
pub trait KeyHolder: fmt::Debug + Send + Sync {
    /// Returns the key that is held. Whether it fits is for the vault to find out.
    fn held(&self) -> Option<Secret<[u8; 32]>>;

    /// Holds a key whose passphrase was typed a moment ago, if the user wants that. That it cannot be held is no error.
    fn hold(&self, key: &Secret<[u8; 32]>);

    /// Holds another key in place of the one that is held, for as long as that would have been held. Returns whether
    /// there was one.
    fn replace(&self, key: &Secret<[u8; 32]>) -> bool;
}
