//! Why there is no connection, told apart, and without a secret in the words.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use paseo::client::{self, ConnectError};
use paseo::e2ee::SecretKey;
use paseo::error::{CommandError, Exit, Hop};
use paseo::protocol::relay::Endpoint;
use paseo::secret::Secret;
use paseo::target::Target;
use paseo::transport::{Closed, DialError, Frame};
use serde_json::json;

use crate::peer::{Peer, accept, greet, hold, key, receive, send, session, settings};

/// Fails to connect, checks that no secret is in any form of the error, and returns both forms.
async fn refused(target: &Target) -> (ConnectError, CommandError) {
    let error = client::connect(target, &settings())
        .await
        .expect_err("must be refused");
    let again = client::connect(target, &settings())
        .await
        .expect_err("must be refused");
    let words = format!("{error} {error:?}");
    let command = CommandError::from(again);
    let shown = format!("{command:?} {} {:?}", command.message, command.causes());
    for secret in ["srv_planted1", "hunter2", &key().public_key().to_base64()] {
        assert!(
            !words.contains(secret) && !shown.contains(secret),
            "{words}\n{shown}"
        );
    }
    (error, command)
}

fn plain(endpoint: &str) -> Target {
    Target::Tcp {
        endpoint: endpoint.parse().unwrap(),
        tls: false,
        password: Some(Secret::from("hunter2")),
    }
}

#[tokio::test]
async fn refused_port() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let (_, command) = refused(&plain(&address)).await;
    assert_eq!(
        (command.exit, command.hop),
        (Exit::Unreachable, Some(Hop::Tcp))
    );
    assert_eq!(command.code, "DAEMON_NOT_RUNNING");
}

#[tokio::test]
async fn unknown_host() {
    let (_, command) = refused(&plain("no-such-host.invalid:1")).await;
    assert_eq!(
        (command.exit, command.hop),
        (Exit::Unreachable, Some(Hop::Dns))
    );
}

#[tokio::test]
async fn tls_against_plain() {
    let peer = Peer::new(|_, _| async {}).await;
    let target = Target::Tcp {
        endpoint: peer.endpoint.clone(),
        tls: true,
        password: None,
    };
    let (error, command) = refused(&target).await;
    // A peer that does not understand a TLS record may answer in plain text or just hang up.
    assert!(
        matches!(
            error,
            ConnectError::Dial(DialError::NotTls { .. } | DialError::Tls { .. })
        ),
        "{error:?}"
    );
    assert_eq!(
        (command.exit, command.hop),
        (Exit::Unreachable, Some(Hop::Tls))
    );
}

#[tokio::test]
async fn http_that_is_no_websocket() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                use tokio::io::{AsyncReadExt, AsyncWriteExt};
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let body = "The plain HTTP request was sent to HTTPS port";
                let answer = format!(
                    "HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    let (_, command) = refused(&plain(&address)).await;
    assert_eq!(
        (command.exit, command.hop),
        (Exit::Unreachable, Some(Hop::Tls))
    );
    assert!(command.hint.unwrap().contains("tls = true"));
    server.abort();
}

#[tokio::test]
async fn a_peer_that_accepts_and_never_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint: Endpoint = listener.local_addr().unwrap().to_string().parse().unwrap();
    let settings = client::Settings {
        connect_timeout: Duration::from_millis(300),
        ..settings()
    };
    let target = Target::Tcp {
        endpoint,
        tls: false,
        password: None,
    };
    let error = CommandError::from(client::connect(&target, &settings).await.unwrap_err());
    assert_eq!((error.exit, error.hop), (Exit::Timeout, Some(Hop::Relay)));
    assert!(error.message.contains("300ms"), "{}", error.message);
}

#[tokio::test]
async fn a_daemon_that_never_introduces_itself() {
    let peer = Peer::new(hold).await;
    let (error, command) = refused(&peer.direct(None)).await;
    assert!(matches!(error, ConnectError::Silent { .. }));
    assert_eq!(command.exit, Exit::Timeout);
}

/// A relay that knows says it at once, on the upgrade response.
#[tokio::test]
async fn an_absent_daemon_is_reported_at_once_where_the_relay_tells() {
    let mut peer = Peer::with_headers(&[("paseo-relay-presence", "offline")], hold).await;
    let start = Instant::now();
    let (error, command) = refused(&peer.relay(&key())).await;
    assert!(start.elapsed() < settings().handshake_timeout);
    assert!(matches!(error, ConnectError::DaemonAbsent { .. }));
    assert_eq!(
        (command.exit, command.hop),
        (Exit::DaemonOffline, Some(Hop::Presence))
    );
    assert!(peer.upgrades.recv().await.unwrap().asks_presence);
}

#[tokio::test]
async fn an_absent_daemon_is_a_timeout_where_the_relay_does_not_tell() {
    let peer = Peer::new(hold).await;
    let (error, command) = refused(&peer.relay(&key())).await;
    assert!(
        matches!(error, ConnectError::DaemonSilent { .. }),
        "{error:?}"
    );
    assert_eq!(command.exit, Exit::DaemonOffline);
}

