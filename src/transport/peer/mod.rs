//! Who owns the other end of a connection on this machine.
//!
//! The credentials of a Unix socket's peer come from the system. For TCP over loopback, Linux lists every socket with
//! its owner in a [table]; other systems tell nothing.

mod table;
mod walk;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use self::walk::Walks;

/// Pause before a table is read again.
const PAUSE: Duration = Duration::from_millis(10);

/// All lookups of this process.
static WALKS: Walks = Walks::new(table::owners);

/// A TCP connection, as this end of it sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Connection {
    local: SocketAddr,
    peer: SocketAddr,
}

/// Who owns the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The user with this id.
    User(u32),
    /// Nobody can tell.
    Unknown(Unknown),
}

/// Why the owner of a socket is not known. None of these is ever root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unknown {
    /// This system tells nothing.
    NotTold,
    /// This system tells it, and its answer could not be read: no more files may be open, there is no `/proc`, or the list
    /// is too long.
    Unreadable,
    /// One of the ends is not on loopback.
    Elsewhere,
    /// No row: the other end is in another network namespace, or has ended.
    NotListed,
    /// The row names no process: it has not accepted the connection yet, or has closed it. The tables show such a
    /// socket with user 0.
    Unattached,
    /// The connection is being opened or ended.
    NotOpen,
    /// A user whom this process's user namespace has no id for.
    Unmapped,
}

impl Owner {
    /// Returns whether the owner may do what this process may do: the same user, or root.
    pub fn is_us_or_root(self) -> bool {
        #[cfg(unix)]
        {
            let us = rustix::process::geteuid().as_raw();
            matches!(self, Self::User(uid) if uid == 0 || uid == us)
        }
        #[cfg(not(unix))]
        {
            false
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotTold => "this system does not report who owns a connection",
            Self::Unreadable => "the list of connections in /proc/net cannot be read",
            Self::Elsewhere => "the other end is not on this machine's loopback",
            Self::NotListed => "the other end is not listed",
            Self::Unattached => "no process has the other end open",
            Self::NotOpen => "the connection is not open",
            Self::Unmapped => "its user has no id here",
        })
    }
}

/// Returns who owns the other end of a TCP connection over loopback. An answer that can still change (a connection
/// that the other end has not accepted yet) is asked for again until `patience` has passed.
pub async fn owner(stream: &TcpStream, patience: Duration) -> Owner {
    let (Ok(local), Ok(peer)) = (stream.local_addr(), stream.peer_addr()) else {
        return Owner::Unknown(Unknown::NotOpen);
    };
    let connection = Connection { local, peer };
    if ![local, peer]
        .iter()
        .all(|end| end.ip().to_canonical().is_loopback())
    {
        return Owner::Unknown(Unknown::Elsewhere);
    }
    if !cfg!(target_os = "linux") {
        return Owner::Unknown(Unknown::NotTold);
    }
    let start = tokio::time::Instant::now();
    loop {
        let found = WALKS.look_up(connection).await;
        // Once our end is closed, the two addresses may be those of another connection.
        if stream.peer_addr().is_err() {
            return Owner::Unknown(Unknown::NotOpen);
        }
        let may_change = matches!(
            found,
            Owner::Unknown(Unknown::NotListed | Unknown::Unattached | Unknown::Unreadable)
        );
        if !may_change || start.elapsed() >= patience {
            return found;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Returns who owns the other end of a Unix socket: the process that connected, or that listens.
#[cfg(unix)]
pub fn owner_of_unix(stream: &UnixStream) -> Owner {
    match stream.peer_cred() {
        Ok(peer) => table::mapped(peer.uid()),
        Err(_) if cfg!(target_os = "linux") => Owner::Unknown(Unknown::Unreadable),
        Err(_) => Owner::Unknown(Unknown::NotTold),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn root_and_we_are_let_in_and_nobody_else() {
        let us = rustix::process::geteuid().as_raw();
        assert!(Owner::User(us).is_us_or_root());
        assert!(Owner::User(0).is_us_or_root());
        assert!(!Owner::User(us.wrapping_add(4711).max(1)).is_us_or_root());
        assert!(!Owner::Unknown(Unknown::Unattached).is_us_or_root());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn both_ends_of_a_connection_of_ours_are_ours() {
        use tokio::net::TcpListener;

        let us = Owner::User(rustix::process::geteuid().as_raw());
        for at in ["127.0.0.1:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
            let Ok(listener) = TcpListener::bind(at).await else {
                continue; // a system without IPv6
            };
            let address = listener.local_addr().unwrap();
            let client = TcpStream::connect(address).await.unwrap();
            let early = owner(&client, Duration::ZERO).await;
            assert_eq!(early, Owner::Unknown(Unknown::Unattached), "{at}");
            let accepting = async {
                tokio::time::sleep(3 * PAUSE).await;
                listener.accept().await.unwrap().0
            };
            let patience = Duration::from_secs(20);
            let (found, server) = tokio::join!(owner(&client, patience), accepting);
            assert_eq!(found, us, "{at}");
            assert_eq!(owner(&server, Duration::ZERO).await, us, "{at}");
            drop(client);
            let after = owner(&server, Duration::ZERO).await;
            assert!(!after.is_us_or_root(), "{at}: {after:?}");
        }
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_peer_of_a_unix_socket_is_known() {
        let (one, _other) = UnixStream::pair().unwrap();
        let us = rustix::process::geteuid().as_raw();
        assert_eq!(owner_of_unix(&one), Owner::User(us));
    }
}
