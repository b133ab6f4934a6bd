//! Whole ways with the real binary: relay, daemon, pairing, remote, agents. Nothing is mocked.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test stops at the first surprise, and says what it skips"
)]

mod busy;
mod commands;
#[path = "../support/json_page.rs"]
mod json_page;
mod password;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/tool.rs"]
mod tool;
mod volume;
mod way;
#[path = "../support/world.rs"]
mod world;
