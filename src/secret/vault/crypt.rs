//! Keys from passphrases, and boxes: Argon2id (RFC 9106) and XChaCha20-Poly1305
//! (draft-irtf-cfrg-xchacha-03).

use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::format::Cost;
use crate::secret::Secret;

pub(super) const NONCE_BYTES: usize = 24;
pub(super) const KEY_BYTES: usize = 32;

/// A key that is wiped when dropped.
pub(super) type Key = Secret<[u8; KEY_BYTES]>;

/// Returns so many random bytes.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system's random number generator works");
    bytes
}

/// Returns a fresh key.
pub(super) fn fresh_key() -> Key {
    Secret::new(random())
}

/// Derives a key from a passphrase. The memory that Argon2 works in is wiped, too. `None` when there is not
/// enough of it.
pub(super) fn derive(passphrase: &Secret<String>, salt: &[u8; 16], cost: Cost) -> Option<Key> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(KEY_BYTES)).ok()?;
    let mut memory = Zeroizing::new(Vec::new());
    memory.try_reserve_exact(params.block_count()).ok()?;
    memory.resize(params.block_count(), Block::new());
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(
            passphrase.expose().as_bytes(),
            salt,
            key.as_mut(),
            memory.as_mut_slice(),
        )
        .ok()?;
    Some(Secret::new(*key))
}

/// Seals bytes: a random nonce, the ciphertext, the tag.
pub(super) fn seal(key: &Key, bound_to: &[u8], plain: &[u8]) -> Vec<u8> {
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
pub(super) fn open(key: &Key, bound_to: &[u8], sealed: &[u8]) -> Option<Secret<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload {
        msg: sealed,
        aad: bound_to,
    };
    let plain = XChaCha20Poly1305::new(key.expose().into()).decrypt(&XNonce::from(*nonce), payload);
    plain.ok().map(Secret::new)
}
