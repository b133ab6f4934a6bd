//! The real binary while connections break: a relay and a daemon of ours, and between them a road that fails as a test
//! says.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, has a long form, and tells what it skips"
)]

mod alone;
mod attach;
#[path = "../support/delay.rs"]
mod delay;
mod distance;
mod forward;
mod inbox;
mod mux;
#[path = "../support/process_memory.rs"]
mod process_memory;
#[path = "../support/road.rs"]
mod road;
#[path = "../support/server.rs"]
mod server;
mod soak;
#[path = "../support/tool.rs"]
mod tool;
mod wait;
mod watcher;
mod wiped;
mod world;
