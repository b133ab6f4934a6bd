//! What commands cost over a distance, whole processes: `cargo bench --bench latency`, or `-- quick` for a glance.
//!
//! Between client and relay, and between relay and daemon, everything is late: each of these two hops has a round trip of
//! 1, 50 or 250 ms, the handshake of TCP included, so from end to end it is twice that. Two bounds:
//!
//! - warm (`--persist`): one end-to-end round trip and 25 ms, at p95;
//! - cold: the relay's set-up, one end-to-end round trip and 60 ms, at p95. The set-up is over when both sides are at the
//!   relay: 1 round trip of a hop for the client's TCP, ½ for its upgrade, ½ until the daemon hears of it, 1 for the
//!   daemon's TCP, ½ for its upgrade.
//!
//! With `PASEO_BENCH_OFFICIAL` naming an official `paseo`, its `ls` takes the same way beside, a tenth as often. At last, how soon `top` shows
//! what the cache knows (needs a terminal: a pty).

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    missing_docs,
    reason = "a bench stops at the first surprise, prints, and is told by variables what is there"
)]

#[path = "../support/delay.rs"]
mod delay;
mod world;

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::delay::delayed;
use crate::world::{World, link, paseo, succeed, succeed_official};

/// Round trips of one hop, in milliseconds.
const HOPS: [u64; 3] = [1, 50, 250];

/// Runs of each.
const RUNS: usize = 100;

fn main() {
    let quick = std::env::args().any(|arg| arg == "quick");
    let runs = if quick { 10 } else { RUNS };
    for hop in HOPS {
        at(Duration::from_millis(hop), runs);
    }
    first_paint(runs);
}

/// Measures at one distance.
fn at(hop: Duration, runs: usize) {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let world = World::start(home, "mock=mock:", |relay| delayed(relay, hop));
    let offer = far_offer(home, delayed(world.relay, hop));
    add(home);
    let end_to_end = 2 * hop;
    let set_up = hop.mul_f64(3.5);
    println!("\neach hop {hop:?}, from end to end {end_to_end:?}, {runs} runs");

    let cold = || drop(succeed(paseo(home, &["-r", "work", "ls"])));
    let bound = set_up + end_to_end + Duration::from_millis(60);
    measure("cold ls", runs, Some(bound), cold);

    let warm = || drop(succeed(paseo(home, &["-r", "work", "ls", "--persist=5m"])));
    warm();
    let ready = || paseo(home, &["mux", "check", "work"]).output().unwrap();
    while !ready().status.success() {
        std::thread::sleep(hop);
    }
    // Until its sessions are open, too.
    std::thread::sleep(10 * end_to_end);
    let bound = end_to_end + Duration::from_millis(25);
    measure("warm ls", runs, Some(bound), warm);
    succeed(paseo(home, &["mux", "stop"]));

    if let Ok(official) = std::env::var("PASEO_BENCH_OFFICIAL") {
        let link = link(&offer);
        let ls = || drop(succeed_official(&official, home, &["ls", "--host", &link]));
        // It takes seconds.
        measure("official ls", runs / 10, None, ls);
    }
}

/// Makes the offer lead over another address of the relay.
fn far_offer(home: &Path, relay: std::net::SocketAddr) -> String {
    let path = home.join("offer.json");
    let offer = std::fs::read_to_string(&path).unwrap();
    let mut offer: serde_json::Value = serde_json::from_str(&offer).unwrap();
    offer["relay"]["endpoint"] = relay.to_string().into();
    std::fs::write(&path, offer.to_string()).unwrap();
    offer.to_string()
}

/// Saves the offer as the remote `work`.
fn add(home: &Path) {
    let offer = home.join("offer.json");
    let args = [
        "remote",
        "add",
        "work",
        offer.to_str().unwrap(),
        "--store",
        "file",
    ];
    succeed(paseo(home, &args));
}

/// Runs something so often, and prints what it took.
fn measure(what: &str, runs: usize, bound: Option<Duration>, mut once: impl FnMut()) {
    once();
    let mut took: Vec<Duration> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            once();
            start.elapsed()
        })
        .collect();
    took.sort();
    let at = |percent: usize| took[(runs * percent).div_ceil(100).max(1) - 1].as_secs_f64() * 1e3;
    let (median, p95) = (at(50), at(95));
    let verdict = bound.map_or_else(String::new, |bound| {
        let bound = bound.as_secs_f64() * 1e3;
        let held = if p95 <= bound { "held" } else { "MISSED" };
        format!("  bound {bound:.1} ms: {held}")
    });
    println!("{what:12} p50 {median:8.1} ms  p95 {p95:8.1} ms{verdict}");
}

/// How long `top` takes until it shows an agent of the cache, while its daemon is away.
fn first_paint(runs: usize) {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let mut world = World::start(home, "mock=mock:", |relay| relay);
    add(home);
    let run = [
        "-r",
        "work",
        "run",
        "emit 1",
        "--provider",
        "mock",
        "--cwd",
        "/tmp",
        "--title",
    ];
    succeed(paseo(home, &[&run[..], &["remembered"]].concat()));
    succeed(paseo(home, &["-r", "work", "ls"]));
    // The relay is asked, and waits for the daemon a while.
    world.stop_daemon();
    println!();
    let bound = Duration::from_millis(150);
    measure("top, cached", runs, Some(bound), || {
        shows(home, "remembered")
    });
}

/// Runs `top` until it shows a text.
fn shows(home: &Path, text: &str) {
    let pty = native_pty_system().openpty(PtySize::default()).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_paseo"));
    command.arg("top");
    command.env_clear();
    for (name, value) in [("HOME", home), ("PASEO_CONFIG_DIR", home)] {
        command.env(name, value);
    }
    command.env("TERM", "xterm");
    let mut child = pty.slave.spawn_command(command).unwrap();
    let mut reader = pty.master.try_clone_reader().unwrap();
    let (mut shown, mut buffer) = (String::new(), [0; 4096]);
    while !shown.contains(text) {
        let length = reader.read(&mut buffer).unwrap();
        assert!(length > 0, "{shown:?}");
        shown += &String::from_utf8_lossy(&buffer[..length]);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
