//! The client against scripted peers over real sockets: what it must survive, and what it must say.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod admission;
mod forwarding;
mod peer;
mod permissions;
mod pitfalls;
mod proxy;
mod refusals;
mod roads;
mod tls;
