//! Sealing and opening 64 KiB, base64 included: the cost that encryption adds to every frame. Beside it, where Python
//! and libsodium are, the bare box of libsodium in the same run.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench prints, and runs what it is compared with"
)]

use std::process::Command;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use paseo::e2ee::SecretKey;
use paseo::e2ee::handshake::{ClientHandshake, DaemonHandshake};
use paseo::transport::Frame;

const FRAME_BYTES: usize = 64 * 1024;
/// Boxes in a round beside libsodium.
const BOXES: u32 = 2000;
/// Rounds, one of ours and one of libsodium in turns.
const ROUNDS: usize = 7;

fn seal_and_open(criterion: &mut Criterion) {
    let secret = SecretKey::generate();
    let client = ClientHandshake::start(&secret.public_key()).expect("a fresh key is usable");
    let hello = Frame::Text(client.hello().to_owned());
    let (mut daemon, greeting) = DaemonHandshake::new(&secret)
        .finish(&hello)
        .expect("our own hello is valid");
    let mut client = client
        .finish(&Frame::Text(greeting.ready))
        .break_value()
        .expect("our own ready is valid")
        .expect("it proves the key");
    let plaintext = vec![b'x'; FRAME_BYTES];

    let mut group = criterion.benchmark_group("e2ee 64 KiB");
    group.throughput(Throughput::Bytes(FRAME_BYTES as u64));
    group.bench_function("seal and open, base64", |bencher| {
        bencher.iter(|| {
            let text = client
                .sealer
                .seal_to_base64(plaintext.clone())
                .expect("it fits");
            daemon
                .opener
                .open_base64(text.as_bytes())
                .expect("it opens")
        });
    });
    group.bench_function("seal and open, raw", |bencher| {
        bencher.iter(|| {
            let bundle = client.sealer.seal(plaintext.clone()).expect("it fits");
            daemon.opener.open(&bundle).expect("it opens")
        });
    });
    group.bench_function("seal, base64", |bencher| {
        bencher.iter(|| {
            client
                .sealer
                .seal_to_base64(plaintext.clone())
                .expect("it fits")
        });
    });
    group.finish();
    beside_libsodium(|| {
        let text = client.sealer.seal_to_base64(plaintext.clone());
        let text = text.expect("it fits");
        let opened = daemon.opener.open_base64(text.as_bytes());
        drop(opened.expect("it opens"));
    });
}

/// Prints the median of the quotients: the time of libsodium's bare box by the time of ours, with base64.
fn beside_libsodium(mut ours: impl FnMut()) {
    let mut quotients = Vec::new();
    for _ in 0..ROUNDS {
        let Some(theirs) = libsodium() else {
            return println!("no Python or libsodium to compare with");
        };
        let start = Instant::now();
        (0..BOXES).for_each(|_| ours());
        quotients.push(theirs / (start.elapsed().as_nanos() as f64 / f64::from(BOXES)));
    }
    quotients.sort_by(f64::total_cmp);
    println!(
        "seal and open, base64: {:.2} times as fast as libsodium's bare box (median of {ROUNDS})",
        quotients[ROUNDS / 2]
    );
}

/// Nanoseconds for one box.
fn libsodium() -> Option<f64> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/sodium.py");
    let (size, boxes) = (FRAME_BYTES.to_string(), BOXES.to_string());
    let ran = Command::new("python3")
        .args([script, &size, &boxes])
        .output();
    String::from_utf8(ran.ok()?.stdout)
        .ok()?
        .trim()
        .parse()
        .ok()
}

criterion_group!(benches, seal_and_open);
criterion_main!(benches);
