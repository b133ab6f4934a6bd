//! Frames through the relay, beside a bare forwarder of tokio-tungstenite with its default buffers.
//!
//! Both run on a thread of their own; the peers are the same for both. `cargo bench --bench relay_forward`.
//! With `PASEO_BENCH_RELAY=address:port` the relay that listens there (without TLS) is measured beside them.
#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::{SinkExt, StreamExt};
use paseo::env::Env;
use paseo::relay::{Config, Server};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

/// Frames that are under way at once.
const WINDOW: usize = 64;

/// Frames per measured batch.
const BATCH: usize = 1024;

type Socket = WebSocketStream<TcpStream>;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs a server on its own thread; returns its address.
fn start<F: Future<Output = ()>>(
    serve: impl FnOnce(mpsc::Sender<SocketAddr>) -> F + Send + 'static,
) -> SocketAddr {
    let (tell, address) = mpsc::channel();
    std::thread::spawn(move || runtime().block_on(serve(tell)));
    address.recv().unwrap()
}

async fn relay(tell: mpsc::Sender<SocketAddr>) {
    let listen = ([127, 0, 0, 1], 0).into();
    let config = Config {
        listen,
        ..Config::default()
    };
    let server = Server::bind(config).unwrap();
    tell.send(server.local_addr()).unwrap();
    server.run(std::future::pending()).await;
}

/// Joins every two sockets that come.
async fn bare(tell: mpsc::Sender<SocketAddr>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    tell.send(listener.local_addr().unwrap()).unwrap();
    loop {
        let mut pair = Vec::new();
        for _ in 0..2 {
            let stream = listener.accept().await.unwrap().0;
            stream.set_nodelay(true).unwrap();
            pair.push(accept_async(stream).await.unwrap().split());
        }
        let (right, left) = (pair.pop().unwrap(), pair.pop().unwrap());
        tokio::spawn(left.1.forward(right.0));
        tokio::spawn(right.1.forward(left.0));
    }
}

async fn open(address: SocketAddr, query: &str) -> Socket {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let url = format!("ws://{address}/ws?{query}");
    client_async(url, stream).await.unwrap().0
}

async fn pair(address: SocketAddr) -> (Socket, Socket) {
    let id = uuid::Uuid::new_v4();
    let one = open(
        address,
        &format!("serverId={id}&role=client&v=2&connectionId=x"),
    )
    .await;
    let two = open(
        address,
        &format!("serverId={id}&role=server&v=2&connectionId=x"),
    )
    .await;
    (one, two)
}

/// Sends a batch in windows from one to the other; returns the time it took.
async fn batch(one: &mut Socket, two: &mut Socket, body: &Bytes) -> Duration {
    let start = Instant::now();
    for _ in 0..BATCH / WINDOW {
        for _ in 0..WINDOW {
            one.feed(Message::Binary(body.clone())).await.unwrap();
        }
        let (flushed, ()) = tokio::join!(one.flush(), async {
            for _ in 0..WINDOW {
                assert_eq!(two.next().await.unwrap().unwrap().len(), body.len());
            }
        });
        flushed.unwrap();
    }
    start.elapsed()
}

fn servers() -> Vec<(&'static str, SocketAddr)> {
    let mut servers = vec![("relay", start(relay)), ("bare", start(bare))];
    let other = Env::from_process();
    let other = other.text("PASEO_BENCH_RELAY");
    servers.extend(other.map(|address| ("other", address.parse().unwrap())));
    servers
}

/// Sends frames of 1 KiB at a rate; returns the time of each from one end to the other, sorted.
async fn paced(one: &mut Socket, two: &mut Socket, per_second: u32) -> Vec<Duration> {
    const TICKS: u32 = 2000;
    let start = Instant::now();
    let each_tick = (per_second / 1000).max(1);
    let sending = async {
        let mut tick = tokio::time::interval(Duration::from_millis(1));
        for _ in 0..TICKS {
            tick.tick().await;
            for _ in 0..each_tick {
                let mut body = vec![0; 1024];
                let now = u64::try_from(start.elapsed().as_nanos()).unwrap();
                body[..8].copy_from_slice(&now.to_be_bytes());
                one.send(Message::binary(body)).await.unwrap();
            }
        }
    };
    let receiving = async {
        let mut took = Vec::new();
        for _ in 0..TICKS * each_tick {
            let body = two.next().await.unwrap().unwrap().into_data();
            let sent = u64::from_be_bytes(body[..8].try_into().unwrap());
            took.push(start.elapsed() - Duration::from_nanos(sent));
        }
        took.sort();
        took
    };
    tokio::join!(sending, receiving).1
}

/// Latency at half of what the bare forwarder does; printed, because it is a distribution.
#[expect(clippy::print_stdout, reason = "a bench reports")]
fn half_load(_: &mut Criterion) {
    let servers = servers();
    let runtime = runtime();
    runtime.block_on(async {
        let (mut one, mut two) = pair(servers[1].1).await;
        let body = Bytes::from(vec![7; 1024]);
        let mut busy = Duration::ZERO;
        for _ in 0..50 {
            busy += batch(&mut one, &mut two, &body).await;
        }
        let rate = (f64::from(50 * BATCH as u32) / busy.as_secs_f64() / 2.0) as u32;
        println!("half load: {rate} frames of 1 KiB per second");
        for round in 1..=3 {
            for &(name, address) in &servers {
                let (mut one, mut two) = pair(address).await;
                let took = paced(&mut one, &mut two, rate).await;
                let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize];
                println!(
                    "half load, round {round}: {name}: p50 {:?} p95 {:?} p99 {:?}",
                    at(0.5),
                    at(0.95),
                    at(0.99)
                );
            }
        }
    });
}

fn forward(c: &mut Criterion) {
    let servers = servers();
    let runtime = runtime();
    for size in [128, 1024, 65_536] {
        let mut group = c.benchmark_group(format!("forward/{size}B"));
        group.throughput(Throughput::Elements(BATCH as u64));
        for &(name, address) in &servers {
            let (mut one, mut two) = runtime.block_on(pair(address));
            let body = Bytes::from(vec![7; size]);
            group.bench_function(BenchmarkId::from_parameter(name), |b| {
                b.iter_custom(|rounds| {
                    runtime.block_on(async {
                        let mut total = Duration::ZERO;
                        for _ in 0..rounds {
                            total += batch(&mut one, &mut two, &body).await;
                        }
                        total
                    })
                });
            });
        }
        group.finish();
    }
}

/// One frame there and back: what a keystroke feels.
fn round_trip(c: &mut Criterion) {
    let servers = servers();
    let runtime = runtime();
    let mut group = c.benchmark_group("round_trip/128B");
    for (name, address) in servers {
        let (mut one, mut two) = runtime.block_on(pair(address));
        let body = Bytes::from(vec![7; 128]);
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| {
                runtime.block_on(async {
                    one.send(Message::Binary(body.clone())).await.unwrap();
                    let there = two.next().await.unwrap().unwrap();
                    two.send(there).await.unwrap();
                    one.next().await.unwrap().unwrap();
                });
            });
        });
    }
    group.finish();
}

/// Upgrade, attach, close.
fn set_up(c: &mut Criterion) {
    let address = start(relay);
    let runtime = runtime();
    c.bench_function("set_up/relay", |b| {
        b.iter(|| {
            runtime.block_on(async {
                let id = uuid::Uuid::new_v4();
                let mut socket = open(address, &format!("serverId={id}&role=client&v=2")).await;
                socket.close(None).await.unwrap();
            });
        });
    });
}

criterion_group!(benches, half_load, forward, round_trip, set_up);
criterion_main!(benches);
