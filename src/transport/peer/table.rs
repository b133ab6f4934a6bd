//! The tables of TCP sockets in the network namespace of this process: `/proc/net/tcp` and `/proc/net/tcp6`.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::{Connection, Owner, Unknown};

/// How a table writes an address; `None` for one of the other family.
type Spell = fn(IpAddr) -> Option<String>;

/// Most bytes that are read of a table: a row takes 150.
const MAX_TABLE_BYTES: u64 = 64 * 1024 * 1024;
/// Longest row, in bytes.
const MAX_ROW_BYTES: u64 = 1024;
/// The state of an open connection in the tables.
const ESTABLISHED: &str = "01";

/// A table, and how it writes addresses.
struct Table {
    path: PathBuf,
    spell: Spell,
    /// The system may have no such sockets, and then no table of them.
    may_be_missing: bool,
}

/// Connections that are looked for in a table, by the first columns of the row of their other end.
struct Wanted {
    rows: HashMap<String, Option<Owner>>,
    spell: Spell,
}

/// Returns who owns the other ends of these connections, in the same order. The kernel walks all its sockets for it.
pub(super) fn owners(connections: &[Connection]) -> Vec<Owner> {
    let table = |path: &str, spell, may_be_missing| Table {
        path: path.into(),
        spell,
        may_be_missing,
    };
    let tables = [
        table("/proc/net/tcp", in_v4, false),
        table("/proc/net/tcp6", in_v6, true),
    ];
    owners_in(&tables, connections, MAX_TABLE_BYTES)
}

fn owners_in(tables: &[Table], connections: &[Connection], most: u64) -> Vec<Owner> {
    let mut found = vec![None; connections.len()];
    let mut missing = Unknown::NotListed;
    for table in tables {
        // In that of IPv4 no IPv6 address stands.
        let mut wanted = Wanted::of(table.spell, connections, &found);
        if wanted.rows.is_empty() {
            continue;
        }
        if table.read(&mut wanted, most).is_err() {
            missing = Unknown::Unreadable;
        }
        for (connection, found) in connections.iter().zip(&mut found) {
            *found = found.or_else(|| wanted.answer(connection));
        }
    }
    let told = |found: Option<Owner>| match found {
        Some(Owner::User(uid)) => mapped(uid),
        Some(unknown) => unknown,
        None => Owner::Unknown(missing),
    };
    found.into_iter().map(told).collect()
}

impl Table {
    /// Fills in what this table knows. Fails when what is still missing may stand in a part that was not read.
    fn read(&self, wanted: &mut Wanted, most: u64) -> io::Result<()> {
        let file = match std::fs::File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.may_be_missing => {
                return Ok(());
            }
            opened => opened?,
        };
        let mut rows = io::BufReader::with_capacity(64 * 1024, file.take(most));
        wanted.find(&mut rows)?;
        match wanted.has_all() || rows.get_ref().limit() > 0 {
            true => Ok(()),
            false => Err(io::ErrorKind::FileTooLarge.into()),
        }
    }
}

impl Wanted {
    fn of(spell: Spell, connections: &[Connection], found: &[Option<Owner>]) -> Self {
        let unanswered = connections.iter().zip(found).filter(|(_, it)| it.is_none());
        let rows = unanswered
            .filter_map(|(connection, _)| Some((row(spell, connection)?, None)))
            .collect();
        Self { rows, spell }
    }

    /// Returns what a table has told of a connection.
    fn answer(&self, connection: &Connection) -> Option<Owner> {
        *self.rows.get(&row(self.spell, connection)?)?
    }

    fn has_all(&self) -> bool {
        self.rows.values().all(Option::is_some)
    }

