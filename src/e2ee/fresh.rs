//! What makes two connections differ: the value that a daemon of ours puts into `e2ee_ready`, with the proof that it has
//! the channel's key.

use super::nonce::{PART_BYTES, Value};
use super::seal::{PROOF_BYTES, SharedKey};

/// Writes the member of `e2ee_ready`: base64 of value and proof.
pub(super) fn write(key: &SharedKey, value: Value) -> String {
    let bytes = [&value.0[..], &key.proof(value)].concat();
    base64_simd::STANDARD.encode_to_string(bytes)
}

/// The proof was not made with the channel's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotProven;

/// Reads it; `None` when it is of another form, and so of somebody else's making.
pub(super) fn read(key: &SharedKey, text: &str) -> Option<Result<Value, NotProven>> {
    let bytes = base64_simd::STANDARD.decode_to_vec(text).ok()?;
    let bytes: [u8; PART_BYTES + PROOF_BYTES] = bytes.try_into().ok()?;
    let (value, proof) = bytes.split_at(PART_BYTES);
    let mut part = [0; PART_BYTES];
    part.copy_from_slice(value);
    let value = Value(part);
    let is_proven = subtle::ConstantTimeEq::ct_eq(proof, &key.proof(value)[..]);
    Some(match bool::from(is_proven) {
        true => Ok(value),
        false => Err(NotProven),
    })
}
