//! The client's side of a session with a daemon.
//!
//! [`connect()`] goes from a [`crate::target::Target`] to a [`DaemonClient`]; [`DaemonClient::call`] sends a
//! request and waits for its reply. Which route the frames take, whether they are encrypted on it, and how the daemon
//! at its end is known, is decided in `open` and unknown everywhere else.

mod absent;
mod address;
mod connect;
mod envelope;
mod error;
mod events;
mod introduction;
mod named;
mod open;
mod pulse;
mod raw;
mod reader;
mod session;
mod settings;
mod wake;

pub use connect::{Early, connect, connect_early};
pub use error::{ConnectError, PasswordFault};
pub use events::{Event, Events};
pub use introduction::is_introduction;
pub use raw::{RawSession, connect_channel, connect_raw};
pub use session::{CallError, DaemonClient, EarlyReply, REPLY_TIMEOUT, Reply};
pub use settings::Settings;
pub use wake::{rest, since_boot};
