//! The address of a relay as people write it: `host:port`, or the URL that a browser or a proxy shows.

use std::net::IpAddr;
use std::str::FromStr;

use super::{Endpoint, PATH};

/// Where a relay is, and whether it speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayAddress {
    /// Host and port.
    pub endpoint: Endpoint,
    /// What the scheme says of TLS, where there is one.
    pub tls: Option<bool>,
}

impl RelayAddress {
    /// Returns whether it speaks TLS: what its scheme says, else only on port 443.
    pub fn uses_tls(&self) -> bool {
        self.endpoint.uses_tls(self.tls)
    }

    /// Returns whether its host is every address of a machine, which nobody can connect to from elsewhere.
    pub fn is_everywhere(&self) -> bool {
        let host = self.endpoint.host().parse::<IpAddr>();
        host.is_ok_and(|ip| ip.to_canonical().is_unspecified())
    }
}

impl FromStr for RelayAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            None => (String::new(), text),
        };
        let tls = match scheme.as_str() {
            "wss" | "https" => Some(true),
            "ws" | "http" => Some(false),
            "" => None,
            _ => return Err("a relay is ws://host:port, wss://host:port or host:port".to_owned()),
        };
        let rest = rest.trim_end_matches('/');
        let rest = rest.strip_suffix(PATH).unwrap_or(rest);
        let default = |port| Endpoint::new(rest.trim_matches(['[', ']']), port);
        let endpoint = match (rest.parse::<Endpoint>(), tls) {
            (Ok(endpoint), _) => Ok(endpoint),
            (Err(_), Some(true)) => default(443),
            (Err(_), Some(false)) => default(80),
            (Err(error), None) => Err(error),
        };
        let endpoint = endpoint.map_err(|error| error.to_string())?;
        Ok(Self { endpoint, tls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_urls() {
        for (text, endpoint, tls) in [
            ("relay.example:8787", "relay.example:8787", None),
            ("ws://h:8787", "h:8787", Some(false)),
            ("ws://h:8787/", "h:8787", Some(false)),
            ("WS://h:8787//", "h:8787", Some(false)),
            ("ws://h", "h:80", Some(false)),
            ("wss://h", "h:443", Some(true)),
            ("wss://h/", "h:443", Some(true)),
            ("wss://h/ws", "h:443", Some(true)),
            ("wss://h:8443/ws/", "h:8443", Some(true)),
            ("https://h", "h:443", Some(true)),
            ("http://h:1/", "h:1", Some(false)),
            ("ws://[::1]:8787/", "[::1]:8787", Some(false)),
            ("wss://[::1]", "[::1]:443", Some(true)),
            (" h:1 ", "h:1", None),
        ] {
            let address = RelayAddress {
                endpoint: endpoint.parse().unwrap(),
                tls,
            };
            assert_eq!(text.parse(), Ok(address), "{text}");
        }
        for text in [
            "",
            "h",
            "h:0",
            "ftp://h:1",
            "ws://",
            "ws://h:1/other",
            "h:1:2",
            "user@h:1",
        ] {
            assert!(text.parse::<RelayAddress>().is_err(), "{text}");
        }
        for (text, everywhere) in [
            ("0.0.0.0:1", true),
            ("[::]:1", true),
            ("[::ffff:0.0.0.0]:1", true),
            ("127.0.0.1:1", false),
            ("h:1", false),
        ] {
            let address: RelayAddress = text.parse().unwrap();
            assert_eq!(address.is_everywhere(), everywhere, "{text}");
        }
    }
}
