//! Strangers who hold as much of the relay's memory as they can, beside honest peers who must not notice.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::SinkExt;
use paseo::protocol::relay::{PRESENCE_ASK, PRESENCE_HEADER};
use paseo::relay::{Config, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::{Peer, Relay, fresh, within};

const MIB: usize = 1024 * 1024;

/// How long one round of honest peers may take, on a busy machine.
const ROUND: Duration = Duration::from_secs(10);

/// What a hog fills.
#[derive(Debug, Clone, Copy)]
enum Hog {
    /// Messages that never become whole.
    Unfinished,
    /// The queue of a reader that never reads.
    Unread,
    /// What is kept for an absent daemon.
    Held,
}

impl Hog {
    /// Fills it until the relay ends it, again and again.
    async fn go_on(self, relay: SocketAddr, source: &'static str) {
        loop {
            // The relay may end any of it at any time.
            let _ = match self {
                Self::Unfinished => unfinished(relay, source).await,
                Self::Unread => unread(relay, source).await,
                Self::Held => held(relay, source).await,
            };
            tokio::task::yield_now().await;
        }
    }
}

type Socket = WebSocketStream<TcpStream>;

/// Opens a socket with a small receive buffer, as a proxy does for somebody at this address.
async fn socket(relay: SocketAddr, source: &'static str, query: &str) -> Option<Socket> {
    let socket = TcpSocket::new_v4().ok()?;
    socket.set_recv_buffer_size(16 * 1024).ok()?;
    let stream = socket.connect(relay).await.ok()?;
    let url = format!("ws://{relay}/ws?v=2&{query}");
    let mut request = url.into_client_request().ok()?;
    let from = source.parse().ok()?;
    request.headers_mut().insert("x-forwarded-for", from);
    Some(client_async(request, stream).await.ok()?.0)
}

async fn unfinished(relay: SocketAddr, source: &'static str) -> Option<()> {
    let query = format!("serverId={}&role=client", fresh());
    let mut stream = socket(relay, source, &query).await?.into_inner();
    // A masked frame of 1 MiB, of which the last byte never comes.
    let header = [0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 1, 2, 3, 4];
    stream.write_all(&header).await.ok()?;
    stream.write_all(&vec![7; MIB - 1]).await.ok()?;
    until_ended(&mut stream).await;
    Some(())
}

async fn unread(relay: SocketAddr, source: &'static str) -> Option<()> {
    let server = fresh();
    let client = format!("serverId={server}&role=client&connectionId=x");
    let _never_read = socket(relay, source, &client).await?;
    let data = format!("serverId={server}&role=server&connectionId=x");
    let mut data = socket(relay, source, &data).await?;
    loop {
        data.send(Message::binary(vec![7; 64 * 1024])).await.ok()?;
    }
}

async fn held(relay: SocketAddr, source: &'static str) -> Option<()> {
    let query = format!("serverId={}&role=client", fresh());
    let mut client = socket(relay, source, &query).await?;
    for _ in 0..16 {
        client.send(Message::binary(vec![7; 60_000])).await.ok()?;
    }
    until_ended(client.get_mut()).await;
    Some(())
}

async fn until_ended(stream: &mut TcpStream) {
    let mut rest = [0; 1024];
    while matches!(stream.read(&mut rest).await, Ok(1..)) {}
}

/// A relay with little memory.
fn small_relay(more: impl FnOnce(&mut Config)) -> Relay {
    let mut config = Config {
        limits: Limits {
            total_bytes: 8 * MIB,
            held_total_bytes: MIB / 2,
            rate_per_address: 0,
            ..Limits::default()
        },
        ..Config::default()
    };
    more(&mut config);
    Relay::with(config)
}

/// Two peers that were there before, and new ones: each round must end in time, and nobody be closed.
async fn honest_rounds(relay: &Relay, rounds: u32) {
    let server = fresh();
    let mut client = relay.client(&server, "x").await;
    let mut data = relay.data(&server, "x").await;
    data.settle().await;
    let text = "honest ".repeat(300);
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let start = Instant::now();
        client.send(&text).await;
        assert_eq!(data.text().await, text, "round {round}");
        data.send(&text).await;
        assert_eq!(client.text().await, text, "round {round}");
        newcomers(relay).await;
        slowest = slowest.max(start.elapsed());
        // Accounts may be above the limit for the moment between a booking and an eviction.
        let queued = relay.metric("queued_bytes").await as usize;
        assert!(queued <= 10 * MIB, "{queued} bytes");
    }
    assert!(slowest < ROUND, "a round took {slowest:?}");
}

