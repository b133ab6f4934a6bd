//! What counts as one source of connections.

use std::net::{IpAddr, Ipv6Addr};

/// An IPv4 address, or the 64 bits of an IPv6 address that a site has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Network(IpAddr);

impl Network {
    /// Returns the network of an address. Loopback has none: it is the reverse proxy of the same machine, so
    /// it says nothing about the user behind it.
    pub(super) fn of(address: IpAddr) -> Option<Self> {
        let address = address.to_canonical();
        match address {
            address if address.is_loopback() => None,
            IpAddr::V4(_) => Some(Self(address)),
            IpAddr::V6(address) => {
                let prefix = address.to_bits() & !u128::from(u64::MAX);
                Some(Self(Ipv6Addr::from_bits(prefix).into()))
            }
        }
    }

    /// Returns its first address, which has the same network.
    #[cfg(any(test, feature = "cluster"))]
    pub(super) fn address(self) -> IpAddr {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Option<Network> {
        Network::of(text.parse().unwrap())
    }

    #[test]
    fn a_site_is_one_network_and_loopback_is_none() {
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("2001:db8:0:1::1"), network("2001:db8:0:1:ffff::2"));
        assert_ne!(network("2001:db8:0:1::1"), network("2001:db8:0:2::1"));
        for loopback in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(network(loopback), None, "{loopback}");
        }
        let site = network("2001:db8:0:1::1").unwrap();
        assert_eq!(Network::of(site.address()), Some(site));
    }
}
