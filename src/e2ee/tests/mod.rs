//! Tests of the channel: recorded data, an oracle, properties, and both sides against each other.

mod channel;
mod hostile;
mod order;
mod recorded;
mod seal;
mod vectors;

use super::keys::SecretKey;
use super::nonce::Value;
use super::seal::{Opener, Sealer, SharedKey};

/// Bytes out of hexadecimal text.
fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn secret(hex: &str) -> SecretKey {
    SecretKey::from_bytes(&unhex(hex).try_into().unwrap())
}

/// A key that two fixed sides agree on.
fn shared() -> SharedKey {
    let (ours, theirs) = (
        SecretKey::from_bytes(&[1; 32]),
        SecretKey::from_bytes(&[2; 32]),
    );
    SharedKey::agree(&ours, &theirs.public_key()).unwrap()
}

/// The halves of a client with that key.
fn client() -> (Sealer, Opener) {
    shared().of_client()
}

/// The halves of the daemon.
fn daemon() -> (Sealer, Opener) {
    shared().of_daemon(Value::draw())
}
