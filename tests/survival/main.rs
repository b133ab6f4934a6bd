//! The real binary while connections break: a relay and a daemon of ours, and between them a road that fails as a test
//! says.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise, and has a long form"
)]

mod attach;
mod mux;
#[path = "../support/process_memory.rs"]
mod process_memory;
#[path = "../support/road.rs"]
mod road;
mod soak;
mod wait;
mod watcher;
mod wiped;
mod world;
