//! Several relays and a real NATS server.

use std::process::Stdio;
use std::time::Duration;

use paseo::protocol::relay::{PRESENCE_ASK, PRESENCE_HEADER};
use tokio::process::Command;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::binary::{Running, paseo};
use crate::support::{Peer, Relay, fresh, within};
use crate::tool::is_missing;

/// A NATS server.
struct Nats {
    running: Running,
    port: u16,
}

impl Nats {
    /// Starts one, on a port of its choice or on this one. `None`: there is no such program here.
    async fn start(port: Option<u16>) -> Option<Self> {
        if is_missing("nats-server") {
            return None;
        }
        let port = port.map_or("-1".to_owned(), |port| port.to_string());
        let mut command = Command::new("nats-server");
        command.args(["-a", "127.0.0.1", "-p", &port]);
        command.stdout(Stdio::null()).kill_on_drop(true);
        let mut running = Running::start(&mut command);
        let line = running.says("Listening for client connections on").await;
        let port = line.rsplit(':').next().unwrap().trim().parse().unwrap();
        running.says("Server is ready").await;
        Some(Self { running, port })
    }
}

/// A relay that is a node, as a process of its own.
struct Node {
    relay: Relay,
    running: Running,
    _home: tempfile::TempDir,
}

impl Node {
    async fn start(nats: u16, more: &[&str]) -> Self {
        let node = Self::alone(nats, more).await;
        node.becomes(true).await;
        node
    }

    /// Does not wait for NATS.
    async fn alone(nats: u16, more: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let cluster = format!("nats://127.0.0.1:{nats}");
        let args = [
            "relay",
            "serve",
            "-v",
            "--listen",
            "127.0.0.1:0",
            "--cluster",
            &cluster,
        ];
        let mut command = paseo(home.path(), &[&args[..], more].concat());
        let mut running = Running::start(&mut command);
        let line = running.says("listening").await;
        let (_, rest) = line.split_once("address=").unwrap();
        let relay = Relay::at(rest.split_whitespace().next().unwrap());
        Self {
            relay,
            running,
            _home: home,
        }
    }

