//! The end-to-end encrypted channel between a client and a daemon.
//!
//! NaCl box, as deployed daemons speak it: X25519 (RFC 7748) → HSalsa20 → XSalsa20-Poly1305. See
//! `docs/protocol.md`, "End-to-end encryption".
//!
//! A relay carries every frame, so it is the attacker to think of. Beyond what deployed ends do, ours
//! refuse agreements of low order, aliases of keys, frames that come twice, our own frames sent back, plaintext on an
//! open channel, and (as a daemon) recorded connections that are played back. Two ends of ours also notice frames that
//! are dropped or moved, and a recording needs no memory to be known as one ([`nonce`]).
//!
//! From below: [`keys`], [`nonce`], single frames in [`seal`], the handshake without I/O in [`handshake`], and
//! [`connect`](fn@connect) or [`accept`](fn@accept), which turn one [`crate::transport::Transport`] into
//! another.

pub mod accept;
pub mod channel;
pub mod connect;
mod fresh;
pub mod handshake;
pub mod keys;
mod nonce;
mod receive;
mod recent;
pub mod seal;
mod standing;
#[cfg(test)]
mod tests;
mod trace;

pub use accept::{AcceptError, Agreement, Memory, Responder, accept};
pub use channel::{Channel, Proof};
pub use connect::{ConnectError, connect, connect_pipelined};
pub use keys::{Fingerprint, KeyError, PublicKey, SecretKey};
pub(crate) use recent::Recent;
pub use standing::{Freshness, Standing};
