//! What the [registry](super::registry) is told, and what it answers.

use crate::protocol::relay::{Close, ConnectionId, RelayToDaemon, Role, ServerId};

/// A socket of this relay; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SocketId(pub(super) u64);

/// The way of frames between the sockets of one connection id; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PipeId(u64);

/// Where a socket sits in the session of its daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Legacy(Role),
    Control,
    Data(ConnectionId),
    Client(ConnectionId),
}

/// What happens.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// A socket is open.
    Attach {
        socket: SocketId,
        server: ServerId,
        place: Place,
        /// What a client that wants to be told of its daemon's presence was told last.
        told: Option<bool>,
    },
    /// A socket is gone, for whatever reason. Unknown ones are ignored: the registry forgets a socket
    /// as soon as it has it closed.
    Detach { socket: SocketId },
    /// A client is attached since [`NUDGE_AFTER`](crate::protocol::relay::NUDGE_AFTER).
    Nudge { client: SocketId },
    /// A client is attached since [`RESET_AFTER`](crate::protocol::relay::RESET_AFTER).
    Reset { client: SocketId },
}

/// What has to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Make a pipe. A holding one keeps the clients' frames until a daemon joins it.
    Open { pipe: PipeId, holds: bool },
    /// Put the socket at this end of the pipe.
    Join {
        pipe: PipeId,
        socket: SocketId,
        role: Role,
    },
    /// Take the socket away from the pipe.
    Leave { pipe: PipeId, socket: SocketId },
    /// Forget the pipe and what it holds.
    Shut { pipe: PipeId },
    /// Send a message to a control socket.
    Tell {
        socket: SocketId,
        message: RelayToDaemon,
    },
    /// Tell a client that watches whether its daemon is there.
    Presence { socket: SocketId, online: bool },
    /// Close the socket after what is queued for it. It is forgotten already.
    Close { socket: SocketId, why: Close },
}

/// Returns a pipe that was never used. `pipes` counts those that were.
pub(super) fn next_pipe(pipes: &mut u64) -> PipeId {
    *pipes += 1;
    PipeId(*pipes)
}
