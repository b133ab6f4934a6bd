//! The relay's side of the wire: query, control messages, close codes, limits
//! (`docs/protocol.md`, "Relay").

mod address;
mod close;
mod control;
mod endpoint;
mod id;
mod query;

use std::time::Duration;

pub use address::RelayAddress;
pub use close::Close;
pub use control::{DaemonToRelay, RelayToDaemon};
pub use endpoint::{Endpoint, EndpointError};
pub use id::{ConnectionId, IdError, ServerId};
pub use query::{ConnectQuery, QueryError, Role, Seat};

/// Path of the relay's WebSocket.
pub const PATH: &str = "/ws";

/// Largest message that a relay forwards, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 32 * 1024 * 1024;

/// Longest server id or connection id, in bytes.
pub const MAX_ID_BYTES: usize = 256;

/// Frames that a relay keeps per connection id until the daemon's data socket arrives: the newest ones.
pub const HELD_FRAMES: usize = 200;

/// A client that has waited this long for the daemon's data socket makes the relay repeat `sync`.
pub const NUDGE_AFTER: Duration = Duration::from_secs(10);

/// A client that has waited this long makes the relay close the control socket that ignored the
/// repeated `sync`.
pub const RESET_AFTER: Duration = Duration::from_secs(15);

/// Header with which a client asks for the daemon's presence (value [`PRESENCE_ASK`]) and the relay
/// answers on the upgrade response ([`PRESENCE_ONLINE`] or [`PRESENCE_OFFLINE`]). Ours; other relays
/// ignore it, and then presence is unknown.
pub const PRESENCE_HEADER: &str = "paseo-relay-presence";
/// Request value of [`PRESENCE_HEADER`]. Later changes come as WebSocket pings, whose payload is
/// [`PRESENCE_ONLINE`] or [`PRESENCE_OFFLINE`]: they are outside of the encrypted stream, so that it
/// cannot be mistaken for them.
pub const PRESENCE_ASK: &str = "ask";
/// A daemon's control socket is attached.
pub const PRESENCE_ONLINE: &str = "online";
/// No daemon is attached.
pub const PRESENCE_OFFLINE: &str = "offline";

/// Header with the token that a private relay asks for, for either role; `Authorization: Bearer` does as
/// well, and so does [`TOKEN_PARAMETER`].
pub const TOKEN_HEADER: &str = "paseo-relay-token";
/// Query parameter with that token, for those who cannot set headers.
pub const TOKEN_PARAMETER: &str = "token";
