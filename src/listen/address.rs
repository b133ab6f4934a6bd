//! Addresses to listen on, as people write them.
//!
//! | text | meaning |
//! |---|---|
//! | `7000`, `:7000`, `localhost:7000` | that port of this machine alone |
//! | `*:7000` | that port of every address |
//! | `10.0.0.5:7000`, `[::1]:7000` | that port of one address; `0.0.0.0` and `[::]` are all of them |
//! | `tcp://…` | the same |
//! | `/path`, `unix:/path`, `unix:///path` | a socket |
//!
//! A port without an address never listens to other machines: that has to be written.

use std::net::{Ipv4Addr, SocketAddr};

use super::Listen;
use crate::transport::{PathTooLong, check_socket_path};

/// Why a text is nothing to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// Not one of the forms.
    #[error("expected an address and port, a port, or the absolute path of a socket")]
    Form,
    /// An address alone.
    #[error("the port is missing; write for example 127.0.0.1:6767")]
    NoPort,
    /// A name, which may have several addresses, or one of another machine.
    #[error(
        "a name is no address to listen on; give an address of this machine, or 0.0.0.0 for all"
    )]
    Name,
    /// A socket that the system does not take.
    #[error(transparent)]
    Path(#[from] PathTooLong),
}

impl std::str::FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        let text = text.trim();
        let path = text.strip_prefix("unix:").unwrap_or(text);
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.starts_with('/') {
            check_socket_path(path.as_ref())?;
            return Ok(Self::Unix(path.into()));
        }
        socket_addr(text).map(Self::Tcp)
    }
}

/// Parses an address and port, without the forms of sockets.
pub fn socket_addr(text: &str) -> Result<SocketAddr, ListenError> {
    let text = text.trim();
    let text = text.strip_prefix("tcp://").unwrap_or(text);
    let text = text.strip_suffix('/').unwrap_or(text);
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if text.parse::<std::net::IpAddr>().is_ok() || text.eq_ignore_ascii_case("localhost") {
        return Err(ListenError::NoPort);
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    // `u16::from_str` takes a leading plus sign, which is no port.
    let port = Some(port).filter(|port| port.bytes().all(|b| b.is_ascii_digit()));
    let port: u16 = port
        .and_then(|port| port.parse().ok())
        .ok_or(ListenError::Form)?;
    match host {
        "" => Ok((Ipv4Addr::LOCALHOST, port).into()),
        "*" => Ok((Ipv4Addr::UNSPECIFIED, port).into()),
        host if host.eq_ignore_ascii_case("localhost") => Ok((Ipv4Addr::LOCALHOST, port).into()),
        host if host.contains([':', '/', '[', '@']) => Err(ListenError::Form),
        host if host.bytes().any(|b| b.is_ascii_alphabetic()) => Err(ListenError::Name),
        _ => Err(ListenError::Form),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_people_write_them() {
        for (text, address) in [
            ("7000", "127.0.0.1:7000"),
            (":7000", "127.0.0.1:7000"),
            ("localhost:7000", "127.0.0.1:7000"),
            ("LocalHost:7000", "127.0.0.1:7000"),
            (" 7000\r", "127.0.0.1:7000"),
            ("*:7000", "0.0.0.0:7000"),
            ("0.0.0.0:0", "0.0.0.0:0"),
            ("10.0.0.5:7000", "10.0.0.5:7000"),
            ("[::1]:7000", "[::1]:7000"),
            ("[::]:7000", "[::]:7000"),
            ("tcp://127.0.0.1:7000", "127.0.0.1:7000"),
            ("tcp://localhost:7000/", "127.0.0.1:7000"),
        ] {
            assert_eq!(socket_addr(text), Ok(address.parse().unwrap()), "{text}");
            let listen = Ok(Listen::Tcp(address.parse().unwrap()));
            assert_eq!(text.parse::<Listen>(), listen, "{text}");
        }
        for (text, path) in [
            ("/run/p.sock", "/run/p.sock"),
            ("unix:/run/p.sock", "/run/p.sock"),
            ("unix:///run/p.sock", "/run/p.sock"),
        ] {
            assert_eq!(text.parse(), Ok(Listen::Unix(path.into())), "{text}");
        }
        for (text, error) in [
            ("", ListenError::Form),
            (":", ListenError::Form),
            ("relative.sock", ListenError::Form),
            ("127.0.0.1", ListenError::NoPort),
            ("::1", ListenError::NoPort),
            ("localhost", ListenError::NoPort),
            ("localhost:", ListenError::Form),
            ("localhost:+7", ListenError::Form),
            ("70000", ListenError::Form),
            ("ws://127.0.0.1:7000", ListenError::Form),
            ("me@localhost:7000", ListenError::Form),
            ("tower.lan:7000", ListenError::Name),
        ] {
            assert_eq!(text.parse::<Listen>(), Err(error), "{text}");
        }
        let long = format!("/{}", "x".repeat(200));
        let error = ListenError::Path(PathTooLong(201));
        assert_eq!(long.parse::<Listen>(), Err(error));
    }
}
