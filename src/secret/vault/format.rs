//! The file of a vault, as text (`docs/security.md`, "The vault"). Whoever can write it is hostile: every
//! number has a bound, and nothing is derived from one that is outside it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::secret::SecretId;
use crate::secret::crypt::{Bytes, Cost};

/// Largest file in bytes: some thousand items.
pub(super) const MAX_FILE: u64 = 8 * 1024 * 1024;

const FORMAT: &str = "paseo-vault";
const VERSION: u32 = 1;
/// Begins what the data key is bound to.
const KEY_LABEL: &[u8] = b"paseo-vault key\0";
/// Begins what an item is bound to.
const ITEM_LABEL: &[u8] = b"paseo-vault item\0";

/// A vault as its file has it: nothing here is plaintext.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VaultFile {
    format: String,
    version: u32,
    /// Random, to tell vaults apart.
    pub(super) id: Bytes<16>,
    pub(super) cost: Cost,
    pub(super) salt: Bytes<16>,
    /// The data key: nonce, ciphertext and tag.
    pub(super) key: Bytes<72>,
    /// The beginning of SHA-256 of all above. It is no protection; it tells damage from a wrong passphrase.
    check: Bytes<8>,
    /// Each item: nonce, ciphertext and tag, in base64.
    pub(super) items: BTreeMap<String, String>,
}

/// Why a text is no vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormatError {
    /// Not this format, or not whole.
    Damaged,
    /// Made by a newer program.
    Newer,
    /// Argon2 would cost more than is taken.
    Cost,
}

impl VaultFile {
    /// Makes an empty one around a sealed data key.
    pub(super) fn new(id: [u8; 16], cost: Cost, salt: [u8; 16], key: [u8; 72]) -> Self {
        let mut file = Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            id: Bytes(id),
            cost,
            salt: Bytes(salt),
            key: Bytes(key),
            check: Bytes([0; 8]),
            items: BTreeMap::new(),
        };
        file.check = file.checksum();
        file
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        #[derive(Deserialize)]
        struct Version {
            format: String,
            version: u32,
        }
        let head: Version = serde_json::from_slice(bytes).map_err(|_| FormatError::Damaged)?;
        match (head.format.as_str(), head.version) {
            (FORMAT, VERSION) => {}
            (FORMAT, version) if version > VERSION => return Err(FormatError::Newer),
            _ => return Err(FormatError::Damaged),
        }
        let file: Self = serde_json::from_slice(bytes).map_err(|_| FormatError::Damaged)?;
        let ids_are_ids = file.items.keys().all(|id| id.parse::<SecretId>().is_ok());
        if file.check != file.checksum() || !ids_are_ids {
            return Err(FormatError::Damaged);
        }
        match file.cost.is_bounded() {
            true => Ok(file),
            false => Err(FormatError::Cost),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a struct with string keys");
        bytes.push(b'\n');
        bytes
    }

    /// What the data key is bound to: everything that decides how it is found.
    pub(super) fn bound_to_key(id: &[u8; 16], cost: Cost, salt: &[u8; 16]) -> Vec<u8> {
        let mut bound = KEY_LABEL.to_vec();
        bound.extend(VERSION.to_le_bytes());
        bound.extend(cost.to_bytes());
        bound.extend(salt);
        bound.extend(id);
        bound
    }

    /// What an item is bound to: this vault and its name.
    pub(super) fn bound_to_item(&self, id: &SecretId) -> Vec<u8> {
        [ITEM_LABEL, &self.id.0, id.as_str().as_bytes()].concat()
    }

    fn checksum(&self) -> Bytes<8> {
        let mut hash = Sha256::new();
        hash.update(Self::bound_to_key(&self.id.0, self.cost, &self.salt.0));
        hash.update(self.key.0);
        let mut check = [0; 8];
        check.copy_from_slice(&hash.finalize()[..8]);
        Bytes(check)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file() -> VaultFile {
        let mut file = VaultFile::new([1; 16], Cost::LEAST, [2; 16], [3; 72]);
        file.items.insert("r_1".to_owned(), "AAAA".to_owned());
        file
    }

    #[test]
    fn what_is_written_is_read_and_every_bound_holds() {
        let text = String::from_utf8(file().to_bytes()).unwrap();
        assert_eq!(VaultFile::parse(text.as_bytes()), Ok(file()));
        let changed = |from: &str, to: &str| VaultFile::parse(text.replace(from, to).as_bytes());
        assert_eq!(
            changed("\"version\": 1", "\"version\": 2"),
            Err(FormatError::Newer)
        );
        assert_eq!(changed("paseo-vault", "other"), Err(FormatError::Damaged));
        assert_eq!(changed("r_1", "../x"), Err(FormatError::Damaged));
        assert_eq!(
            changed("AgIC", "AgID"),
            Err(FormatError::Damaged),
            "the checksum"
        );
        for cost in [
            Cost {
                memory_kib: 1024 * 1024,
                ..Cost::LEAST
            },
            Cost {
                memory_kib: 1,
                ..Cost::LEAST
            },
            Cost {
                passes: 0,
                ..Cost::LEAST
            },
            Cost {
                passes: 1000,
                ..Cost::LEAST
            },
            Cost {
                lanes: 64,
                ..Cost::LEAST
            },
        ] {
            let file = VaultFile::new([1; 16], cost, [2; 16], [3; 72]);
            assert_eq!(VaultFile::parse(&file.to_bytes()), Err(FormatError::Cost));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(?s).{0,80}", at in 0..400usize, byte: u8) {
            let _ = VaultFile::parse(text.as_bytes());
            let mut bytes = file().to_bytes();
            if let Some(found) = bytes.get_mut(at) {
                *found = byte;
            }
            let _ = VaultFile::parse(&bytes);
        }
    }
}
