//! The client's side of a session with a daemon.
//!
//! [`connect`] goes from a [`crate::target::Target`] to a [`DaemonClient`]; [`DaemonClient::call`] sends a
//! request and waits for its reply. Which road the frames take, and whether they are encrypted on it, is
//! decided in `connect` and unknown everywhere else.

mod connect;
mod session;

pub use connect::{ConnectError, Settings, connect, connect_and_call};
pub use session::{CallError, DaemonClient, Event, REPLY_TIMEOUT, Reply};
