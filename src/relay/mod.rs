//! The relay: the meeting point of daemons and clients, which sees ciphertext only.
//!
//! A connection's way: [`connection`] looks at its first byte, [`accept`] answers its HTTP request, the [`hub`] gives it a seat that
//! the pure [`registry`] decides on, and one task ([`socket`]) serves it. Frames go from the
//! [`wire`] of one socket, cut out by [`decode`], through the [`pipe`] of its connection id into the [`outbox`] of the other.
//! The [`ledger`] books every byte that waits, and has the biggest holders [evicted](eviction) when memory is short.
//! What is on the wire is in [`crate::protocol::relay`], the rules in `docs/protocol.md`.

mod accept;
mod cluster;
mod config;
mod connection;
mod decode;
mod drain;
mod event;
mod eviction;
mod frame;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod gate;
mod guard;
mod holder;
mod hub;
mod ledger;
mod metrics;
#[cfg(test)]
mod model;
mod outbox;
mod outgoing;
mod pace;
mod pipe;
mod refusal;
mod registry;
mod reload;
mod server;
mod socket;
mod tls;
mod wire;

pub use cluster::ClusterError;
pub use config::{ClusterConfig, Config, Limits};
#[cfg(any(test, fuzzing))]
pub(crate) use fuzz::frames as fuzz_frames;
pub use guard::{Claim, Lists};
pub use reload::Reload;
pub use server::{Server, ServerError};
pub use tls::{TlsError, TlsFiles};
