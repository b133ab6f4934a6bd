//! Address families, IPv6 literals, headers, and the id that a daemon must have on a direct road.

use paseo::client::{self, ConnectError, Settings};
use paseo::protocol::relay::Endpoint;
use paseo::secret::Secret;
use paseo::target::Target;
use paseo::transport::{
    DialError, Family, Frame, Header, Network, Stopwatch, Transport, TransportError,
};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::peer::{Peer, greet, hold, settings};

fn on(network: Network) -> Settings {
    Settings {
        network,
        ..settings()
    }
}

#[tokio::test]
async fn a_family_is_kept_to() {
    let peer = Peer::new(|mut transport, count| async move {
        greet(&mut transport).await;
        hold(transport, count).await;
    })
    .await;
    let family = |family| {
        on(Network {
            family,
            ..Network::default()
        })
    };
    client::connect(&peer.direct(None), &family(Family::V4))
        .await
        .unwrap();
    let error = client::connect(&peer.direct(None), &family(Family::V6))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ConnectError::Dial(DialError::NoAddress { .. })),
        "{error}"
    );
}

/// The head of the upgrade request that a target causes.
async fn head(listen: &str, host: &str, network: Network) -> Option<String> {
    let listener = TcpListener::bind(listen).await.ok()?;
    let port = listener.local_addr().unwrap().port();
    let target = Target::Tcp {
        endpoint: Endpoint::new(host, port).unwrap(),
        tls: false,
        password: None,
    };
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    };
    let settings = on(network);
    let (head, error) = tokio::join!(serve, client::connect(&target, &settings));
    assert!(error.is_err());
    Some(head.replace(&port.to_string(), "PORT"))
}

#[tokio::test]
async fn ipv6_literals_are_dialled_and_named_in_brackets() {
    let Some(found) = head("[::1]:0", "::1", Network::default()).await else {
        // A machine without IPv6 has no such address.
        return;
    };
    assert!(found.contains("Host: [::1]:PORT\r\n"), "{found}");
}

#[tokio::test]
async fn headers_are_sent_and_never_shown() {
    let header = Header::new("X-Access", &Secret::from("planted-value")).unwrap();
    let network = Network {
        headers: vec![header],
        ..Network::default()
    };
    assert!(!format!("{network:?}").contains("planted-value"));
    let found = head("127.0.0.1:0", "127.0.0.1", network).await.unwrap();
    assert!(found.contains("x-access: planted-value\r\n"), "{found}");
}

#[tokio::test]
async fn another_daemon_on_a_direct_road_is_refused() {
    let peer = Peer::new(|mut transport, count| async move {
        greet(&mut transport).await;
        hold(transport, count).await;
    })
    .await;
    let expecting = |id: &str| Settings {
        server_id: Some(Secret::from(id)),
        ..settings()
    };
    let target = peer.direct(None);
    client::connect(&target, &expecting("srv_planted1"))
        .await
        .unwrap();
    let error = client::connect(&target, &expecting("srv_other"))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ConnectError::OtherDaemon { .. }),
        "{error}"
    );
    assert!(!format!("{error} {error:?}").contains("srv_"), "{error:?}");
    let error = client::connect_raw(&target, &expecting("srv_other"))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, ConnectError::OtherDaemon { .. }),
        "{error}"
    );
    client::connect_raw(&target, &expecting("srv_planted1"))
        .await
        .unwrap();
}

/// Whoever says the hello by itself gets no further than that.
#[tokio::test]
async fn a_channel_to_another_daemon_carries_nothing() {
    let (heard, mut hears) = mpsc::unbounded_channel();
    let peer = Peer::new(move |mut transport, _| {
        let heard = heard.clone();
        async move {
            greet(&mut transport).await;
            while let Ok(frame) = transport.receiver.recv().await {
                heard.send(frame).unwrap();
            }
        }
    })
    .await;
    let text = |text: &str| Frame::Text(text.to_owned());
    for (id, right) in [("srv_other", false), ("srv_planted1", true)] {
        let settings = Settings {
            server_id: Some(Secret::from(id)),
            ..settings()
        };
        let target = peer.direct(None);
        let channel = client::connect_channel(&target, &settings).await.unwrap();
        let Transport {
            mut sender,
            mut receiver,
        } = channel;
        let hello = r#"{"type":"hello","clientId":"c","clientType":"cli","protocolVersion":1}"#;
        sender.send(text(hello)).await.unwrap();
        let asking = tokio::spawn(async move { sender.send(text("{}")).await });
        let introduction = receiver.recv().await;
        match right {
            true => {
                introduction.unwrap();
                asking.await.unwrap().unwrap();
                assert_eq!(hears.recv().await, Some(text("{}")));
            }
            false => {
                let error = introduction.unwrap_err();
                assert!(matches!(error, TransportError::OtherPeer), "{error}");
                drop(receiver);
                asking.await.unwrap().unwrap_err();
                assert!(hears.try_recv().is_err());
            }
        }
    }
}

/// A daemon that does not know the name that it was asked under is not a relay that serves somebody else.
#[tokio::test]
async fn a_refused_host_name_is_told_as_one() {
    use tokio::io::AsyncWriteExt;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let refusal = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\n\
                       Content-Length: 16\r\n\r\nHost not allowed";
        stream.write_all(refusal.as_bytes()).await.unwrap();
    };
    let target = Target::Tcp {
        endpoint: Endpoint::new("localhost", port).unwrap(),
        tls: false,
        password: None,
    };
    let settings = on(Network {
        family: Family::V4,
        ..Network::default()
    });
    let ((), error) = tokio::join!(serve, client::connect(&target, &settings));
    let error = error.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Dial(DialError::HostName { host, .. }) if host == "localhost"),
        "{error:?}"
    );
}

#[tokio::test]
async fn every_step_is_timed() {
    let peer = Peer::new(|mut transport, count| async move {
        greet(&mut transport).await;
        hold(transport, count).await;
    })
    .await;
    let settings = Settings {
        watch: Stopwatch::running(),
        ..settings()
    };
    client::connect(&peer.direct(None), &settings)
        .await
        .unwrap();
    let laps: Vec<_> = settings.watch.take().iter().map(|lap| lap.0).collect();
    assert_eq!(laps, ["dns", "tcp", "upgrade", "session"]);
}
