//! Drives the built-in daemon over real sockets.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod access;
mod acp;
mod acp_agent;
mod acp_real;
#[cfg(unix)]
mod admission;
mod agents;
mod direct;
mod directory;
#[cfg(target_os = "linux")]
mod full_disk;
mod hostile;
#[cfg(unix)]
mod kill;
mod restart;
mod schedules;
mod scripts;
#[path = "../support/server.rs"]
mod server;
mod settings;
mod support;
mod timeline;
#[path = "../support/tool.rs"]
mod tool;
mod workspaces;
#[cfg(unix)]
#[path = "../support/world.rs"]
mod world;
