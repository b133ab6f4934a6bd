//! Who owns the other end of a connection on this machine.
//!
//! The credentials of a Unix socket's peer come from the system. For TCP over loopback, Linux lists every socket with
//! its owner in `/proc/net/tcp` and `/proc/net/tcp6`; other systems tell nothing.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// How a table writes an address; `None` for one of the other family.
type Spell = fn(IpAddr) -> Option<String>;

/// The tables of TCP sockets in the network namespace of this process, and how each writes an address.
const TABLES: [(&str, Spell); 2] = [("/proc/net/tcp", in_v4), ("/proc/net/tcp6", in_v6)];
/// Most bytes that are read of a table: a row takes 150.
const MAX_TABLE_BYTES: u64 = 64 * 1024 * 1024;
/// Longest row, in bytes.
const MAX_ROW_BYTES: u64 = 1024;
/// Pause before a table is read again.
const PAUSE: Duration = Duration::from_millis(10);
/// The state of an open connection in the tables.
const ESTABLISHED: &str = "01";

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
    /// Nobody has asked.
    NotAsked,
    /// This system does not tell, or its tables cannot be read.
    NotTold,
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
            Self::NotAsked => "nobody has asked for its owner",
            Self::NotTold => "this system does not report who owns a connection",
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
        // The kernel walks its whole table for it.
        let looked = tokio::task::spawn_blocking(move || look_up(local, peer)).await;
        let found = looked.unwrap_or(Owner::Unknown(Unknown::NotTold));
        // Once our end is closed, the two addresses may be those of another connection.
        if stream.peer_addr().is_err() {
            return Owner::Unknown(Unknown::NotOpen);
        }
        let may_change = matches!(
            found,
            Owner::Unknown(Unknown::NotListed | Unknown::Unattached)
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
        Ok(peer) => mapped(peer.uid()),
        Err(_) => Owner::Unknown(Unknown::NotTold),
    }
}

fn look_up(local: SocketAddr, peer: SocketAddr) -> Owner {
    let mut answer = Owner::Unknown(Unknown::NotTold);
    for (table, write) in TABLES {
        // A system without IPv6 has one table, and in that of IPv4 no IPv6 address stands.
        let (Some(ends), Ok(file)) = (ends(write, peer, local), std::fs::File::open(table)) else {
            continue;
        };
        let rows = io::BufReader::with_capacity(64 * 1024, file.take(MAX_TABLE_BYTES));
        match find(rows, &ends) {
            Ok(Some(Owner::User(uid))) => return mapped(uid),
            Ok(Some(unknown)) => return unknown,
            Ok(None) => answer = Owner::Unknown(Unknown::NotListed),
            Err(_) => return Owner::Unknown(Unknown::NotTold),
        }
    }
    answer
}

/// Finds the socket whose row has these two addresses; `None` when there is none.
fn find(mut table: impl BufRead, ends: &str) -> io::Result<Option<Owner>> {
    let mut row = String::new();
    loop {
        row.clear();
        if table.by_ref().take(MAX_ROW_BYTES).read_line(&mut row)? == 0 {
            return Ok(None);
        }
        let columns = row.split_once(": ").map(|(_number, columns)| columns);
        if let Some(rest) = columns.and_then(|columns| columns.strip_prefix(ends)) {
            return Ok(parse(rest));
        }
    }
}

/// Reads who owns a socket out of the columns behind its two addresses.
fn parse(columns: &str) -> Option<Owner> {
    let mut columns = columns.split_ascii_whitespace();
    let state = columns.next()?;
    // Between them: the queues, the timer, retransmissions; and the probes that were not answered.
    let uid: u32 = columns.nth(3)?.parse().ok()?;
    let inode: u64 = columns.nth(1)?.parse().ok()?;
    Some(match (state, inode) {
        (ESTABLISHED, 0) => Owner::Unknown(Unknown::Unattached),
        (ESTABLISHED, _) => Owner::User(uid),
        _ => Owner::Unknown(Unknown::NotOpen),
    })
}

/// Writes a socket's own address and that of its peer as a row begins with them.
fn ends(
    write: fn(IpAddr) -> Option<String>,
    local: SocketAddr,
    peer: SocketAddr,
) -> Option<String> {
    let end = |address: SocketAddr| {
        let ip = write(address.ip().to_canonical())?;
        Some(format!("{ip}:{:04X} ", address.port()))
    };
    Some(end(local)? + &end(peer)?)
}

fn in_v4(ip: IpAddr) -> Option<String> {
    match ip {
        IpAddr::V4(ip) => Some(words(&ip.octets())),
        IpAddr::V6(_) => None,
    }
}

/// A socket of IPv6 may have IPv4 addresses, which are written as IPv6 ones.
fn in_v6(ip: IpAddr) -> Option<String> {
    let ip = match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    Some(words(&ip.octets()))
}

