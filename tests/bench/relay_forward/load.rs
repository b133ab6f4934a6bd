//! What the peers do.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::task::{JoinSet, yield_now};

use crate::peer::{self, Pair};

/// Times of frames from one end to the other, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
}

/// Has every pair send windows of frames both ways, as fast as they pass; returns how many came, and in
/// which time.
pub(crate) async fn saturate(
    pairs: Vec<Pair>,
    size: usize,
    window: usize,
    time: Duration,
) -> (usize, Duration) {
    let start = Instant::now();
    let frames: Vec<u8> = (0..window as u64)
        .flat_map(|number| peer::frame(size, number))
        .collect();
    let frames = Bytes::from(frames);
    let mut talks = JoinSet::new();
    for pair in pairs {
        let frames = frames.clone();
        talks.spawn(async move {
            let (mut client, mut daemon) = (pair.client, pair.daemon);
            let each = peer::arriving_bytes(size, false);
            let mut arrived = vec![0; each * window];
            let mut count = 0;
            while start.elapsed() < time {
                pass(&mut client, &mut daemon, &frames, &mut arrived, each).await;
                pass(&mut daemon, &mut client, &frames, &mut arrived, each).await;
                count += 2 * window;
            }
            count
        });
    }
    let frames: usize = talks.join_all().await.into_iter().sum();
    (frames, start.elapsed())
}

/// Sends numbered frames from one to the other and looks at each that comes.
async fn pass(
    from: &mut TcpStream,
    to: &mut TcpStream,
    frames: &[u8],
    arrived: &mut [u8],
    each: usize,
) {
    let (sent, came) = tokio::join!(from.write_all(frames), to.read_exact(arrived));
    sent.unwrap();
    came.unwrap();
    for (number, frame) in arrived.chunks(each).enumerate() {
        assert_eq!(peer::number(frame, false), number as u64, "out of order");
    }
}

/// Sends frames at a rate, one pair after the other; returns the times that they took.
pub(crate) async fn paced(pairs: Vec<Pair>, size: usize, rate: f64, time: Duration) -> Latency {
    let start = Instant::now();
    let count = (rate * time.as_secs_f64()) as usize / pairs.len();
    let mut receiving = JoinSet::new();
    let mut senders = Vec::new();
    for pair in pairs {
        let (unused, sender) = pair.client.into_split();
        let (receiver, other) = pair.daemon.into_split();
        receiving.spawn(async move {
            let took = receive(receiver, start, size, pair.direct, count).await;
            drop((unused, other));
            took
        });
        senders.push(sender);
    }
    let mut frame = peer::frame(size, 0);
    for number in 0..count * senders.len() {
        let due = Duration::from_secs_f64(number as f64 / rate);
        while start.elapsed() < due {
            yield_now().await;
        }
        let now = u64::try_from(start.elapsed().as_nanos()).unwrap();
        peer::renumber(&mut frame, now);
        let turn = number % senders.len();
        senders[turn].write_all(&frame).await.unwrap();
    }
    let took = receiving.join_all().await;
    let mut took: Vec<u64> = took.into_iter().flatten().collect();
    took.sort_unstable();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize] as f64 / 1000.0;
    Latency {
        p50: at(0.5),
        p95: at(0.95),
        p99: at(0.99),
    }
}

async fn receive(
    mut from: OwnedReadHalf,
    start: Instant,
    size: usize,
    direct: bool,
    count: usize,
) -> Vec<u64> {
    let mut took = Vec::with_capacity(count);
    let mut frame = vec![0; peer::arriving_bytes(size, direct)];
    for _ in 0..count {
        from.read_exact(&mut frame).await.unwrap();
        let now = u64::try_from(start.elapsed().as_nanos()).unwrap();
        took.push(now - peer::number(&frame, direct));
    }
    took
}

/// Opens pairs, some at once, sends a frame each way and drops them; returns the number of sockets, and
/// the time that it took.
pub(crate) async fn set_ups(
    address: SocketAddr,
    at_once: usize,
    time: Duration,
) -> (usize, Duration) {
    let start = Instant::now();
    let mut opening = JoinSet::new();
    for _ in 0..at_once {
        opening.spawn(async move {
            let mut sockets = 0;
            while start.elapsed() < time {
                peer::pair(address).await.hello(128).await;
                sockets += 2;
            }
            sockets
        });
    }
    let sockets: usize = opening.join_all().await.into_iter().sum();
    (sockets, start.elapsed())
}
