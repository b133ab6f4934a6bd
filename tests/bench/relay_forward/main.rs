//! The relay beside a bare forwarder of tokio-tungstenite: frames per second, latency, set-ups, memory.
//!
//! `cargo bench --bench relay_forward`, with `-- quick` for a glance, and with `throughput`, `latency`,
//! `set-ups` or `memory` for a part. Each server is a process, alone on
//! core 0 where `taskset` is; the peers share another core. The peers do next to nothing, so the server is
//! what is measured: frames are made once and sent as bytes, and only counted and looked at when they come.
//! Every figure is taken in rounds that go from server to server, because a shared machine is fast and
//! slow by turns; the ratio of a round says more than its figures, and the medians of all rounds are printed.
//!
//! With `PASEO_BENCH_RELAY=address:port` the relay that listens there (without TLS) takes part, too; its
//! processor time and memory stay unknown.
#![expect(clippy::print_stdout, reason = "a bench reports")]
#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

mod bare;
mod load;
mod peer;
mod server;

use std::time::Duration;

use load::Latency;
use server::Server;
use tokio::runtime::Builder;

/// Pairs that talk at once.
const PAIRS: usize = 50;

/// Pairs that say nothing.
const IDLE_PAIRS: usize = 5000;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Effort {
    rounds: usize,
    time: Duration,
    idle_pairs: usize,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == bare::WORD) {
        return bare::main();
    }
    let effort = match words.iter().any(|word| word == "quick") {
        true => Effort {
            rounds: 3,
            time: Duration::from_millis(500),
            idle_pairs: 500,
        },
        false => Effort {
            rounds: 9,
            time: Duration::from_secs(2),
            idle_pairs: IDLE_PAIRS,
        },
    };
    server::keep_to_core(1);
    // Peers are served every few steps, not every 61: what they wait for here is not the server's doing.
    let runtime = Builder::new_current_thread()
        .enable_all()
        .event_interval(8)
        .build()
        .unwrap();
    let parts = ["throughput", "latency", "set-ups", "memory"];
    let all = !words.iter().any(|word| parts.contains(&word.as_str()));
    let wanted = |part: &str| all || words.iter().any(|word| word == part);
    runtime.block_on(async {
        if wanted("throughput") {
            throughput(effort, 128, 16).await;
            throughput(effort, 1024, 16).await;
            throughput(effort, 65_536, 4).await;
        }
        if wanted("latency") {
            latency(effort, 128).await;
            latency(effort, 1024).await;
        }
        if wanted("set-ups") {
            set_ups(effort).await;
        }
        if wanted("memory") {
            memory(effort).await;
        }
    });
}

/// Prints frames per second.
async fn throughput(effort: Effort, size: usize, window: usize) {
    let servers = Server::all();
    println!("\nframes of {size} B, {PAIRS} pairs, {window} under way in each");
    let mut rates = vec![Vec::new(); servers.len()];
    let mut costs = vec![Vec::new(); servers.len()];
    for _ in 0..effort.rounds {
        for (i, server) in servers.iter().enumerate() {
            let pairs = peer::pairs(server.address, PAIRS).await;
            let before = server.cpu();
            let (frames, took) = load::saturate(pairs, size, window, effort.time).await;
            rates[i].push(frames as f64 / took.as_secs_f64());
            let spent = server.cpu().zip(before).map(|(now, then)| now - then);
            costs[i].extend(spent.map(|spent| spent.as_secs_f64() * 1e6 / frames as f64));
        }
    }
    for (i, server) in servers.iter().enumerate() {
        let rate = median(&rates[i]);
        let share = ratio(&rates[i], &rates[0]);
        print!(
            "  {:6} {rate:9.0} frames/s, {share:.2} of bare",
            server.name
        );
        if !costs[i].is_empty() {
            let (cost, share) = (median(&costs[i]), ratio(&costs[0], &costs[i]));
            print!("; {cost:6.2} µs of CPU each, {share:.2} of bare per second of CPU");
        }
        println!();
    }
}

