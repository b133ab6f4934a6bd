//! `paseo relay serve` among strangers, on every kind of socket that it has.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::client;

use crate::frames::faults;
use crate::heads::requests;
use crate::honest::Honest;
use crate::process::each;
use crate::stranger::{asks, joins};

const AT_ONCE: usize = 8;

#[test]
fn every_frame_at_every_seat() {
    let mut honest = Honest::start();
    let faults = faults();
    for seat in [
        "role=client",
        "role=server",
        "role=server&connectionId=c",
        "role=client&connectionId=c",
    ] {
        let rows: Vec<_> = faults.iter().enumerate().collect();
        each(&rows, AT_ONCE, |(n, fault)| {
            let path = format!("/ws?serverId=srv_hostile{n}&v=2&{seat}");
            joins(&honest.relay_address, &path, None, &fault.acts);
        });
        honest.is_well(seat);
    }
}

#[test]
fn every_request() {
    let mut honest = Honest::start();
    each(&requests(), AT_ONCE, |(_, acts)| {
        asks(&honest.relay_address, acts);
    });
    honest.is_well("requests");
}

/// Strangers who fill all of the relay's memory, again and again, with messages that never become whole: commands get
/// through all the same.
#[test]
fn strangers_who_hold_all_memory() {
    const STRANGERS: usize = 200;
    let mut honest = Honest::at_relay_with(&["--total-queue", "8MiB", "--rate-per-address", "0"]);
    let address = honest.relay_address.clone();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for n in 0..STRANGERS {
            let (address, over) = (&address, &over);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    // The relay may end any of it at any time.
                    let _ = hoard(address, n);
                }
            });
        }
        for _ in 0..3 {
            let start = Instant::now();
            honest.does(&["-r", "work", "ls"]);
            let took = start.elapsed();
            println!("beside {STRANGERS} hoarders: {took:?}");
            assert!(took < Duration::from_secs(20), "{took:?}");
        }
        over.store(true, Ordering::Relaxed);
    });
    honest.is_well("hoarders");
}

fn hoard(address: &str, n: usize) -> Option<()> {
    let stream = TcpStream::connect(address).ok()?;
    let mut raw = stream.try_clone().ok()?;
    let url = format!("ws://{address}/ws?serverId=srv_hoard{n}&v=2&role=client");
    client(url, stream).ok()?;
    // A masked frame of 1 MiB, of which the last byte never comes.
    let header = [0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 1, 2, 3, 4];
    raw.write_all(&header).ok()?;
    raw.write_all(&vec![7; (1 << 20) - 1]).ok()?;
    raw.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    while matches!(raw.read(&mut [0; 1024]), Ok(1..)) {}
    Some(())
}