    /// Reads rows until their end, or until everything is found.
    fn find(&mut self, mut table: impl BufRead) -> io::Result<()> {
        // All rows of a table begin with as many characters.
        let Some(length) = self.rows.keys().next().map(String::len) else {
            return Ok(());
        };
        let mut missing = self.rows.values().filter(|owner| owner.is_none()).count();
        let mut line = String::new();
        while missing > 0 {
            line.clear();
            if table.by_ref().take(MAX_ROW_BYTES).read_line(&mut line)? == 0 {
                return Ok(());
            }
            let Some((_number, columns)) = line.split_once(": ") else {
                continue;
            };
            if let Some((ends, rest)) = columns.split_at_checked(length)
                && let Some(owner @ None) = self.rows.get_mut(ends)
            {
                *owner = parse(rest);
                missing -= usize::from(owner.is_some());
            }
        }
        Ok(())
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

/// Writes how the row of the other end begins: with its own address, and with ours.
fn row(spell: Spell, connection: &Connection) -> Option<String> {
    let end = |address: SocketAddr| {
        let ip = spell(address.ip().to_canonical())?;
        Some(format!("{ip}:{:04X} ", address.port()))
    };
    Some(end(connection.peer)? + &end(connection.local)?)
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
pub(super) fn mapped(uid: u32) -> Owner {
    let overflow = std::fs::read_to_string("/proc/sys/kernel/overflowuid").unwrap_or_default();
    if uid != overflow.trim().parse().unwrap_or(65534) || maps_everybody() {
        Owner::User(uid)
    } else {
        Owner::Unknown(Unknown::Unmapped)
    }
}

fn maps_everybody() -> bool {
    match std::fs::read_to_string("/proc/self/uid_map") {
        Ok(map) => maps_all(&map),
        // A system without user namespaces has no such file.
        Err(error) => {
            let has_proc = || std::path::Path::new("/proc/self").exists();
            !cfg!(target_os = "linux") || error.kind() == io::ErrorKind::NotFound && has_proc()
        }
    }
}

/// Returns whether a `uid_map` has every user.
fn maps_all(map: &str) -> bool {
    let counts = map
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
    counts.sum::<u64>() >= u64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection between our address and that of a peer.
    fn connection(local: &str, peer: &str) -> Connection {
        Connection {
            local: local.parse().unwrap(),
            peer: peer.parse().unwrap(),
        }
    }

    fn of_loopback() -> Connection {
        connection("127.0.0.1:1", "127.0.0.1:2")
    }

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
        let connection = connection(peer, local);
        let mut wanted = Wanted::of(write, &[connection], &[None]);
        wanted.find(table.as_bytes()).unwrap();
        wanted.answer(&connection)
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
        let mut wanted = Wanted::of(in_v4, &[of_loopback()], &[None]);
        let endless = io::BufReader::new(io::repeat(b'0').take(10 * MAX_ROW_BYTES));
        wanted.find(endless).unwrap();
        assert_eq!(wanted.answer(&of_loopback()), None);
        wanted.find(&b"\xff\xfe\n"[..]).unwrap_err();
    }

    /// A connection that is found in no table is not listed only where all of them were read to their ends.
    #[test]
    fn a_table_that_is_not_read_to_its_end_tells_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let table = |name: &str, may_be_missing| Table {
            path: dir.path().join(name),
            spell: in_v4,
            may_be_missing,
        };
        let unreadable = Owner::Unknown(Unknown::Unreadable);
        let not_listed = Owner::Unknown(Unknown::NotListed);
        let look = |tables: &[Table], most| owners_in(tables, &[of_loopback()], most)[0];
        std::fs::write(dir.path().join("empty"), "").unwrap();
        std::fs::write(dir.path().join("rows"), "0: x\n".repeat(100)).unwrap();
        std::fs::write(dir.path().join("torn"), b"0: \xff\n").unwrap();
        std::fs::create_dir(dir.path().join("dir")).unwrap();
        for name in ["none", "torn", "dir"] {
            assert_eq!(look(&[table(name, false)], 1000), unreadable, "{name}");
            let both = [table("empty", false), table(name, false)];
            assert_eq!(look(&both, 1000), unreadable, "{name}");
        }
        assert_eq!(look(&[table("none", true)], 1000), not_listed);
        assert_eq!(look(&[table("rows", false)], 501), not_listed);
        assert_eq!(look(&[table("rows", false)], 500), unreadable);
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn one_walk_answers_all() {
        let dir = tempfile::tempdir().unwrap();
        let tables = [("v4", V4, in_v4 as Spell), ("v6", V6, in_v6)].map(|(name, text, spell)| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            Table {
                path,
                spell,
                may_be_missing: false,
            }
        });
        let all = [
            connection("127.0.0.1:6767", "127.0.0.1:40000"),
            connection("127.0.0.1:6767", "127.0.0.1:40003"),
            connection("[::1]:6767", "[::1]:40000"),
            connection("127.0.0.1:6767", "127.0.0.1:40004"),
            connection("127.0.0.1:6767", "127.0.0.1:40000"),
        ];
        assert_eq!(
            owners_in(&tables, &all, MAX_TABLE_BYTES),
            [
                Owner::User(1001),
                Owner::Unknown(Unknown::NotListed),
                Owner::User(1002),
                Owner::User(1003),
                Owner::User(1001),
            ]
        );
    }

    #[test]
    fn a_namespace_that_lacks_users_is_noticed() {
        assert!(maps_all("         0          0 4294967295\n"));
        // Nobody is mapped yet, or the file is not there.
        assert!(!maps_all(""));
        assert!(!maps_all(
            "         0       1000          1\n         1     100000      65536\n"
        ));
    }
}
