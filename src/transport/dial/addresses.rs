//! From a name to one open TCP connection (RFC 8305, "Happy Eyeballs").

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::TcpStream;

/// RFC 8305 section 5: how long one address is tried alone before the next one joins in. The slower
/// attempt is not cancelled: on a slow link the first address may still be the one that works.
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Alternates the address families, beginning with the one that the system put first.
pub(super) fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut a, mut b): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|x| x.is_ipv6() == first_is_v6);
    a.reverse();
    b.reverse();
    std::iter::from_fn(|| {
        std::mem::swap(&mut a, &mut b);
        b.pop().or_else(|| a.pop())
    })
    .collect()
}

/// Connects to the first address that accepts (RFC 8305, but slow attempts go on).
pub(super) async fn race(addresses: Vec<SocketAddr>) -> std::io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut running = FuturesUnordered::new();
    let mut last_error = None;
    loop {
        if let Some(address) = waiting.next() {
            running.push(TcpStream::connect(address));
        } else if running.is_empty() {
            return Err(last_error.unwrap_or_else(|| std::io::ErrorKind::AddrNotAvailable.into()));
        }
        let next = tokio::time::sleep(NEXT_ADDRESS_AFTER);
        tokio::select! {
            Some(result) = running.next() => match result {
                Ok(stream) => return Ok(stream),
                Err(error) => last_error = Some(error),
            },
            () = next, if waiting.len() > 0 => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_families_alternate() {
        let parse = |texts: &[&str]| {
            texts
                .iter()
                .map(|t| t.parse().unwrap())
                .collect::<Vec<SocketAddr>>()
        };
        let mixed = parse(&["[::1]:1", "[::2]:1", "1.1.1.1:1", "[::3]:1", "2.2.2.2:1"]);
        let expected = parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(interleave(mixed), expected);
    }
}