/// Words of 32 bits in the order of this machine.
fn words(octets: &[u8]) -> String {
    let (words, _) = octets.as_chunks::<4>();
    words
        .iter()
        .map(|word| format!("{:08X}", u32::from_ne_bytes(*word)))
        .collect()
}

/// A user namespace shows every user that it has no id for under one id, which may be one of its own too.
fn mapped(uid: u32) -> Owner {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let overflow = read("/proc/sys/kernel/overflowuid");
    if uid != overflow.trim().parse().unwrap_or(65534) || maps_all(&read("/proc/self/uid_map")) {
        Owner::User(uid)
    } else {
        Owner::Unknown(Unknown::Unmapped)
    }
}

/// Returns whether a `uid_map` has every user. A system without namespaces has no such file.
fn maps_all(map: &str) -> bool {
    let counts = map
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
    map.is_empty() || counts.sum::<u64>() >= u64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows as Linux writes them on a machine whose words are little-endian.
    #[cfg(target_endian = "little")]
    const V4: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n\
   0: 0100007F:1A6F 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31337 1 ffff8880 100 0 0 10 0                     \n\
   1: 0100007F:1A6F 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 0 1 ffff8880 20 4 30 10 -1                       \n\
   2: 0100007F:9C40 0100007F:1A6F 01 00000000:00000000 02:000A7F54 00000000  1001        0 40000 2 ffff8880 20 4 30 10 -1                   \n\
   3: 0100007F:9C41 0100007F:1A6F 06 00000000:00000000 03:00001763 00000000     0        0 0 3 ffff8880                                     \n\
   4: 0100007F:9C42 0100007F:1A6F 04 00000000:00000000 01:00000013 00000000  1001        0 40001 3 ffff8880                                 \n\
   5: garbage\n\
   6: 0100007F:9C43 0100007F:1A6F 01\n";
    #[cfg(target_endian = "little")]
    const V6: &str = "\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
   0: 00000000000000000000000001000000:9C40 00000000000000000000000001000000:1A6F 01 00000000:00000000 00:00000000 00000000  1002        0 50000 1 ffff8880\n\
   1: 0000000000000000FFFF00000100007F:9C44 0000000000000000FFFF00000100007F:1A6F 01 00000000:00000000 00:00000000 00000000  1003        0 50001 1 ffff8880\n";

    #[cfg(target_endian = "little")]
    fn of(table: &str, local: &str, peer: &str) -> Option<Owner> {
        let write = if table == V4 { in_v4 } else { in_v6 };
        let ends = ends(write, local.parse().unwrap(), peer.parse().unwrap()).unwrap();
        find(table.as_bytes(), &ends).unwrap()
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn only_an_open_socket_of_a_process_has_an_owner() {
        let v4 = |port: u16| of(V4, &format!("127.0.0.1:{port}"), "127.0.0.1:6767");
        assert_eq!(v4(40000), Some(Owner::User(1001)));
        assert_eq!(v4(40001), Some(Owner::Unknown(Unknown::NotOpen)));
        assert_eq!(v4(40002), Some(Owner::Unknown(Unknown::NotOpen)));
        assert_eq!(v4(40003), None);
        // Not accepted yet, or closed by its process: user 0 and no inode. That is not root.
        let server = of(V4, "127.0.0.1:6767", "127.0.0.1:40000").unwrap();
        assert_eq!(server, Owner::Unknown(Unknown::Unattached));
        assert!(!server.is_us_or_root());
        // A listener is nobody's other end.
        assert_eq!(of(V4, "127.0.0.1:6767", "0.0.0.0:1"), None);
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn ipv6_and_ipv4_in_it_are_read() {
        let found = of(V6, "[::1]:40000", "[::1]:6767");
        assert_eq!(found, Some(Owner::User(1002)));
        for (local, peer) in [
            ("127.0.0.1:40004", "127.0.0.1:6767"),
            ("[::ffff:127.0.0.1]:40004", "[::ffff:127.0.0.1]:6767"),
        ] {
            assert_eq!(of(V6, local, peer), Some(Owner::User(1003)));
        }
        assert_eq!(of(V6, "127.0.0.1:40000", "127.0.0.1:6767"), None);
    }

    #[test]
    fn a_table_without_end_or_lines_ends() {
        let endless = io::BufReader::new(io::repeat(b'0').take(10 * MAX_ROW_BYTES));
        assert_eq!(find(endless, "1").unwrap(), None);
        assert!(find(&b"\xff\xfe\n"[..], "1").is_err());
    }

    #[test]
    fn a_namespace_that_lacks_users_is_noticed() {
        assert!(maps_all("         0          0 4294967295\n"));
        assert!(maps_all(""));
        assert!(!maps_all(
            "         0       1000          1\n         1     100000      65536\n"
        ));
    }

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