    /// Waits until it answers `/ready` like this.
    async fn becomes(&self, ready: bool) {
        let wanted = match ready {
            true => r#"{"status":"ready"}"#,
            false => r#"{"status":"unready","cluster":"unreachable"}"#,
        };
        within("readiness", async {
            while self.relay.http("GET /ready").await.1 != wanted {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
}

/// A daemon's control socket and data socket and their client, each at a node.
async fn pair(control: &Node, client: &Node, data: &Node) -> (Peer, Peer, Peer) {
    let server = fresh();
    let mut at_control = control.relay.control(&server).await;
    assert_eq!(
        at_control.text().await,
        r#"{"type":"sync","connectionIds":[]}"#
    );
    let at_client = client.relay.client(&server, "x").await;
    assert_eq!(
        at_control.text().await,
        r#"{"type":"connected","connectionId":"x"}"#
    );
    let at_data = data.relay.data(&server, "x").await;
    (at_control, at_client, at_data)
}

async fn echo(client: &mut Peer, data: &mut Peer) {
    client.send("there").await;
    assert_eq!(data.text().await, "there");
    data.send_binary(&b"back"[..]).await;
    assert_eq!(data_of(client.message().await), b"back");
}

fn data_of(message: Result<Message, Error>) -> Vec<u8> {
    match message {
        Ok(Message::Binary(bytes)) => bytes.to_vec(),
        other => panic!("not binary: {other:?}"),
    }
}

fn asking() -> [(&'static str, &'static str); 1] {
    [(PRESENCE_HEADER, PRESENCE_ASK)]
}

#[tokio::test]
async fn sockets_meet_across_nodes() {
    let Some(nats) = Nats::start(None).await else {
        return;
    };
    let (a, b) = tokio::join!(Node::start(nats.port, &[]), Node::start(nats.port, &[]));
    let c = Node::start(nats.port, &[]).await;
    let (mut control, mut client, mut data) = pair(&a, &b, &c).await;
    echo(&mut client, &mut data).await;
    // Larger than a window, and than what NATS takes at once.
    let large: Vec<u8> = (0..5_000_000_u32).map(|n| (n / 777) as u8).collect();
    let (_, got) = tokio::join!(client.send_binary(large.clone()), data.message());
    assert!(data_of(got) == large);
    // Order, both ways at once.
    let both = async {
        for n in 0..500 {
            client.send(&n.to_string()).await;
            data.send(&n.to_string()).await;
        }
    };
    both.await;
    for n in 0..500 {
        assert_eq!(data.text().await, n.to_string());
        assert_eq!(client.text().await, n.to_string());
    }
    client.close().await;
    assert_eq!(
        data.closed().await,
        (1001, "Client disconnected".to_owned())
    );
    assert_eq!(
        control.text().await,
        r#"{"type":"disconnected","connectionId":"x"}"#
    );
    // The daemon's end, to a client elsewhere; and what it sent before still arrives.
    let (_control, mut client, mut data) = pair(&c, &a, &b).await;
    data.send("last").await;
    data.close().await;
    assert_eq!(client.text().await, "last");
    assert_eq!(
        client.closed().await,
        (1012, "Server disconnected".to_owned())
    );
}

#[tokio::test]
async fn a_client_may_come_before_its_daemon() {
    let Some(nats) = Nats::start(None).await else {
        return;
    };
    let (a, b) = tokio::join!(Node::start(nats.port, &[]), Node::start(nats.port, &[]));
    let server = fresh();
    let query = format!("serverId={server}&role=client&v=2&connectionId=x");
    let (mut client, answer) = a.relay.open_with(&query, &asking()).await.unwrap();
    assert_eq!(answer.headers()[PRESENCE_HEADER], "offline");
    client.send("early").await;
    client.settle().await;
    let mut control = b.relay.control(&server).await;
    assert_eq!(
        control.text().await,
        r#"{"type":"sync","connectionIds":["x"]}"#
    );
    assert_eq!(client.any().await, Message::Ping("online".into()));
    let mut data = b.relay.data(&server, "x").await;
    assert_eq!(data.text().await, "early");
    let query = format!("serverId={server}&role=client&v=2");
    let (_peer, answer) = b.relay.open_with(&query, &asking()).await.unwrap();
    assert_eq!(answer.headers()[PRESENCE_HEADER], "online");
}

#[tokio::test]
async fn one_daemon_holds_a_server_id_in_the_whole_cluster() {
    let Some(nats) = Nats::start(None).await else {
        return;
    };
    let (a, b) = tokio::join!(Node::start(nats.port, &[]), Node::start(nats.port, &[]));
    let server = fresh();
    let mut old = a.relay.control(&server).await;
    old.text().await;
    let mut new = b.relay.control(&server).await;
    new.text().await;
    assert_eq!(old.closed().await.0, 1008);

    let claim = ["--claim", "first"];
    let (a, b) = tokio::join!(
        Node::start(nats.port, &claim),
        Node::start(nats.port, &claim)
    );
    let server = fresh();
    let mut holder = a.relay.control(&server).await;
    holder.text().await;
    let query = format!("serverId={server}&role=server&v=2");
    let second = async {
        match b.relay.open_with(&query, &[]).await {
            Err(Error::Http(response)) => assert_eq!(response.status().as_u16(), 409),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("there are two"),
        }
    };
    tokio::select! {
        () = second => {}
        told = holder.message() => panic!("{told:?}"),
    }
    holder.settle().await;
}

#[tokio::test]
async fn a_lost_node_closes_its_sockets_and_nothing_else() {
    let Some(nats) = Nats::start(None).await else {
        return;
    };
    let (a, b) = tokio::join!(Node::start(nats.port, &[]), Node::start(nats.port, &[]));
    let mut c = Node::start(nats.port, &[]).await;
    let (mut control, mut client, mut data) = pair(&a, &b, &a).await;
    // This one's client came through the node that dies, …
    let (mut told, _gone, mut left) = pair(&a, &c, &a).await;
    // … and this one's daemon.
    let (_lost, mut orphan, mut half) = pair(&c, &a, &b).await;
    for pair in [(&mut client, &mut data), (&mut orphan, &mut half)] {
        echo(pair.0, pair.1).await;
    }
    c.running.kill().await;
    assert_eq!(
        left.closed().await,
        (1001, "Client disconnected".to_owned())
    );
    assert_eq!(
        told.text().await,
        r#"{"type":"disconnected","connectionId":"x"}"#
    );
    let restart = (1012, "Relay restarting".to_owned());
    assert_eq!(orphan.closed().await, restart);
    assert_eq!(half.closed().await, restart);
    echo(&mut client, &mut data).await;
    control.settle().await;
}

#[tokio::test]
async fn without_nats_local_pairs_go_on() {
    let Some(mut nats) = Nats::start(None).await else {
        return;
    };
    let (a, b) = tokio::join!(Node::start(nats.port, &[]), Node::start(nats.port, &[]));
    a.becomes(true).await;
    let (mut control, mut client, mut data) = pair(&a, &a, &a).await;
    let (mut far_control, mut far_client, _far_data) = pair(&a, &b, &a).await;
    nats.running.kill().await;
    assert_eq!(far_client.closed().await.0, 1012);
    assert_eq!(
        far_control.text().await,
        r#"{"type":"disconnected","connectionId":"x"}"#
    );
    a.becomes(false).await;
    echo(&mut client, &mut data).await;
    control.settle().await;
    // New ones meet, too, where both come to the same node.
    let (mut meanwhile, mut client2, mut data2) = pair(&b, &b, &b).await;
    echo(&mut client2, &mut data2).await;
    let _nats = Nats::start(Some(nats.port)).await.unwrap();
    a.becomes(true).await;
    b.becomes(true).await;
    echo(&mut client, &mut data).await;
    echo(&mut client2, &mut data2).await;
    meanwhile.settle().await;
    let (_control, mut client, mut data) = pair(&a, &b, &a).await;
    echo(&mut client, &mut data).await;
}

#[tokio::test]
async fn two_owners_become_one() {
    let Some(mut nats) = Nats::start(None).await else {
        return;
    };
    nats.running.kill().await;
    let (a, b) = tokio::join!(Node::alone(nats.port, &[]), Node::alone(nats.port, &[]));
    let server = fresh();
    let mut one = a.relay.control(&server).await;
    one.text().await;
    let mut two = b.relay.control(&server).await;
    two.text().await;
    let _nats = Nats::start(Some(nats.port)).await.unwrap();
    // One of them is told to come back.
    let restart = (1012, "Relay restarting".to_owned());
    let (mut kept, at_other) = tokio::select! {
        closed = one.closed() => { assert_eq!(closed, restart); (two, &a) }
        closed = two.closed() => { assert_eq!(closed, restart); (one, &b) }
    };
    // From there it finds the other one's session, and takes the seat in it.
    let mut again = at_other.relay.control(&server).await;
    again.text().await;
    assert_eq!(kept.closed().await.0, 1008);
}

#[tokio::test]
async fn a_slow_reader_slows_its_writer_and_then_is_closed() {
    let Some(nats) = Nats::start(None).await else {
        return;
    };
    let stall = ["--stall-timeout", "2s"];
    let (a, b) = tokio::join!(
        Node::start(nats.port, &stall),
        Node::start(nats.port, &stall)
    );
    let (_control, mut deaf, mut data) = pair(&a, &b, &a).await;
    let body = vec![7; 100_000];
    // The client is closed as too slow, and its daemon's socket with it.
    assert!(data.flood(&body).await.is_err());
    let queued = a.relay.metric("queued_bytes").await;
    assert!(queued < 3_000_000, "{queued}");
    let text = a.relay.http("GET /metrics").await.1;
    assert!(
        text.contains("closes_total{reason=\"too_slow\"} 1"),
        "{text}"
    );
    // Whatever it got is whole and in order, up to the end.
    while let Ok(message) = deaf.message().await {
        if let Message::Binary(bytes) = message {
            assert!(bytes == body);
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_stopping_node_tells_those_that_it_carries() {
    let Some(nats) = Nats::start(None).await else {
        return;
    };
    let (mut a, b) = tokio::join!(Node::start(nats.port, &[]), Node::start(nats.port, &[]));
    let (_control, mut carried, _data) = pair(&b, &a, &b).await;
    let (_control, mut away, _data) = pair(&a, &b, &a).await;
    a.running.terminate();
    let restart = (1012, "Relay restarting".to_owned());
    let ((), ()) = tokio::join!(
        async { assert_eq!(carried.closed().await, restart) },
        async { assert_eq!(away.closed().await, restart) },
    );
    within("the end of the node", a.running.ended()).await;
}

/// The rules of `docs/protocol.md`, with every socket at another node than the one before.
#[tokio::test]
async fn a_cluster_conforms() {
    let Some(nats) = Nats::start(None).await else {
        return;
    };
    let (a, b) = tokio::join!(Node::start(nats.port, &[]), Node::start(nats.port, &[]));
    let c = Node::start(nats.port, &[]).await;
    let nodes = [&a, &b, &c].map(|node| node.relay.authority.clone());
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .arg("conformance::")
        .env("PASEO_TEST_RELAY", nodes.join(","))
        .kill_on_drop(true);
    let ran = tokio::time::timeout(Duration::from_secs(120), command.output());
    let ran = ran.await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success() && !said.contains(" 0 passed"),
        "{said}"
    );
}
