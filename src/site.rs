//! Who counts as one source of connections.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// An IPv4 address, or the 64 bits of an IPv6 address that one customer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Site(IpAddr);

impl Site {
    /// Returns the site of an address.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(ip) if !ip.is_loopback() => {
                Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into()
            }
            other => other,
        })
    }

    /// The same; loopback has none.
    pub(crate) fn beyond_loopback(address: IpAddr) -> Option<Self> {
        Some(Self::of(address)).filter(|site| !site.0.is_loopback())
    }

    /// Returns its first address, which has the same site.
    pub(crate) fn address(self) -> IpAddr {
        self.0
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(text: &str) -> Site {
        Site::of(text.parse().unwrap())
    }

    #[test]
    fn a_network_of_ipv6_is_one_site() {
        assert_eq!(site("192.0.2.1"), site("::ffff:192.0.2.1"));
        assert_ne!(site("192.0.2.1"), site("192.0.2.2"));
        assert_eq!(site("2001:db8:0:1::1"), site("2001:db8:0:1:ffff::2"));
        assert_ne!(site("2001:db8:0:1::1"), site("2001:db8:0:2::1"));
        assert_ne!(site("::1"), site("::2"));
        let one = site("2001:db8:0:1::1");
        assert_eq!(Site::of(one.address()), one);
    }

    #[test]
    fn loopback_is_beyond_nothing() {
        let beyond = |text: &str| Site::beyond_loopback(text.parse().unwrap());
        for loopback in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(beyond(loopback), None, "{loopback}");
        }
        assert_eq!(beyond("192.0.2.1"), Some(site("192.0.2.1")));
        assert_eq!(beyond("2001:db8::1"), Some(site("2001:db8::")));
    }
}
