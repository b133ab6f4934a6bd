//! A bundle as a file: a random key seals what is inside, and for everybody who may open it that key is sealed
//! once more. The file is text. Whoever can write it is hostile: every number has a bound.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Bundle;
use crate::e2ee::{PublicKey, SecretKey};
use crate::remote::recipient::Recipient;
use crate::secret::Secret;
use crate::secret::crypt::{self, Bytes, Cost, Key};

const FORMAT: &str = "paseo-remotes";
const VERSION: u32 = 1;
/// Largest file in bytes.
pub const MAX_BUNDLE_BYTES: u64 = 8 * 1024 * 1024;
/// Most people that a bundle is for: each costs the reader one agreement of keys.
const MAX_LOCKS: usize = 16;
/// Begins what the key is bound to that a passphrase opens.
const PASSPHRASE_LABEL: &[u8] = b"paseo-remotes passphrase\0";
/// Begins what is hashed to the key of a recipient.
const RECIPIENT_LABEL: &[u8] = b"paseo-remotes recipient\0";
/// Begins what the content is bound to.
const CONTENT_LABEL: &[u8] = b"paseo-remotes content\0";

/// Who can open a bundle.
#[derive(Debug)]
pub enum SealFor {
    /// Whoever knows a passphrase; what a guess costs.
    Passphrase(Secret<String>, Cost),
    /// Whoever has the secret key.
    Recipient(Recipient),
}

/// A bundle as its file has it: nothing here is plaintext.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedBundle {
    format: String,
    version: u32,
    locks: Vec<Lock>,
    /// The beginning of SHA-256 of all above. It is no protection; it tells damage from a wrong passphrase.
    check: Bytes<8>,
    /// Nonce, ciphertext and tag, in base64.
    content: String,
}

/// The key of the content, sealed for one of those who may open it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum Lock {
    Passphrase {
        cost: Cost,
        salt: Bytes<16>,
        key: Bytes<72>,
    },
    /// For whom is not told.
    Recipient {
        ephemeral: Bytes<32>,
        key: Bytes<72>,
    },
}

/// Why a bundle cannot be made or opened. Nothing of it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Not this format.
    #[error("this is no bundle of remotes")]
    Other,
    /// Not as it was made.
    #[error("the bundle is damaged or cut off")]
    Damaged,
    /// Made by a newer program.
    #[error("a newer program made the bundle")]
    Newer,
    /// Argon2 would cost more than is taken, for all passphrases together.
    #[error("the passphrases of the bundle cost more memory or time than is taken")]
    Cost,
    /// More than is read.
    #[error("the bundle would become larger than {MAX_BUNDLE_BYTES} bytes")]
    TooLarge,
    /// Argon2 did not get its memory.
    #[error("there is not enough memory for the passphrase of the bundle")]
    Memory,
    /// The bundle is whole, and the passphrase is another one.
    #[error("the passphrase of the bundle is wrong")]
    WrongPassphrase,
    /// The bundle is whole, and sealed for others.
    #[error("the bundle is not sealed for this recipient")]
    NotForUs,
    /// Nobody could open it, or too many.
    #[error("a bundle is sealed for 1 to {MAX_LOCKS}")]
    Locks,
}

impl Bundle {
    /// Seals it for everybody named.
    pub fn seal(&self, who: &[SealFor]) -> Result<SealedBundle, BundleError> {
        if !(1..=MAX_LOCKS).contains(&who.len()) {
            return Err(BundleError::Locks);
        }
        let costs = who.iter().filter_map(|who| match who {
            SealFor::Passphrase(_, cost) => Some(*cost),
            SealFor::Recipient(_) => None,
        });
        if !Cost::are_bounded(costs) {
            return Err(BundleError::Cost);
        }
        let key = crypt::fresh_key();
        let locks = who.iter().map(|who| Lock::new(who, &key));
        let locks = locks.collect::<Result<Vec<_>, _>>()?;
        let (check, bound) = header(&locks);
        let content = crypt::seal(&key, &bound, self.to_bytes().expose());
        let sealed = SealedBundle {
            format: FORMAT.to_owned(),
            version: VERSION,
            locks,
            check,
            content: base64_simd::STANDARD.encode_to_string(content),
        };
        // With the line end that is written behind it.
        match (sealed.to_text().len() as u64) < MAX_BUNDLE_BYTES {
            true => Ok(sealed),
            false => Err(BundleError::TooLarge),
        }
    }
}