/// Prints the time that frames take at half of what the bare forwarder does when each comes alone, beside
/// what they take without a server.
async fn latency(effort: Effort, size: usize) {
    let servers = Server::all();
    let pairs = peer::pairs(servers[0].address, PAIRS).await;
    let (frames, took) = load::saturate(pairs, size, 1, effort.time).await;
    let rate = frames as f64 / took.as_secs_f64() / 2.0;
    println!("\nlatency of {size} B at {rate:.0} frames/s (half of what bare does), {PAIRS} pairs");
    let mut took = vec![Vec::new(); servers.len() + 1];
    for _ in 0..effort.rounds {
        for (i, server) in servers.iter().enumerate() {
            let pairs = peer::pairs(server.address, PAIRS).await;
            took[i].push(load::paced(pairs, size, rate, effort.time).await);
        }
        let pairs = peer::direct_pairs(PAIRS).await;
        took[servers.len()].push(load::paced(pairs, size, rate, effort.time).await);
    }
    let names = servers.iter().map(|server| server.name).chain(["direct"]);
    for (name, took) in names.zip(&took) {
        let at = |part: fn(&Latency) -> f64| median(&took.iter().map(part).collect::<Vec<_>>());
        let (p50, p95, p99) = (at(|l| l.p50), at(|l| l.p95), at(|l| l.p99));
        println!("  {name:6} p50 {p50:6.0} µs, p95 {p95:6.0} µs, p99 {p99:6.0} µs");
    }
}

/// Prints how many sockets per second can be opened, attached and closed.
async fn set_ups(effort: Effort) {
    const AT_ONCE: usize = 32;
    let servers = Server::all();
    println!("\nset-ups: connect, upgrade, first frame through the pair, {AT_ONCE} pairs at once");
    let mut rates = vec![Vec::new(); servers.len()];
    let mut costs = vec![Vec::new(); servers.len()];
    for _ in 0..effort.rounds {
        for (i, server) in servers.iter().enumerate() {
            let before = server.cpu();
            let (sockets, took) = load::set_ups(server.address, AT_ONCE, effort.time).await;
            rates[i].push(sockets as f64 / took.as_secs_f64());
            let spent = server.cpu().zip(before).map(|(now, then)| now - then);
            costs[i].extend(spent.map(|spent| spent.as_secs_f64() * 1e6 / sockets as f64));
        }
    }
    for (i, server) in servers.iter().enumerate() {
        let rate = median(&rates[i]);
        print!("  {:6} {rate:6.0} sockets/s", server.name);
        if !costs[i].is_empty() {
            print!(", {:5.0} µs of CPU each", median(&costs[i]));
        }
        println!();
    }
}

/// Prints the memory of idle pairs, and what is left of it when they have gone.
async fn memory(effort: Effort) {
    let count = effort.idle_pairs;
    println!("\nmemory of {count} pairs that have talked once, and after they have gone");
    for server in Server::all() {
        // What all share is paid for first.
        drop(peer::pairs_that_talked(server.address, PAIRS).await);
        server.settled().await;
        let Some(start) = server.resident() else {
            continue;
        };
        for wave in 1..=3 {
            let pairs = peer::pairs_that_talked(server.address, count).await;
            let full = server.resident().unwrap();
            drop(pairs);
            server.settled().await;
            let left = server.resident().unwrap();
            println!(
                "  {:6} wave {wave}: {:5.2} KiB a pair; {:5.1} MiB at first, {:5.1} with all, {:5.1} afterwards",
                server.name,
                full.saturating_sub(start) as f64 / 1024.0 / count as f64,
                start as f64 / 1048576.0,
                full as f64 / 1048576.0,
                left as f64 / 1048576.0,
            );
        }
    }
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The median of the rounds' quotients.
fn ratio(above: &[f64], below: &[f64]) -> f64 {
    let rounds = above.iter().zip(below).map(|(above, below)| above / below);
    median(&rounds.collect::<Vec<_>>())
}
