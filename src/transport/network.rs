//! What lies between this machine and the other end, besides the address: a proxy, authorities, headers.

use std::path::PathBuf;
use std::str::FromStr;

use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};

use super::proxy::Proxy;
use crate::secret::Secret;
use crate::spelling::{did_you_mean, one_of};

/// How to get to any address.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// Carries the connection; it resolves the name too. Unix sockets and ssh go without.
    pub proxy: Option<Proxy>,
    /// PEM files of authorities that are trusted beside the platform's.
    pub ca_files: Vec<PathBuf>,
    /// Added to the upgrade request.
    pub headers: Vec<Header>,
    /// Which addresses a name may resolve to.
    pub family: Family,
    /// Whether ssh may ask for a passphrase or about a host key.
    pub may_prompt: bool,
}

/// Address family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Family {
    /// Both.
    #[default]
    Any,
    /// `ipv4`.
    V4,
    /// `ipv6`.
    V6,
}

impl Family {
    /// Returns whether an address belongs to it.
    pub(super) fn has(self, address: &std::net::SocketAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }

    /// The text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        }
    }
}

/// Not a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", did_you_mean("an address family is any, ipv4 or ipv6", suggestion.map(Family::as_str)))]
pub struct FamilyError {
    /// The one that was meant.
    pub suggestion: Option<Family>,
}

impl FromStr for Family {
    type Err = FamilyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Any, Self::V4, Self::V6];
        one_of(text, &all, Self::as_str).map_err(|suggestion| FamilyError { suggestion })
    }
}

/// A header of the upgrade request. Its value may be a secret.
#[derive(Clone)]
pub struct Header {
    name: HeaderName,
    value: HeaderValue,
}

/// Why a header cannot be sent. The value is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not a token (RFC 9110 section 5.1).
    #[error("a header's name is made of letters, digits and hyphens")]
    Name,
    /// The upgrade itself needs it.
    #[error("this header belongs to the connection and cannot be set")]
    Reserved,
    /// Control characters, or beyond ASCII.
    #[error("a header's value is made of printable ASCII characters")]
    Value,
}

impl Header {
    /// Makes a header out of its name and value.
    pub fn new(name: &str, value: &Secret<String>) -> Result<Self, HeaderError> {
        let name = Self::check_name(name)?;
        let text = value.expose();
        let printable = text
            .bytes()
            .all(|b| b == b'\t' || (b' '..=b'~').contains(&b));
        let mut value = HeaderValue::from_str(text).map_err(|_| HeaderError::Value)?;
        if !printable {
            return Err(HeaderError::Value);
        }
        value.set_sensitive(true);
        Ok(Self { name, value })
    }

    /// Returns the name, if a header may have it.
    pub fn check_name(name: &str) -> Result<HeaderName, HeaderError> {
        const RESERVED: [&str; 7] = [
            "host",
            "connection",
            "upgrade",
            "content-length",
            "transfer-encoding",
            "expect",
            "te",
        ];
        let name = HeaderName::from_str(name).map_err(|_| HeaderError::Name)?;
        let text = name.as_str();
        let ours = text.starts_with("sec-websocket-") || text.starts_with("paseo-");
        match ours || RESERVED.contains(&text) {
            true => Err(HeaderError::Reserved),
            false => Ok(name),
        }
    }

    pub(super) fn parts(&self) -> (&HeaderName, &HeaderValue) {
        (&self.name, &self.value)
    }
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Header({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_header() {
        let header = |name: &str, value: &str| Header::new(name, &Secret::from(value)).map(|_| ());
        assert_eq!(header("X-Team", "a b"), Ok(()));
        for name in [
            "Host",
            "upgrade",
            "Sec-WebSocket-Key",
            "Paseo-Relay-Presence",
        ] {
            assert_eq!(header(name, "x"), Err(HeaderError::Reserved), "{name}");
        }
        for name in ["", "a b", "a:b", "ä"] {
            assert_eq!(header(name, "x"), Err(HeaderError::Name), "{name}");
        }
        for value in ["a\r\nb: c", "\0", "ä"] {
            assert_eq!(header("x", value), Err(HeaderError::Value));
        }
        let shown = Header::new("x-token", &Secret::from("hunter2")).unwrap();
        assert!(!format!("{shown:?}").contains("hunter2"));
    }
}
