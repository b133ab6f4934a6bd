//! Proxies: `http://` and `https://` (CONNECT, RFC 9110 section 9.3.6), and SOCKS 5 (RFC 1928, RFC 1929).
//!
//! The proxy resolves the name of the other end, so nothing of it is asked of this machine's DNS.

mod connect;
mod no_proxy;
mod socks;

use std::fmt;
use std::str::FromStr;

pub use no_proxy::NoProxy;

use super::dial::Stream;
use crate::protocol::relay::Endpoint;
use crate::secret::Secret;

/// A proxy and how to log in there. Its text form leaves user and password out.
#[derive(Debug, Clone)]
pub struct Proxy {
    scheme: Scheme,
    endpoint: Endpoint,
    login: Option<Login>,
}

/// User and password. Either may be a secret.
#[derive(Debug, Clone)]
struct Login {
    user: Secret<String>,
    password: Secret<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
    Socks,
}

/// Why a text names no proxy. It is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyParseError {
    /// Another scheme.
    #[error("a proxy is http://, https:// or socks5h://, then host:port")]
    Scheme,
    /// No host, or no port.
    #[error("a proxy is http://host:port, https://host:port or socks5h://host:port")]
    Endpoint,
    /// Not percent-encoded UTF-8, or too long for the protocol.
    #[error("user and password of a proxy are percent-encoded, at most 255 bytes each")]
    Login,
}

/// Why a proxy made no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It wants a user and a password, or others.
    #[error("it {}", if *.sent { "refused user and password" } else { "wants a user and a password" })]
    Login {
        /// Whether some were sent.
        sent: bool,
    },
    /// An HTTP status that is no success. Redirects are not followed.
    #[error("it answered with HTTP status {0}")]
    Status(u16),
    /// The answer is none of the protocol.
    #[error("its answer is not of the {0} protocol")]
    Malformed(&'static str),
    /// The head of the answer does not end.
    #[error("its answer is longer than {0} bytes")]
    TooLong(usize),
    /// It ended the connection.
    #[error("it closed the connection")]
    Closed,
    /// A reply of SOCKS (RFC 1928 section 6).
    #[error("it says: {0}")]
    Socks(String),
    /// The connection broke.
    #[error("the connection to it was lost")]
    Io(#[source] std::io::Error),
}

impl From<std::io::Error> for ProxyError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

impl Proxy {
    /// Where it listens.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether it speaks TLS itself.
    pub(super) fn uses_tls(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// Whether the text that it was made of had a user or a password.
    pub fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// Logs in with these, in place of what the text said.
    #[must_use]
    pub fn with_login(mut self, user: Secret<String>, password: Secret<String>) -> Self {
        self.login = Some(Login { user, password });
        self
    }

    /// Asks for a connection to the other end, on an open one to the proxy.
    pub(super) async fn tunnel(&self, stream: Stream, to: &Endpoint) -> Result<Stream, ProxyError> {
        match self.scheme {
            Scheme::Http | Scheme::Https => connect::tunnel(stream, to, self.login.as_ref()).await,
            Scheme::Socks => socks::tunnel(stream, to, self.login.as_ref()).await,
        }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Socks => "socks5h",
        };
        write!(f, "{scheme}://{}", self.endpoint)
    }
}

impl FromStr for Proxy {
    type Err = ProxyParseError;

    /// Takes `scheme://[user[:password]@]host[:port]`; without a scheme it is `http`, as in other
    /// programs. `socks5` means `socks5h`: names are always resolved there.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (scheme, port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Scheme::Http, 80),
            "https" => (Scheme::Https, 443),
            "socks5h" | "socks5" | "socks" => (Scheme::Socks, 1080),
            _ => return Err(ProxyParseError::Scheme),
        };
        let (login, address) = match rest.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, rest),
        };
        let address = address.strip_suffix('/').unwrap_or(address);
        let endpoint = address.parse().or_else(|_| {
            let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']'));
            Endpoint::new(bare.unwrap_or(address), port)
        });
        Ok(Self {
            scheme,
            endpoint: endpoint.map_err(|_| ProxyParseError::Endpoint)?,
            login: login.map(Login::parse).transpose()?,
        })
    }
}

impl Login {
    fn parse(text: &str) -> Result<Self, ProxyParseError> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self {
            user: decode(user)?,
            password: decode(password)?,
        })
    }
}

/// Decodes `%XX`.
fn decode(text: &str) -> Result<Secret<String>, ProxyParseError> {
    const LONGEST: usize = 255;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = digit().zip(digit()).ok_or(ProxyParseError::Login)?;
                (high * 16 + low) as u8
            }
            byte => byte,
        });
    }
    match String::from_utf8(bytes) {
        Ok(text) if text.len() <= LONGEST => Ok(Secret::new(text)),
        _ => Err(ProxyParseError::Login),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form() {
        for (text, shown) in [
            ("http://proxy:3128", "http://proxy:3128"),
            ("proxy:3128", "http://proxy:3128"),
            ("HTTP://me:pw@proxy:3128/", "http://proxy:3128"),
            ("https://proxy", "https://proxy:443"),
            ("socks5://[::1]", "socks5h://[::1]:1080"),
            ("socks5h://u%40x:p%3A@10.0.0.1:9", "socks5h://10.0.0.1:9"),
        ] {
            assert_eq!(text.parse::<Proxy>().unwrap().to_string(), shown, "{text}");
        }
        let proxy: Proxy = "socks5h://u%40x:p%3A@h:9".parse().unwrap();
        let login = proxy.login.unwrap();
        let (user, password) = (login.user.expose().clone(), login.password.expose().clone());
        assert_eq!((user.as_str(), password.as_str()), ("u@x", "p:"));
    }

    #[test]
    fn what_is_no_proxy() {
        for (text, error) in [
            ("", ProxyParseError::Endpoint),
            ("ftp://h:1", ProxyParseError::Scheme),
            ("socks4://h:1", ProxyParseError::Scheme),
            ("http://h:0", ProxyParseError::Endpoint),
            ("http://a b:1", ProxyParseError::Endpoint),
            ("http://%4@h:1", ProxyParseError::Login),
        ] {
            assert_eq!(text.parse::<Proxy>().err(), Some(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_password_is_shown(text in ".{0,40}", password in "[A-Z]{12}") {
            let _ = text.parse::<Proxy>();
            let shown = format!("{:?}", format!("http://me:{password}@h:1").parse::<Proxy>());
            prop_assert!(!shown.contains(&password), "{shown}");
        }
    }
}
