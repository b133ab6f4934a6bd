//! `host:port`.

/// Where a relay or a daemon listens: `host:port` or `[ipv6]:port`, no scheme, no path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    host: String,
    port: u16,
}

/// The text is not `host:port`. It is not repeated, because it may be part of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an endpoint is host:port or [ipv6]:port, with a port from 1 to 65535")]
pub struct EndpointError;

impl Endpoint {
    /// The official relay.
    pub const OFFICIAL: &str = "relay.paseo.sh:443";

    /// Makes an endpoint out of a host (IPv6 without brackets) and a port that is not 0.
    pub fn new(host: &str, port: u16) -> Result<Self, EndpointError> {
        let named = !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
        let numbered = match host.split_once('%') {
            Some((ip, zone)) => is_ipv6(ip) && !zone.is_empty() && zone.bytes().all(is_zone),
            None => is_ipv6(host),
        };
        if port == 0 || host.len() > 255 || !(named || numbered) {
            return Err(EndpointError);
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }

    /// Returns it as the other end knows it: a zone (`fe80::1%eth0`) means something on this machine only
    /// (RFC 6874 section 1).
    #[must_use]
    pub fn without_zone(&self) -> Self {
        let host = self.host.split('%').next().unwrap_or_default();
        Self {
            host: host.to_owned(),
            port: self.port,
        }
    }

    /// The host: a name or an address, IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, never 0.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns whether a client speaks TLS to this relay: what the offer says, else only on port 443.
    pub fn uses_tls(&self, offered: Option<bool>) -> bool {
        offered.unwrap_or(self.port == 443)
    }
}

fn is_ipv6(text: &str) -> bool {
    text.parse::<std::net::Ipv6Addr>().is_ok()
}

fn is_zone(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl std::str::FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or(EndpointError)?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest
                .strip_suffix(']')
                .filter(|ip| ip.contains(':'))
                .ok_or(EndpointError)?,
            None if host.contains(':') => return Err(EndpointError),
            None => host,
        };
        // `u16::from_str` takes a leading plus sign, which is no port.
        if !port.bytes().all(|b| b.is_ascii_digit()) {
            return Err(EndpointError);
        }
        Self::new(host, port.parse().map_err(|_| EndpointError)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_parse_and_print() {
        for text in [
            "relay.paseo.sh:443",
            "127.0.0.1:8787",
            "[::1]:6767",
            "my_host-1:1",
        ] {
            assert_eq!(
                text.parse::<Endpoint>().map(|e| e.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in [
            "",
            "host",
            "host:",
            ":1",
            "host:0",
            "host:65536",
            "host:+1",
            "::1:80",
            "[::1]",
            "[host]:1",
            "http://host:1",
            "host/path:1",
            "us er@host:1",
            "[fe80::1%]:1",
            "[fe80::1%e\r\nx]:1",
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(EndpointError), "{text}");
        }
    }

    #[test]
    fn tls_follows_the_offer_else_port_443() {
        let official: Endpoint = Endpoint::OFFICIAL.parse().unwrap();
        let own: Endpoint = "relay.example:8443".parse().unwrap();
        assert!(official.uses_tls(None) && !official.uses_tls(Some(false)));
        assert!(!own.uses_tls(None) && own.uses_tls(Some(true)));
    }
}
