//! The `--host` grammar of the official CLI (`docs/protocol.md`, "Other host forms").
//!
//! | text (trimmed) | meaning |
//! |---|---|
//! | contains `#offer=`, `relay://` or `#connect=`, perhaps encoded again | a pairing offer |
//! | `tcp://host:port?ssl=true&password=P` | TCP, TLS only with `ssl=true` |
//! | `unix:///path`, `/path`, `~path` | Unix socket; `~` is not expanded |
//! | `ssh://[user@]host[:port]` | through the system's ssh, to port 6767 there (ours) |
//! | digits, `:` and digits | that port on 127.0.0.1 |
//! | `host:port`, `[ipv6]:port` | TCP without TLS |

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::pairing::is_marked;
use crate::protocol::relay::{Endpoint, EndpointError};
use crate::secret::Secret;
use crate::transport::{PathTooLong, SshHost, SshHostError, check_socket_path};

/// Where the port-only form connects to.
const LOOPBACK: &str = "127.0.0.1";

/// A target as given to `--host` or `PASEO_HOST`.
#[derive(Debug, Clone)]
pub enum Host {
    /// A pairing link, not yet parsed.
    Offer(Secret<String>),
    /// A daemon that is reached straight.
    Daemon {
        /// Where it listens.
        address: Address,
        /// The password in the text, which comes before `PASEO_PASSWORD`.
        password: Option<Secret<String>>,
    },
}

/// Where a daemon listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// TCP.
    Tcp {
        /// Host and port.
        endpoint: Endpoint,
        /// Whether with TLS.
        tls: bool,
    },
    /// A Unix socket.
    Unix {
        /// Its path.
        path: PathBuf,
    },
    /// The loopback of a machine that the system's ssh reaches.
    Ssh {
        /// Where ssh goes.
        host: SshHost,
    },
}

/// Why a text is no target. It is not repeated: it may hold a password or an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// No form has no colon.
    #[error("a target is host:port, a port, tcp://host:port, unix:///path or a pairing link")]
    Form,
    /// `tcp://user@host`.
    #[error("a target has no user name; a password is written tcp://host:port?password=…")]
    UserInfo,
    /// `ws://`, `http://` and the like.
    #[error("the scheme is tcp:// (with ?ssl=true for TLS), unix:// or ssh://")]
    Scheme,
    /// `ssl=` with something else than `true` or `false`.
    #[error("`ssl` is true or false")]
    Ssl,
    /// A percent sign without two hexadecimal digits, or bytes that are no UTF-8.
    #[error("the password is not percent-encoded UTF-8")]
    PasswordEncoding,
    /// A Windows pipe.
    #[error("named pipes are not supported")]
    Pipe,
    /// Not host:port.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Not where ssh could go.
    #[error(transparent)]
    Ssh(#[from] SshHostError),
    /// `unix:///path?password=…`.
    #[error("a socket's address has no password in it; give it in PASEO_PASSWORD")]
    SocketPassword,
    /// A socket that the system does not take.
    #[error(transparent)]
    Path(#[from] PathTooLong),
    /// A password where none may be.
    #[error("a password does not belong here: it would be readable in the file")]
    Password,
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if is_marked(text) {
            return Ok(Self::Offer(text.into()));
        }
        if let Some(rest) = text.strip_prefix("tcp://") {
            return tcp(rest);
        }
        if let Some(host) = text.strip_prefix("ssh://") {
            let host = host.strip_suffix('/').unwrap_or(host).parse()?;
            return Ok(Self::Daemon {
                address: Address::Ssh { host },
                password: None,
            });
        }
        if text.starts_with("pipe://") || text.starts_with(r"\\.\pipe\") {
            return Err(HostError::Pipe);
        }
        let path = text.strip_prefix("unix://");
        let path = path.or_else(|| text.starts_with(['/', '~']).then_some(text));
        let address = match path {
            Some("") => return Err(HostError::Form),
            // It would be taken for a part of the path, and shown.
            Some(path) if has_password(path) => return Err(HostError::SocketPassword),
            Some(path) => {
                check_socket_path(path.as_ref())?;
                Address::Unix { path: path.into() }
            }
            None if text.contains("://") => return Err(HostError::Scheme),
            None if is_port(text) => {
                plain(&format!("{LOOPBACK}:{}", text.trim_start_matches(':')))?
            }
            None if text.contains(':') => plain(text)?,
            None => return Err(HostError::Form),
        };
        Ok(Self::Daemon {
            address,
            password: None,
        })
    }
}

/// Whether a path has a query with a password.
fn has_password(path: &str) -> bool {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let mut names = query
        .split(['&', '?'])
        .map(|pair| pair.split('=').next().unwrap_or_default());
    names.any(|name| name.eq_ignore_ascii_case("password"))
}

