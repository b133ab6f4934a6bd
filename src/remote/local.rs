//! The daemon on this machine: where it may listen.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::host::{Address, Host};
use crate::protocol::relay::Endpoint;

/// Where an official daemon listens unless told otherwise.
const USUAL: &str = "127.0.0.1:6767";

/// What the daemon's home and the environment say about where it listens, each in the grammar of
/// `config.json`'s `daemon.listen`.
#[derive(Debug, Clone, Default)]
pub struct LocalHints {
    /// `PASEO_LISTEN`.
    pub listen: Option<String>,
    /// `PORT`.
    pub port: Option<String>,
    /// `listen` of `paseo.pid`: where a daemon that runs said it listens.
    pub running: Option<String>,
    /// `daemon.listen` of `config.json`.
    pub configured: Option<String>,
}

impl LocalHints {
    /// Returns the addresses to try, in order: sockets before ports, what was configured before what is
    /// usual. Texts that are no address are passed over.
    pub fn candidates(&self) -> Vec<Address> {
        let parse = |text: &Option<String>| text.as_deref().and_then(address);
        let (listen, port) = (parse(&self.listen), parse(&self.port));
        let (running, configured) = (parse(&self.running), parse(&self.configured));
        let usual = USUAL.parse().ok().map(plain);
        let is_socket = |address: &&Address| matches!(address, Address::Unix { .. });
        let sockets = [&listen, &running, &configured];
        let socket = sockets.into_iter().flatten().find(is_socket);
        let ports = [&listen, &configured, &port, &running, &usual];
        let ports = ports.into_iter().flatten().filter(|a| !is_socket(a));
        let mut candidates: Vec<Address> = Vec::new();
        for candidate in socket.into_iter().chain(ports) {
            if !candidates.contains(candidate) {
                candidates.push(candidate.clone());
            }
        }
        candidates
    }
}

/// Parses an address to listen on into one to connect to.
fn address(text: &str) -> Option<Address> {
    match text.parse::<Host>() {
        Ok(Host::Daemon {
            address: Address::Tcp { endpoint, .. },
            ..
        }) => Some(plain(reachable(endpoint))),
        Ok(Host::Daemon {
            address: address @ Address::Unix { .. },
            ..
        }) => Some(address),
        _ => None,
    }
}

fn plain(endpoint: Endpoint) -> Address {
    Address::Tcp {
        endpoint,
        tls: false,
    }
}

/// A daemon that listens on every address is reached over the loopback one.
fn reachable(endpoint: Endpoint) -> Endpoint {
    let loopback = match endpoint.host().parse() {
        Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Ok(IpAddr::V6(Ipv6Addr::UNSPECIFIED)) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        _ => return endpoint,
    };
    Endpoint::new(&loopback.to_string(), endpoint.port()).unwrap_or(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(listen: &str, port: &str, running: &str, configured: &str) -> Vec<String> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let hints = LocalHints {
            listen: some(listen),
            port: some(port),
            running: some(running),
            configured: some(configured),
        };
        hints.candidates().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn sockets_come_first_and_the_usual_port_last() {
        assert_eq!(candidates("", "", "", ""), ["tcp://127.0.0.1:6767"]);
        assert_eq!(
            candidates("", "", "/run/p.sock", "127.0.0.1:6768"),
            [
                "unix:///run/p.sock",
                "tcp://127.0.0.1:6768",
                "tcp://127.0.0.1:6767"
            ]
        );
        assert_eq!(
            candidates("unix:///a", "7000", "/b", "/c"),
            ["unix:///a", "tcp://127.0.0.1:7000", "tcp://127.0.0.1:6767"]
        );
        assert_eq!(
            candidates("", "", "0.0.0.0:7001", "[::]:7002"),
            [
                "tcp://[::1]:7002",
                "tcp://127.0.0.1:7001",
                "tcp://127.0.0.1:6767"
            ]
        );
        assert_eq!(
            candidates("nonsense", "x", "", "127.0.0.1:6767"),
            ["tcp://127.0.0.1:6767"]
        );
    }
}
