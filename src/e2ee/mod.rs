//! The end-to-end encrypted channel between a client and a daemon.
//!
//! NaCl box, as deployed daemons speak it: X25519 (RFC 7748) → HSalsa20 → XSalsa20-Poly1305. See
//! `docs/protocol.md`, "End-to-end encryption".

pub mod keys;

pub use keys::{Fingerprint, KeyError, PublicKey, SecretKey};
