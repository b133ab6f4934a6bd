//! Frames through the relay, beside a bare forwarder of tokio-tungstenite with its default buffers.
//!
//! Both run on a thread of their own; the peers are the same for both. `cargo bench --bench relay_forward`.
#![expect(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::{SinkExt, StreamExt};
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

fn forward(c: &mut Criterion) {
    let servers = [("relay", start(relay)), ("bare", start(bare))];
    let runtime = runtime();
    for size in [128, 1024, 65_536] {
        let mut group = c.benchmark_group(format!("forward/{size}B"));
        group.throughput(Throughput::Elements(BATCH as u64));
        for (name, address) in servers {
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
    let servers = [("relay", start(relay)), ("bare", start(bare))];
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

criterion_group!(benches, forward, round_trip, set_up);
criterion_main!(benches);
