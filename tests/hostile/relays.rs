//! `paseo relay serve` among strangers, on every kind of socket that it has.

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
