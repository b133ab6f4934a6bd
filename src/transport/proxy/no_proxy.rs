//! Which hosts go without a proxy: the `NO_PROXY` of other programs.
//!
//! A list, separated by commas or blanks: `*`; a name, which means its subdomains too, with or without a
//! dot in front; an address; a network such as `10.0.0.0/8`. Each but `*` and networks may end in `:port`.
//! What cannot be read is passed over, as everywhere else.

use std::net::IpAddr;

use crate::protocol::relay::Endpoint;

/// The list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoProxy(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    All,
    Name(String, Option<u16>),
    Address(IpAddr, Option<u16>),
    Network(IpAddr, u8),
}

impl NoProxy {
    /// Reads a list.
    pub fn parse(text: &str) -> Self {
        let words = text.split([',', ' ', '\t', '\n']).map(str::trim);
        Self(words.filter_map(Rule::parse).collect())
    }

    /// Returns whether the list names an endpoint.
    pub fn names(&self, endpoint: &Endpoint) -> bool {
        let host = endpoint.host().trim_end_matches('.').to_ascii_lowercase();
        let ip = host.split('%').next().and_then(|ip| ip.parse().ok());
        let port = |rule: &Option<u16>| rule.is_none_or(|port| port == endpoint.port());
        self.0.iter().any(|rule| match rule {
            Rule::All => true,
            Rule::Name(name, at) => {
                let below = host.strip_suffix(name.as_str());
                port(at) && below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }
            Rule::Address(address, at) => port(at) && ip == Some(*address),
            Rule::Network(network, bits) => ip.is_some_and(|ip| is_within(ip, *network, *bits)),
        })
    }
}

impl Rule {
    fn parse(word: &str) -> Option<Self> {
        if word == "*" {
            return Some(Self::All);
        }
        if let Some((network, bits)) = word.split_once('/') {
            let (network, bits): (IpAddr, u8) = (network.parse().ok()?, bits.parse().ok()?);
            let most = if network.is_ipv4() { 32 } else { 128 };
            return (bits <= most).then_some(Self::Network(network, bits));
        }
        let bare = word.strip_prefix('[').and_then(|w| w.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(word).parse() {
            return Some(Self::Address(address, None));
        }
        let (host, port) = match word.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (word, None),
        };
        if let Ok(address) = host.trim_matches(['[', ']']).parse() {
            return Some(Self::Address(address, port));
        }
        let name = host.trim_start_matches("*.").trim_matches('.');
        (!name.is_empty()).then(|| Self::Name(name.to_ascii_lowercase(), port))
    }
}

fn is_within(ip: IpAddr, network: IpAddr, bits: u8) -> bool {
    let bits = u32::from(bits);
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            ip.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            ip.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_rules() {
        for (list, endpoint, expected) in [
            ("*", "relay.example:443", true),
            ("example", "relay.example:443", true),
            (".example", "relay.example:443", true),
            ("*.example", "relay.example:443", true),
            ("example", "example:443", true),
            ("example", "badexample:443", false),
            ("EXAMPLE,x", "Relay.Example:443", true),
            ("a b,example:443", "relay.example:443", true),
            ("example:8443", "relay.example:443", false),
            ("10.0.0.5", "10.0.0.5:1", true),
            ("10.0.0.5:2", "10.0.0.5:1", false),
            ("10.0.0.0/8", "10.9.9.9:1", true),
            ("10.0.0.0/8", "11.9.9.9:1", false),
            ("0.0.0.0/0", "11.9.9.9:1", true),
            ("10.0.0.0/8", "ten.example:1", false),
            ("::1", "[::1]:6767", true),
            ("[::1]:6767", "[::1]:6767", true),
            ("[::1]:1", "[::1]:6767", false),
            ("fd00::/8", "[fd12::1]:6767", true),
            ("fe80::1", "[fe80::1%eth0]:6767", true),
            ("", "x:1", false),
            (",,10.0.0.0/99,/,:", "x:1", false),
        ] {
            let endpoint: Endpoint = endpoint.parse().unwrap();
            assert_eq!(
                NoProxy::parse(list).names(&endpoint),
                expected,
                "{list} {endpoint}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = NoProxy::parse(&text).names(&"relay.example:443".parse().unwrap());
        }
    }
}
