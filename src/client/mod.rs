//! The client's side of a session with a daemon.
//!
//! [`connect()`] goes from a [`crate::target::Target`] to a [`DaemonClient`]; [`DaemonClient::call`] sends a
//! request and waits for its reply. Which road the frames take, and whether they are encrypted on it, is
//! decided in `connect` and unknown everywhere else.

mod absent;
mod address;
mod backoff;
mod connect;
mod envelope;
mod events;
mod pulse;
mod raw;
mod reader;
mod session;
mod wake;

pub use backoff::Backoff;
pub use connect::{ConnectError, Early, Settings, connect, connect_channel, connect_early};
pub use events::{Event, Events};
pub use raw::{RawSession, connect_raw, is_introduction};
pub use session::{CallError, DaemonClient, EarlyReply, REPLY_TIMEOUT, Reply};
pub use wake::rest;