/// A daemon of ours proves its key in the ready frame, and one with another key proves that it has another.
#[tokio::test]
async fn a_wrong_daemon_key_is_a_matter_of_trust() {
    let peer = Peer::new(|transport, _| async move {
        let responder = std::sync::Arc::new(paseo::e2ee::Responder::new(SecretKey::generate()));
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        let mut channel = paseo::e2ee::accept(transport, &responder, deadline)
            .await
            .unwrap()
            .transport;
        let _ = channel.receiver.recv().await;
    })
    .await;
    let (error, command) = refused(&peer.relay(&key())).await;
    assert!(matches!(error, ConnectError::WrongKey { .. }), "{error:?}");
    assert_eq!((command.exit, command.hop), (Exit::Trust, Some(Hop::Key)));
    assert_eq!(command.code, "DAEMON_KEY_MISMATCH");
}

/// What is sealed with another key shows the same.
#[tokio::test]
async fn a_frame_of_another_key_is_a_matter_of_trust() {
    let peer = Peer::new(|mut transport, _| async move {
        receive(&mut transport).await;
        send(&mut transport, &json!({ "type": "e2ee_ready" })).await;
        let forged = Frame::Text("A".repeat(80));
        transport.sender.send(forged).await.unwrap();
        let _ = transport.receiver.recv().await;
    })
    .await;
    let (error, command) = refused(&peer.relay(&key())).await;
    assert!(matches!(error, ConnectError::WrongKey { .. }), "{error:?}");
    assert_eq!(command.exit, Exit::Trust);
}

/// A close behind a ready frame that proves nothing: a deployed daemon with another key closes so, and so does the relay
/// when the daemon restarts. Nobody is to be accused of anything.
#[tokio::test]
async fn an_end_before_the_proof_is_no_proof_of_another_key() {
    for closed in [
        Closed::new(1012, "Server disconnected"),
        Closed::new(1012, "Relay restarting"),
        Closed::new(1013, "Server absent and buffer full"),
        Closed::default(),
    ] {
        let peer = Peer::new(move |mut transport, _| {
            let closed = closed.clone();
            async move {
                receive(&mut transport).await;
                send(&mut transport, &json!({ "type": "e2ee_ready" })).await;
                let _ = transport.receiver.recv().await;
                transport.sender.close(closed).await;
            }
        })
        .await;
        let (error, command) = refused(&peer.relay(&key())).await;
        assert!(matches!(error, ConnectError::NotProven { .. }), "{error:?}");
        assert_eq!(command.code, "DAEMON_NOT_PROVEN");
        assert_eq!(command.exit, Exit::DaemonOffline);
        assert!(command.retryable);
    }
}

/// A full daemon says so: straight in the close frame, and within the channel, because a relay hides that.
#[tokio::test]
async fn a_full_daemon_says_that_it_is_full() {
    const FULL: &str = "Too many connections";
    let peer = Peer::new(|mut transport, _| async move {
        receive(&mut transport).await;
        transport.sender.close(Closed::new(1013, FULL)).await;
    })
    .await;
    let relayed = Peer::new(|transport, _| async move {
        let mut channel = accept(transport, key()).await;
        receive(&mut channel).await;
        let payload = json!({ "status": "error", "message": FULL, "code": "daemon_full" });
        send(&mut channel, &session("status", payload)).await;
        let gone = Closed::new(1012, "Server disconnected");
        channel.sender.close(gone).await;
    })
    .await;
    for target in [peer.direct(None), relayed.relay(&key())] {
        let (error, command) = refused(&target).await;
        assert!(matches!(error, ConnectError::Full), "{error:?}");
        assert_eq!(command.code, "DAEMON_FULL");
        assert_eq!(command.exit, Exit::DaemonOffline);
        assert!(command.retryable);
    }
}

#[tokio::test]
async fn another_protocol_version() {
    let peer = Peer::new(|mut transport, _| async move {
        receive(&mut transport).await;
        transport
            .sender
            .close(Closed::new(4003, "Incompatible protocol version"))
            .await;
    })
    .await;
    let (_, command) = refused(&peer.direct(None)).await;
    assert_eq!(command.exit, Exit::Incompatible);
}

/// Once the channel is open, plaintext is an attack.
#[tokio::test]
async fn plaintext_on_an_open_channel_is_fatal() {
    let peer = Peer::new(|mut transport, _| async move {
        let hello = receive(&mut transport).await;
        assert_eq!(hello["type"], "e2ee_hello");
        send(&mut transport, &json!({ "type": "e2ee_ready" })).await;
        send(&mut transport, &crate::peer::server_info("0.5.0")).await;
        std::future::pending::<()>().await;
    })
    .await;
    let (_, command) = refused(&peer.relay(&key())).await;
    assert_eq!(command.exit, Exit::Trust);
}

/// The relay's query carries the server id, and nothing else of the offer.
#[tokio::test]
async fn the_relay_learns_the_server_id_only() {
    let mut peer = Peer::new(|transport, _| async move {
        let mut channel = accept(transport, key()).await;
        greet(&mut channel).await;
        std::future::pending::<()>().await;
    })
    .await;
    client::connect(&peer.relay(&key()), &settings())
        .await
        .unwrap();
    let path = peer.upgrades.recv().await.unwrap().path;
    assert_eq!(path, "/ws?serverId=srv_planted1&role=client&v=2");
}
