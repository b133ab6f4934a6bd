//! Peers and relays that vanish, freeze, drip or talk nonsense: each ends within its deadline, the other
//! side is told with the right code, and a session beside it does not notice.

use std::time::Duration;

use paseo::relay::{Config, Limits};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

use crate::binary::{Running, json, paseo};
use crate::support::{Peer, Relay, fresh, within};

pub(crate) const CLIENT_GONE: (u16, &str) = (1001, "Client disconnected");
pub(crate) const SERVER_GONE: (u16, &str) = (1012, "Server disconnected");

/// A conversation that goes on whatever happens beside it.
pub(crate) struct Bystander {
    client: Peer,
    data: Peer,
}

impl Bystander {
    pub(crate) async fn at(relay: &Relay) -> Self {
        let server = fresh();
        let client = relay.client(&server, "x").await;
        let data = relay.data(&server, "x").await;
        Self { client, data }
    }

    /// Waits for something else. Meanwhile it answers pings, as everybody does who reads.
    pub(crate) async fn meanwhile<T>(&mut self, other: impl Future<Output = T>) -> T {
        tokio::select! {
            done = other => done,
            said = self.client.message() => panic!("{said:?}"),
            said = self.data.message() => panic!("{said:?}"),
        }
    }

    pub(crate) async fn goes_on(&mut self) {
        for text in ["one", "two"] {
            self.client.send(text).await;
            assert_eq!(self.data.text().await, text);
            self.data.send(text).await;
            assert_eq!(self.client.text().await, text);
        }
    }
}

fn impatient() -> Relay {
    let limits = Limits {
        ping: Duration::from_secs(1),
        ..Limits::default()
    };
    Relay::with(Config {
        limits,
        ..Config::default()
    })
}

pub(crate) async fn told(peer: &mut Peer, (code, reason): (u16, &str)) {
    assert_eq!(peer.closed().await, (code, reason.to_owned()));
}

/// A way to the relay that can go dead: nothing passes any more, and nothing ends.
struct Wire {
    relay: Relay,
    dead: watch::Sender<bool>,
}

impl Wire {
    async fn to(relay: &Relay) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = listener.local_addr().unwrap().to_string();
        let (dead, is_dead) = watch::channel(false);
        let relay = relay.authority.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (relay, mut is_dead) = (relay.clone(), is_dead.clone());
                tokio::spawn(async move {
                    let (mut near, mut far) = (near, TcpStream::connect(relay).await.unwrap());
                    let dead = async { drop(is_dead.wait_for(|dead| *dead).await) };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        () = dead => {
                            // Held open for as long as the test runs.
                            std::future::pending::<()>().await;
                        }
                    }
                });
            }
        });
        Self {
            relay: Relay::at(&way),
            dead,
        }
    }

    fn cut(&self) {
        self.dead.send_replace(true);
    }
}

#[tokio::test]
async fn packets_of_a_client_that_are_lost() {
    let relay = impatient();
    let mut beside = Bystander::at(&relay).await;
    let wire = Wire::to(&relay).await;
    let server = fresh();
    let mut control = relay.control(&server).await;
    control.text().await;
    let mut client = wire.relay.client(&server, "x").await;
    control.text().await;
    let mut data = relay.data(&server, "x").await;
    client.send("before").await;
    assert_eq!(data.text().await, "before");
    wire.cut();
    let gone = async { told(&mut data, CLIENT_GONE).await };
    let disconnected = async {
        assert_eq!(
            control.text().await,
            r#"{"type":"disconnected","connectionId":"x"}"#
        );
    };
    beside
        .meanwhile(async { tokio::join!(gone, disconnected) })
        .await;
    beside.goes_on().await;
    let text = relay.http("GET /metrics").await.1;
    assert!(text.contains("closes_total{reason=\"silent\"} 1"), "{text}");
}

