//! A way that takes time, as distance does: everything arrives later, and none of it slower.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Carries TCP connections to an address, with this round trip between the two ends. Returns where it listens. It ends
/// with the process.
///
/// Each direction is late by half of it. A connection that is opened costs a round trip by itself, the handshake of
/// TCP, so the first bytes upwards are late by a whole one more.
pub(crate) fn delayed(address: SocketAddr, round_trip: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || {
        for near in listener.incoming().map(Result::unwrap) {
            let opened = Instant::now() + round_trip;
            // Nobody is at the other end: the connection ends.
            let Ok(far) = TcpStream::connect(address) else {
                continue;
            };
            for stream in [&near, &far] {
                stream.set_nodelay(true).unwrap();
            }
            let half = round_trip / 2;
            let (from, to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            thread::spawn(move || carry(from, to, half, opened));
            thread::spawn(move || carry(far, near, half, opened));
        }
    });
    at
}

/// Carries one direction; nothing leaves before the connection is open.
fn carry(mut from: TcpStream, mut to: TcpStream, late: Duration, opened: Instant) {
    let (pieces, due) = mpsc::channel::<(Instant, Vec<u8>)>();
    let writer = thread::spawn(move || {
        for (at, piece) in due {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            let written = match piece.is_empty() {
                true => to.shutdown(Shutdown::Write),
                false => to.write_all(&piece),
            };
            if written.is_err() {
                return;
            }
        }
    });
    let mut buffer = [0; 64 * 1024];
    loop {
        // An error is an end, as for whoever is at the other end.
        let length = from.read(&mut buffer).unwrap_or(0);
        let at = Instant::now().max(opened) + late;
        let sent = pieces.send((at, buffer[..length].to_vec()));
        if length == 0 || sent.is_err() {
            break;
        }
    }
    drop(pieces);
    let _ = writer.join();
}
