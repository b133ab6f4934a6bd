//! The relay over real sockets.
//!
//! `conformance` holds one test per rule of `docs/protocol.md`. It runs against our relay, or against
//! the one that `PASEO_TEST_RELAY` names (`host:port`, no TLS). The others hold what is ours.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod binary;
mod check;
mod cluster;
mod conformance;
mod fair;
mod hostile;
mod load;
mod operations;
#[cfg(target_os = "linux")]
mod packets;
mod presence;
mod private;
mod robust;
mod support;
#[cfg(unix)]
mod system;
#[path = "../support/tool.rs"]
mod tool;
