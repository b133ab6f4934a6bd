//! ssh for coding agents: the library behind the `paseo` binary.

pub mod e2ee;
pub mod env;
pub mod files;
pub mod protocol;
pub mod secret;
pub mod target;
pub mod transport;