impl SealedBundle {
    /// Reads a file. Whether it opens is seen later.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let ours = || {
            bytes
                .windows(FORMAT.len())
                .any(|part| part == FORMAT.as_bytes())
        };
        let head: Head = serde_json::from_slice(bytes).map_err(|_| match ours() {
            true => BundleError::Damaged,
            false => BundleError::Other,
        })?;
        match (head.format.as_str(), head.version) {
            (FORMAT, VERSION) => {}
            (FORMAT, version) if version > VERSION => return Err(BundleError::Newer),
            (FORMAT, _) => return Err(BundleError::Damaged),
            _ => return Err(BundleError::Other),
        }
        let bundle: Self = serde_json::from_slice(bytes).map_err(|_| BundleError::Damaged)?;
        if bundle.check != header(&bundle.locks).0 || bundle.locks.len() > MAX_LOCKS {
            return Err(BundleError::Damaged);
        }
        match Cost::are_bounded(bundle.costs()) {
            true => Ok(bundle),
            false => Err(BundleError::Cost),
        }
    }

    /// Returns the text of the file.
    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).expect("a struct with string keys")
    }

    /// Returns the work of trying a passphrase, in KiB that are passed over.
    pub fn work(&self) -> u64 {
        self.costs().map(Cost::work).sum()
    }

    fn costs(&self) -> impl Iterator<Item = Cost> {
        self.locks.iter().filter_map(|lock| match lock {
            Lock::Passphrase { cost, .. } => Some(*cost),
            Lock::Recipient { .. } => None,
        })
    }

    /// Returns one with these costs, without any hash, that nobody can open.
    #[cfg(test)]
    pub(super) fn with_costs(costs: &[Cost]) -> Self {
        let lock = |cost: &Cost| Lock::Passphrase {
            cost: *cost,
            salt: Bytes([0; 16]),
            key: Bytes([0; 72]),
        };
        let locks: Vec<_> = costs.iter().map(lock).collect();
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            check: header(&locks).0,
            locks,
            content: String::new(),
        }
    }

    /// Returns whether a passphrase opens it.
    pub fn takes_passphrase(&self) -> bool {
        let mut locks = self.locks.iter();
        locks.any(|lock| matches!(lock, Lock::Passphrase { .. }))
    }

    /// Returns whether the key of some recipient opens it.
    pub fn takes_recipient(&self) -> bool {
        let mut locks = self.locks.iter();
        locks.any(|lock| matches!(lock, Lock::Recipient { .. }))
    }

    /// Opens it with a passphrase.
    pub fn open_with_passphrase(&self, passphrase: &Secret<String>) -> Result<Bundle, BundleError> {
        for lock in &self.locks {
            let Lock::Passphrase { cost, salt, key } = lock else {
                continue;
            };
            let derived = crypt::derive(passphrase, &salt.0, *cost).ok_or(BundleError::Memory)?;
            if let Some(key) = open_key(&derived, &bound_to_passphrase(*cost, &salt.0), key) {
                return self.open(&key);
            }
        }
        Err(BundleError::WrongPassphrase)
    }

    /// Opens it with the secret key of a recipient.
    pub fn open_with_key(&self, own: &SecretKey) -> Result<Bundle, BundleError> {
        for lock in &self.locks {
            let Lock::Recipient { ephemeral, key } = lock else {
                continue;
            };
            let Ok(ephemeral) = PublicKey::from_bytes(ephemeral.0) else {
                continue;
            };
            let agreed = agree(own, &ephemeral, &ephemeral, &own.public_key());
            if let Some(key) = agreed.and_then(|agreed| open_key(&agreed, RECIPIENT_LABEL, key)) {
                return self.open(&key);
            }
        }
        Err(BundleError::NotForUs)
    }

    fn open(&self, key: &Key) -> Result<Bundle, BundleError> {
        let content = base64_simd::STANDARD.decode_to_vec(&self.content);
        let content = content.map_err(|_| BundleError::Damaged)?;
        let content = crypt::open(key, &header(&self.locks).1, &content);
        let content = content.ok_or(BundleError::Damaged)?;
        Bundle::parse(content.expose()).ok_or(BundleError::Damaged)
    }
}

impl Lock {
    fn new(who: &SealFor, key: &Key) -> Result<Self, BundleError> {
        let seal = |with: &Key, bound: &[u8]| {
            let sealed = crypt::seal(with, bound, key.expose());
            Bytes(sealed.try_into().expect("a nonce, a key and a tag"))
        };
        match who {
            SealFor::Passphrase(passphrase, cost) => {
                let salt = crypt::random();
                let derived = crypt::derive(passphrase, &salt, *cost).ok_or(BundleError::Memory)?;
                Ok(Self::Passphrase {
                    cost: *cost,
                    salt: Bytes(salt),
                    key: seal(&derived, &bound_to_passphrase(*cost, &salt)),
                })
            }
            SealFor::Recipient(recipient) => {
                let ephemeral = SecretKey::generate();
                let public = ephemeral.public_key();
                let agreed = agree(&ephemeral, recipient.key(), &public, recipient.key());
                // A recipient with a useless key is refused when it is read.
                let agreed = agreed.ok_or(BundleError::NotForUs)?;
                Ok(Self::Recipient {
                    ephemeral: Bytes(*public.as_bytes()),
                    key: seal(&agreed, RECIPIENT_LABEL),
                })
            }
        }
    }
}

/// Returns the key that two agree on: SHA-256 of a label, what X25519 gives, and both public keys.
fn agree(
    own: &SecretKey,
    peer: &PublicKey,
    ephemeral: &PublicKey,
    recipient: &PublicKey,
) -> Option<Key> {
    let shared = own.agree(peer).ok()?;
    let mut hash = Sha256::new();
    hash.update(RECIPIENT_LABEL);
    hash.update(VERSION.to_le_bytes());
    hash.update(shared.as_bytes());
    hash.update(ephemeral.as_bytes());
    hash.update(recipient.as_bytes());
    Some(Secret::new(hash.finalize().into()))
}

fn open_key(with: &Key, bound: &[u8], sealed: &Bytes<72>) -> Option<Key> {
    let key = crypt::open(with, bound, &sealed.0)?;
    Some(Secret::new(key.expose().as_slice().try_into().ok()?))
}

fn bound_to_passphrase(cost: Cost, salt: &[u8; 16]) -> Vec<u8> {
    [
        PASSPHRASE_LABEL,
        &VERSION.to_le_bytes(),
        &cost.to_bytes(),
        salt,
    ]
    .concat()
}

/// Returns the checksum of what stands above the content, and what the content is bound to: all of it.
fn header(locks: &[Lock]) -> (Bytes<8>, Vec<u8>) {
    let locks = serde_json::to_vec(locks).expect("a struct with string keys");
    let bound = [CONTENT_LABEL, &VERSION.to_le_bytes(), &locks].concat();
    let mut check = [0; 8];
    check.copy_from_slice(&Sha256::digest(&bound)[..8]);
    (Bytes(check), bound)
}