#[tokio::test]
async fn packets_of_a_daemon_that_are_lost() {
    let relay = impatient();
    let wire = Wire::to(&relay).await;
    let server = fresh();
    let mut control = wire.relay.control(&server).await;
    control.text().await;
    let mut client = relay.client(&server, "x").await;
    let mut data = wire.relay.data(&server, "x").await;
    client.send("before").await;
    assert_eq!(data.text().await, "before");
    wire.cut();
    told(&mut client, SERVER_GONE).await;
    // The seat is free again.
    let mut again = relay.control(&server).await;
    assert_eq!(again.text().await, r#"{"type":"sync","connectionIds":[]}"#);
}

/// One byte per second keeps a socket busy and gets nowhere.
#[tokio::test]
async fn a_frame_that_drips() {
    let limits = Limits {
        ping: Duration::from_secs(10),
        ..Limits::default()
    };
    let relay = Relay::with(Config {
        limits,
        ..Config::default()
    });
    let server = fresh();
    let client = relay.client(&server, "x").await;
    let mut data = relay.data(&server, "x").await;
    data.settle().await;
    let mut stream = client.0.into_inner();
    // A masked frame of 100 bytes that never gets there.
    stream
        .write_all(&[0x82, 0x80 | 100, 0, 0, 0, 0])
        .await
        .unwrap();
    relay.fast_clock();
    let start = tokio::time::Instant::now();
    let drip = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            // It is the other side that tells.
            let _ = stream.write_all(b"x").await;
        }
    };
    tokio::select! {
        () = drip => {}
        () = told(&mut data, CLIENT_GONE) => {}
    }
    assert!(
        start.elapsed() < Duration::from_secs(25),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn garbage_on_an_open_socket() {
    let relay = Relay::with(Config::default());
    let mut beside = Bystander::at(&relay).await;
    // A reserved opcode, and a frame of more bytes than there are in the world.
    for garbage in [
        [0xff; 14],
        [
            0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
        ],
    ] {
        let server = fresh();
        let client = relay.client(&server, "x").await;
        let mut data = relay.data(&server, "x").await;
        let mut stream = client.0.into_inner();
        stream.write_all(&garbage).await.unwrap();
        told(&mut data, CLIENT_GONE).await;
        let mut client = relay.client(&server, "x").await;
        let data = relay.data(&server, "x").await;
        client.settle().await;
        data.0.into_inner().write_all(&garbage).await.unwrap();
        told(&mut client, SERVER_GONE).await;
    }
    beside.goes_on().await;
}

/// `kill -9` of a daemon: its clients are told, and it takes its seat again when it is back.
#[tokio::test]
async fn a_daemon_that_is_killed() {
    let relay = Relay::with(Config::default());
    let mut beside = Bystander::at(&relay).await;
    let home = tempfile::tempdir().unwrap();
    let daemon = || {
        let args = ["daemon", "run", "--listen", "127.0.0.1:0", "--relay"];
        let args = [&args[..], &[&*relay.authority]].concat();
        let mut command = paseo(home.path(), &args);
        Running::start(command.env("PASEO_SERVER_ID", "srv_planted_robust"))
    };
    let mut first = daemon();
    first.says("connected to the relay").await;
    let mut client = relay.client("srv_planted_robust", "x").await;
    // Its data socket is there once it refuses what is no hello.
    client.send("no hello").await;
    told(&mut client, SERVER_GONE).await;
    let mut client = relay.client("srv_planted_robust", "y").await;
    while relay.metric("active_websockets").await < 5 {
        tokio::task::yield_now().await;
    }
    first.kill().await;
    told(&mut client, SERVER_GONE).await;
    beside.goes_on().await;
    daemon().says("connected to the relay").await;
}

/// `kill -9` of a process that is a daemon and its client at once.
#[tokio::test]
async fn a_client_that_is_killed() {
    let relay = Relay::with(Config::default());
    let mut beside = Bystander::at(&relay).await;
    let home = tempfile::tempdir().unwrap();
    let url = format!("ws://{}", relay.authority);
    let args = ["relay", "check", &url, "--idle", "1h"];
    let mut check = Running::start(&mut paseo(home.path(), &args));
    let sockets = async |count| {
        within("the sockets", async {
            while relay.metric("active_websockets").await != count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    };
    sockets(5).await;
    check.kill().await;
    sockets(2).await;
    beside.goes_on().await;
}

/// `kill -9` of the relay: everybody notices at once, and daemon and clients find the next one.
#[tokio::test]
async fn a_relay_that_is_killed() {
    let home = tempfile::tempdir().unwrap();
    let serve = |listen: &str| {
        let args = ["relay", "serve", "-v", "--listen", listen];
        Running::start(&mut paseo(home.path(), &args))
    };
    let mut relay = serve("127.0.0.1:0");
    let line = relay.says("listening").await;
    let (_, rest) = line.split_once("address=").unwrap();
    let authority = rest.split_whitespace().next().unwrap().to_owned();
    let args = ["daemon", "run", "--listen", "127.0.0.1:0", "--relay"];
    let args = [&args[..], &[&*authority]].concat();
    let mut daemon = Running::start(&mut paseo(home.path(), &args));
    daemon.says("connected to the relay").await;
    let link = json(home.path(), &["daemon", "pair"]).await["url"].clone();
    let list = ["ls", "--relay", link.as_str().unwrap()];
    json(home.path(), &list).await;
    let mut client = Relay::at(&authority).open_client(&fresh()).await;
    relay.kill().await;
    let ended = client.message().await;
    assert!(
        !matches!(ended, Ok(Message::Text(_) | Message::Binary(_))),
        "{ended:?}"
    );
    daemon.says("was lost").await;
    let mut next = serve(&authority);
    next.says("listening").await;
    daemon.says("connected to the relay").await;
    json(home.path(), &list).await;
    #[cfg(unix)]
    {
        next.terminate();
        next.ended().await;
    }
}
