//! Address families, IPv6 literals, headers, and the id that a daemon must have on a direct road.

use paseo::client::{self, ConnectError, Settings};
use paseo::protocol::relay::Endpoint;
use paseo::secret::Secret;
use paseo::target::Target;
use paseo::transport::{DialError, Family, Header, Network, Stopwatch};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

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
