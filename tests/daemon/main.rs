//! Drives the built-in daemon over real sockets.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod agents;
mod direct;
mod directory;
mod hostile;
mod restart;
mod support;
mod timeline;
mod workspaces;