/// Returns whether a text is a port alone, also as `:7000`.
fn is_port(text: &str) -> bool {
    let digits = text.strip_prefix(':').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn plain(text: &str) -> Result<Address, HostError> {
    Ok(Address::Tcp {
        endpoint: text.parse()?,
        tls: false,
    })
}

fn tcp(rest: &str) -> Result<Host, HostError> {
    let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
    let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if authority.contains('@') {
        return Err(HostError::UserInfo);
    }
    let mut tls = false;
    let mut password = None;
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("ssl", "true")) => tls = true,
            Some(("ssl", "false")) => tls = false,
            Some(("ssl", _)) => return Err(HostError::Ssl),
            Some(("password", value)) => password = Some(decode(value)?),
            // The official CLI ignores every other parameter.
            _ => {}
        }
    }
    let endpoint = authority.parse()?;
    Ok(Host::Daemon {
        address: Address::Tcp { endpoint, tls },
        password: password.filter(|password| !password.expose().is_empty()),
    })
}

/// Decodes a value of a query: `+` is a space, `%XX` a byte.
fn decode(value: &str) -> Result<Secret<String>, HostError> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = digit().zip(digit()).ok_or(HostError::PasswordEncoding)?;
                (high * 16 + low) as u8
            }
            byte => byte,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| HostError::PasswordEncoding)?;
    Ok(Secret::new(text))
}

/// The form without a password, as in a profile's `url`.
impl FromStr for Address {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse()? {
            Host::Daemon {
                address,
                password: None,
            } => Ok(address),
            Host::Daemon { .. } => Err(HostError::Password),
            Host::Offer(_) => Err(HostError::Scheme),
        }
    }
}

/// The form that a profile's `url` has.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp {
                endpoint,
                tls: false,
            } => write!(f, "tcp://{endpoint}"),
            Self::Tcp {
                endpoint,
                tls: true,
            } => write!(f, "tcp://{endpoint}?ssl=true"),
            Self::Unix { path } => write!(f, "unix://{}", path.display()),
            Self::Ssh { host } => write!(f, "ssh://{host}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn direct(text: &str) -> (String, Option<String>) {
        match text.parse::<Host>() {
            Ok(Host::Daemon { address, password }) => {
                (address.to_string(), password.map(|p| p.expose().clone()))
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn every_form() {
        for (text, address) in [
            ("box:6767", "tcp://box:6767"),
            (" [::1]:6767 ", "tcp://[::1]:6767"),
            ("6768", "tcp://127.0.0.1:6768"),
            ("tcp://box:1", "tcp://box:1"),
            ("tcp://box:1/?ssl=true", "tcp://box:1?ssl=true"),
            ("tcp://box:1?ssl=false&other=x", "tcp://box:1"),
            ("unix:///run/p.sock", "unix:///run/p.sock"),
            (":7000", "tcp://127.0.0.1:7000"),
            ("/run/p.sock", "unix:///run/p.sock"),
            ("~/p.sock", "unix://~/p.sock"),
            ("ssh://me@tower:2222", "ssh://me@tower:2222"),
        ] {
            assert_eq!(direct(text), (address.to_owned(), None), "{text}");
        }
        let (_, password) = direct("tcp://box:1?password=a%26b+c%C3%A4");
        assert_eq!(password.as_deref(), Some("a&b cä"));
        let offer = "paseo://x#offer=eyJ".parse::<Host>();
        assert!(matches!(offer, Ok(Host::Offer(_))));
    }

    #[test]
    fn what_is_no_target() {
        for (text, error) in [
            ("", HostError::Form),
            ("work", HostError::Form),
            ("unix://", HostError::Form),
            ("ws://box:1", HostError::Scheme),
            ("http://box:1", HostError::Scheme),
            ("tcp://me:pw@box:1", HostError::UserInfo),
            ("tcp://box", HostError::Endpoint(EndpointError)),
            ("box:", HostError::Endpoint(EndpointError)),
            (r"C:\x", HostError::Endpoint(EndpointError)),
            ("::1:80", HostError::Endpoint(EndpointError)),
            ("tcp://box:1?ssl=1", HostError::Ssl),
            ("tcp://box:1?password=%4", HostError::PasswordEncoding),
            ("tcp://box:1?password=%ff", HostError::PasswordEncoding),
            ("pipe://x", HostError::Pipe),
            ("unix:///p?password=x", HostError::SocketPassword),
            ("unix:///p?ssl=true&password=x", HostError::SocketPassword),
            ("/p?Password=x", HostError::SocketPassword),
            ("~/p?password", HostError::SocketPassword),
        ] {
            assert_eq!(text.parse::<Host>().err(), Some(error), "{text}");
        }
    }

    #[test]
    fn an_address_has_no_password() {
        let with = "tcp://box:1?password=x".parse::<Address>();
        assert_eq!(with, Err(HostError::Password));
        assert_eq!("#offer=x".parse::<Address>(), Err(HostError::Scheme));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_secret_is_shown(text in ".{0,40}", password in "[A-Z]{12}") {
            let _ = text.parse::<Host>();
            let text = format!("tcp://box:1?{text}&password={password}");
            let shown = format!("{:?}", text.parse::<Host>());
            prop_assert!(!shown.contains(&password), "{shown}");
        }
    }
}
