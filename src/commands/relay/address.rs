//! Where a relay of this machine can be reached.

use crate::protocol::relay::Endpoint;

/// Returns an address of this machine that others may reach, for one that listens on all of them: that of the default
/// route. Sends nothing.
pub(super) fn of_this_machine(port: u16) -> Option<Endpoint> {
    use std::net::UdpSocket;
    let through = |from: &str, to: &str| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        let ip = socket.local_addr().ok()?.ip();
        (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
    };
    // Addresses of documentation (RFC 5737, RFC 3849), which no machine has.
    let ip =
        through("0.0.0.0:0", "192.0.2.1:9").or_else(|| through("[::]:0", "[2001:db8::1]:9"))?;
    Endpoint::new(&ip.to_string(), port).ok()
}