/// A client that is earlier than its daemon: what it says is kept for it.
async fn newcomers(relay: &Relay) {
    let server = fresh();
    let mut control = relay.control(&server).await;
    control.text().await;
    let mut client = relay.client(&server, "n").await;
    client.send("hello").await;
    let told = control.text().await;
    assert!(told.contains("connected"), "{told}");
    let mut data = relay.data(&server, "n").await;
    assert_eq!(data.text().await, "hello");
}

/// Has so many hogs of a kind go on from these addresses, while honest peers talk.
async fn beside(hog: Hog, count: usize, sources: &[&'static str]) {
    let relay = small_relay(|config| config.trust_proxy = true);
    let address = relay.authority.parse().unwrap();
    let mut hogs = JoinSet::new();
    for source in sources.iter().cycle().take(count) {
        hogs.spawn(hog.go_on(address, source));
    }
    let filled = async {
        let (name, enough) = match hog {
            Hog::Held => ("held_bytes", MIB / 4),
            Hog::Unfinished | Hog::Unread => ("queued_bytes", 6 * MIB),
        };
        while (relay.metric(name).await as usize) < enough {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within("full queues", filled).await;
    honest_rounds(&relay, 5).await;
    let text = relay.http("GET /metrics").await.1;
    assert!(!text.contains("closes_total{reason=\"overloaded\"} 0"));
}

const ONE: &[&str] = &["198.51.100.1"];
const SEVERAL: &[&str] = &[
    "198.51.100.1",
    "198.51.100.2",
    "198.51.100.3",
    "198.51.100.4",
    "2001:db8:0:1::1",
    "2001:db8:0:2::1",
    "2001:db8:0:3::1",
    "2001:db8:0:4::1",
];

#[tokio::test(flavor = "multi_thread")]
async fn hogs_with_unfinished_messages_lock_nobody_out() {
    beside(Hog::Unfinished, 32, ONE).await;
    beside(Hog::Unfinished, 200, ONE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hogs_that_never_read_lock_nobody_out() {
    beside(Hog::Unread, 32, ONE).await;
    beside(Hog::Unread, 200, ONE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hogs_at_absent_daemons_lock_nobody_out() {
    beside(Hog::Held, 32, ONE).await;
    beside(Hog::Held, 200, ONE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hogs_from_several_addresses_lock_nobody_out() {
    for hog in [Hog::Unfinished, Hog::Unread, Hog::Held] {
        beside(hog, 64, SEVERAL).await;
    }
}

/// Begins a message of 2 MiB.
async fn half_a_message(peer: Peer) -> TcpStream {
    let mut stream = peer.0.into_inner();
    let header = [0x82, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0];
    stream.write_all(&header).await.unwrap();
    stream.write_all(&vec![7; MIB]).await.unwrap();
    stream
}

/// Many sessions of one address are one big holder: each of them is smaller than the honest peer's message, and still they go.
#[tokio::test]
async fn one_address_with_many_sessions_goes_before_one_with_a_large_message() {
    let relay = small_relay(|config| config.trust_proxy = true);
    let server = fresh();
    let mut data = relay.data(&server, "x").await;
    data.settle().await;
    let query = format!("serverId={server}&role=client&v=2&connectionId=x");
    let honest = [("x-forwarded-for", "192.0.2.1")];
    let client = relay.open_with(&query, &honest).await.unwrap().0;
    let mut client = half_a_message(client).await;
    let mut hogs = Vec::new();
    for _ in 0..200 {
        let query = format!("serverId={}&role=server&v=2&connectionId=x", fresh());
        let from = [("x-forwarded-for", "198.51.100.1:4711")];
        let hog = relay.open_with(&query, &from).await.unwrap().0;
        let mut hog = hog.0.into_inner();
        let header = [0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0];
        // It may be closed meanwhile.
        let _ = hog.write_all(&[&header[..], &[7; 100_000]].concat()).await;
        hogs.push(hog);
    }
    let text = relay.http("GET /metrics").await.1;
    assert!(
        !text.contains("closes_total{reason=\"overloaded\"} 0"),
        "{text}"
    );
    client.write_all(&vec![7; MIB]).await.unwrap();
    let message = data.message().await.unwrap();
    assert_eq!(message.len(), 2 * MIB);
}

/// Opens sockets for somebody at this address until one is refused; returns them, and what is said.
async fn all_sockets(relay: &Relay, from: &'static str) -> (Vec<Peer>, String) {
    let mut open = Vec::new();
    loop {
        let query = format!("serverId={}&role=client&v=2", fresh());
        match relay.open_with(&query, &[("x-forwarded-for", from)]).await {
            Ok((peer, _)) => open.push(peer),
            Err(Error::Http(response)) => {
                assert_eq!(response.status(), 429);
                let said = response.into_body().unwrap_or_default();
                return (open, String::from_utf8(said).unwrap());
            }
            Err(error) => panic!("after {}: {error}", open.len()),
        }
    }
}

/// However few sockets a relay has: one address gets a part of them, and others find room.
#[tokio::test]
async fn one_address_cannot_take_all_sockets() {
    let relay = small_relay(|config| {
        config.trust_proxy = true;
        config.limits.sockets = 64;
    });
    let (all, said) = all_sockets(&relay, "2001:db8::1").await;
    assert_eq!(all.len(), 16);
    assert_eq!(said, "Too many sockets from this address");
    let (of_its_neighbour, _) = all_sockets(&relay, "2001:db8::2").await;
    assert_eq!(of_its_neighbour.len(), 0);
    let (others, _) = all_sockets(&relay, "2001:db8:0:1::1").await;
    assert_eq!(others.len(), 16);
    newcomers(&relay).await;
    drop(all);
    within("room again", async {
        while relay.metric("active_websockets").await > 16 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (again, _) = all_sockets(&relay, "2001:db8::2").await;
    assert_eq!(again.len(), 16);
}

/// An address has a share. Behind a proxy that tells no addresses everybody would share it, so it can be switched off.
#[tokio::test]
async fn an_address_has_a_share_that_can_be_switched_off() {
    for (share, closed) in [(MIB, "1"), (0, "0")] {
        let relay = small_relay(|config| {
            config.trust_proxy = true;
            config.limits.address_bytes = share;
        });
        let from = [("x-forwarded-for", "192.0.2.1")];
        let mut open = Vec::new();
        for _ in 0..2 {
            let query = format!("serverId={}&role=client&v=2", fresh());
            let client = relay.open_with(&query, &from).await.unwrap().0;
            open.push(half_a_message(client).await);
        }
        let wanted = format!("closes_total{{reason=\"overloaded\"}} {closed}\n");
        let counted = async {
            // Both have arrived, or one has gone.
            while closed == "0" && relay.metric("queued_bytes").await < 2 * MIB as u64 {
                tokio::task::yield_now().await;
            }
            while !relay.http("GET /metrics").await.1.contains(&wanted) {
                tokio::task::yield_now().await;
            }
        };
        within(&wanted, counted).await;
    }
}

/// Whatever a session has in its queues, its daemon is told of clients.
#[tokio::test]
async fn a_daemon_is_told_of_clients_although_its_session_is_full() {
    let relay = small_relay(|config| config.limits.session_bytes = 200_000);
    let server = fresh();
    let mut control = relay.control(&server).await;
    control.text().await;
    let mut hog = relay.client(&server, "hog").await;
    control.text().await;
    // A frame costs 64 bytes more than its payload: 40 bytes are left, less than any message to the daemon.
    for size in [100_000 - 64, 99_960 - 64] {
        hog.send_binary(vec![7; size]).await;
    }
    hog.settle().await;
    assert_eq!(relay.metric("queued_bytes").await, 199_960);
    let mut client = relay.client(&server, "small").await;
    let told = control.text().await;
    assert!(
        told.contains("connected") && told.contains("small"),
        "{told}"
    );
    client.send("hello").await;
    let mut data = relay.data(&server, "small").await;
    assert_eq!(data.text().await, "hello");
    assert_eq!(hog.closed().await.0, 1013);
}

/// A ping of the relay passes the data that waits for the same socket.
#[tokio::test]
async fn a_ping_does_not_wait_behind_data() {
    let relay = small_relay(|config| config.limits.queue_bytes = 4 * MIB);
    let address: SocketAddr = relay.authority.parse().unwrap();
    let server = fresh();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let stream = within("a connection", socket.connect(address))
        .await
        .unwrap();
    let url = format!("ws://{address}/ws?serverId={server}&role=client&v=2&connectionId=x");
    let mut request = url.into_client_request().unwrap();
    let ask = PRESENCE_ASK.parse().unwrap();
    request.headers_mut().insert(PRESENCE_HEADER, ask);
    let (socket, _) = within("the upgrade", client_async(request, stream))
        .await
        .unwrap();
    let mut client = Peer(socket);
    let mut data = relay.data(&server, "x").await;
    data.settle().await;
    let mut sent = 0;
    // The kernel takes some of it. The rest waits in the queue, because nobody reads.
    while (relay.metric("queued_bytes").await as usize) < 2 * MIB {
        data.send_binary(vec![7; 64 * 1024]).await;
        sent += 1;
    }
    let mut control = relay.control(&server).await;
    control.text().await;
    let (mut before, mut after) = (0, 0);
    loop {
        match client.any().await {
            Message::Ping(_) => break,
            _ => before += 1,
        }
    }
    while before + after < sent {
        assert!(client.any().await.is_binary());
        after += 1;
    }
    assert!(
        after * 64 * 1024 > MIB,
        "{before} frames before, {after} after"
    );
}
