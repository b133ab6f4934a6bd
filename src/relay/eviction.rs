//! Who goes when memory is short: a pure choice.

use std::collections::HashMap;

use crate::protocol::relay::ServerId;
use crate::site::Site;

/// Bytes of a holder, and with whom it shares the blame.
#[derive(Debug)]
pub(super) struct Holding<'a, H> {
    pub(super) holder: &'a H,
    pub(super) session: &'a ServerId,
    pub(super) site: Option<Site>,
    pub(super) bytes: usize,
}

/// Chooses holders that hold at least `excess` bytes together, or all.
///
/// The biggest party goes first, be it a session or a site: one with many small sockets is as big as one with a
/// large one. In a site, the biggest session goes first, and in a session the biggest site. So users who come
/// from one address (a proxy, an office) are told apart by their sessions, and strangers in one session by their
/// addresses. Last, the biggest socket goes first.
pub(super) fn biggest<'a, H>(mut holdings: Vec<Holding<'a, H>>, excess: usize) -> Vec<&'a H> {
    let mut sessions: HashMap<&ServerId, usize> = HashMap::new();
    let mut sites: HashMap<Option<Site>, usize> = HashMap::new();
    for holding in &holdings {
        *sessions.entry(holding.session).or_default() += holding.bytes;
        *sites.entry(holding.site).or_default() += holding.bytes;
    }
    let size = |holding: &Holding<'_, H>| {
        let session = sessions.get(holding.session).copied().unwrap_or_default();
        let site = sites.get(&holding.site).copied().unwrap_or_default();
        // Sockets without a site have nothing in common.
        let party = match holding.site {
            Some(_) => session.max(site),
            None => session,
        };
        // Where the larger of both is the same, the sum orders by the other.
        (party, session.saturating_add(site), holding.bytes)
    };
    holdings.sort_by_cached_key(|holding| std::cmp::Reverse(size(holding)));
    let mut freed = 0;
    let chosen = holdings.iter().take_while(|holding| {
        let enough = freed >= excess;
        freed += holding.bytes;
        !enough
    });
    chosen.map(|holding| holding.holder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holders by number: their session, their site (0 is none), and their bytes.
    fn chosen(holders: &[(&str, u8, usize)], excess: usize) -> Vec<usize> {
        let sessions: Vec<_> = holders
            .iter()
            .map(|(session, ..)| ServerId::new(session).unwrap())
            .collect();
        let numbers: Vec<usize> = (0..holders.len()).collect();
        let holdings = holders.iter().enumerate().map(|(n, &(_, host, bytes))| {
            let site = Site::beyond_loopback([192, 0, 2, host].into()).filter(|_| host > 0);
            Holding {
                holder: &numbers[n],
                session: &sessions[n],
                site,
                bytes,
            }
        });
        biggest(holdings.collect(), excess)
            .into_iter()
            .copied()
            .collect()
    }

    #[test]
    fn the_biggest_goes_first_and_no_more_than_needed() {
        let holders = [("a", 0, 10), ("b", 0, 500), ("c", 0, 300), ("d", 0, 5)];
        assert_eq!(chosen(&holders, 1), [1]);
        assert_eq!(chosen(&holders, 500), [1]);
        assert_eq!(chosen(&holders, 501), [1, 2]);
        assert_eq!(chosen(&holders, 10_000).len(), 4);
    }

    #[test]
    fn many_small_sessions_of_one_site_are_one_big_party() {
        let mut holders = vec![("honest", 1, 300)];
        let names: Vec<_> = (0..10).map(|n| format!("hog{n}")).collect();
        holders.extend(names.iter().map(|name| (name.as_str(), 2, 100)));
        let gone = chosen(&holders, 700);
        assert!(gone.len() == 7 && !gone.contains(&0), "{gone:?}");
    }

    #[test]
    fn many_sites_of_one_session_are_one_big_party() {
        let mut holders = vec![("honest", 1, 300)];
        holders.extend((2..12).map(|host| ("hog", host, 100)));
        let gone = chosen(&holders, 700);
        assert!(gone.len() == 7 && !gone.contains(&0), "{gone:?}");
    }

    #[test]
    fn behind_one_address_the_biggest_session_goes_first() {
        let holders = [("honest", 1, 300), ("hog", 1, 200), ("hog", 1, 200)];
        assert_eq!(chosen(&holders, 400), [1, 2]);
    }

    #[test]
    fn in_one_session_the_biggest_site_goes_first() {
        let holders = [("s", 1, 300), ("s", 2, 200), ("s", 2, 250)];
        assert_eq!(chosen(&holders, 400), [2, 1]);
    }
}
