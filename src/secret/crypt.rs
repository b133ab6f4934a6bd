//! Keys from passphrases, and boxes: Argon2id (RFC 9106) and XChaCha20-Poly1305
//! (draft-irtf-cfrg-xchacha-03). For the vault, and for bundles of remotes.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Secret;

pub(crate) const NONCE_BYTES: usize = 24;
pub(crate) const KEY_BYTES: usize = 32;

/// What Argon2id costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// KiB of memory: 8 MiB to 128 MiB.
    pub memory_kib: u32,
    /// Passes over it: 1 to 16, and fewer with much memory ([`Cost::MAX_WORK`]).
    pub passes: u32,
    /// Lanes: 1 to 4.
    pub lanes: u32,
}

impl Cost {
    /// What new vaults cost: the second recommendation of RFC 9106, with one lane.
    pub const USUAL: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 1,
    };
    /// The least that is taken, for tests.
    pub const LEAST: Self = Self {
        memory_kib: 8 * 1024,
        passes: 1,
        lanes: 1,
    };

    /// Most memory of one hash in KiB, twice what we write. There is only one at a time.
    const MAX_MEMORY_KIB: u32 = 2 * Self::USUAL.memory_kib;
    /// Most work of all hashes that opening one file may take: eight times what we write, less than two seconds
    /// of a processor.
    pub const MAX_WORK: u64 = 8 * Self::USUAL.work();

    /// Returns how much is done, in KiB that are passed over: time is proportional to it.
    pub const fn work(self) -> u64 {
        self.memory_kib as u64 * self.passes as u64
    }

    /// Returns whether it is within these bounds: a file must not be able to make a command use up all
    /// memory, or take for ever.
    pub(crate) fn is_bounded(self) -> bool {
        Self::are_bounded([self])
    }

    /// Returns whether each of these is within the bounds, and all together.
    pub(crate) fn are_bounded(costs: impl IntoIterator<Item = Self>) -> bool {
        let work = costs.into_iter().try_fold(0, |work: u64, cost| {
            let bounded = (8 * 1024..=Self::MAX_MEMORY_KIB).contains(&cost.memory_kib)
                && (1..=16).contains(&cost.passes)
                && (1..=4).contains(&cost.lanes);
            bounded.then(|| work + cost.work())
        });
        work.is_some_and(|work| work <= Self::MAX_WORK)
    }

    /// What a key is bound to: the three numbers, 32 bits each, little-endian.
    pub(crate) fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        for (n, number) in [self.memory_kib, self.passes, self.lanes]
            .into_iter()
            .enumerate()
        {
            bytes[4 * n..][..4].copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }
}

/// A key that is wiped when dropped.
pub(crate) type Key = Secret<[u8; KEY_BYTES]>;

/// Returns so many random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system's random number generator works");
    bytes
}

/// Returns a fresh key.
pub(crate) fn fresh_key() -> Key {
    Secret::filled(|key| {
        getrandom::fill(key).expect("the system's random number generator works");
    })
}

/// Derives a key from a passphrase. The memory that Argon2 works in is wiped, too. `None` when there is not
/// enough of it.
pub(crate) fn derive(passphrase: &Secret<String>, salt: &[u8; 16], cost: Cost) -> Option<Key> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(KEY_BYTES)).ok()?;
    let mut memory = Zeroizing::new(Vec::new());
    memory.try_reserve_exact(params.block_count()).ok()?;
    memory.resize(params.block_count(), Block::new());
    let mut derived = Ok(());
    let key = Secret::filled(|key| {
        derived = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(
                passphrase.expose().as_bytes(),
                salt,
                key,
                memory.as_mut_slice(),
            );
    });
    derived.ok().map(|()| key)
}

/// Seals bytes: a random nonce, the ciphertext, the tag.
pub(crate) fn seal(key: &Key, bound_to: &[u8], plain: &[u8]) -> Vec<u8> {
    let nonce: [u8; NONCE_BYTES] = random();
    let payload = Payload {
        msg: plain,
        aad: bound_to,
    };
    let sealed = XChaCha20Poly1305::new(key.expose().into()).encrypt(&XNonce::from(nonce), payload);
    let sealed = sealed.expect("an item is far below the limit of the cipher");
    [&nonce[..], &sealed].concat()
}

/// Opens what was sealed; `None` when key, binding or content are not the same.
pub(crate) fn open(key: &Key, bound_to: &[u8], sealed: &[u8]) -> Option<Secret<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload {
        msg: sealed,
        aad: bound_to,
    };
    let plain = XChaCha20Poly1305::new(key.expose().into()).decrypt(&XNonce::from(*nonce), payload);
    plain.ok().map(Secret::new)
}

/// So many bytes, as base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Bytes<const N: usize>(pub(crate) [u8; N]);

impl<const N: usize> From<Bytes<N>> for String {
    fn from(bytes: Bytes<N>) -> Self {
        base64_simd::STANDARD.encode_to_string(bytes.0)
    }
}

impl<const N: usize> TryFrom<String> for Bytes<N> {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = base64_simd::STANDARD.decode_to_vec(text);
        let bytes = bytes.map_err(|_| "not base64")?;
        bytes.try_into().map(Self).map_err(|_| "of another length")
    }
}
