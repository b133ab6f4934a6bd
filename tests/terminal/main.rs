//! Terminals of another machine, with the real binary on real ptys, over a relay.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise"
)]

mod commands;
mod login;
mod recorded;
#[path = "../support/replay.rs"]
mod replay;
#[path = "../support/road.rs"]
mod road;
#[path = "../support/server.rs"]
mod server;
mod session;
mod shared;
mod support;
mod survival;
#[path = "../support/tool.rs"]
mod tool;
mod volume;
