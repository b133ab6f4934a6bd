//! Who is let in to a daemon over a direct connection, and what a client must show.

use std::path::Path;

use paseo::daemon::{Config, Daemon, StartError};
use paseo::listen::{Listen, Names, Password};
use paseo::pairing::Home;
use paseo::transport::{Frame, STRANGER_BYTES, TransportError};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, TestDaemon, config, hello, open, within};

async fn locked(home: &Path) -> TestDaemon {
    TestDaemon::with_password(home, Password::Plain("s3cret".into())).await
}

fn hello_with(auth: Value, capabilities: Value) -> Frame {
    let Frame::Text(text) = hello("c", capabilities) else {
        unreachable!()
    };
    let mut hello: Value = serde_json::from_str(&text).unwrap();
    hello["auth"] = auth;
    Frame::Text(hello.to_string())
}

/// Sends a hello; returns the first message, or how the connection was closed.
async fn greet(daemon: &TestDaemon, hello: Frame) -> Result<Value, (Option<u16>, String)> {
    let mut transport = open(daemon.addr, None).await;
    transport.sender.send(hello).await.unwrap();
    match within(transport.receiver.recv()).await {
        Ok(Frame::Text(text)) => Ok(serde_json::from_str(&text).unwrap()),
        Err(TransportError::Closed(closed)) => Err((closed.code, closed.reason)),
        other => panic!("{other:?}"),
    }
}

fn token(home: &Path) -> String {
    let file = std::fs::read_to_string(home.join("local-credential")).unwrap();
    file.trim_end().to_owned()
}

#[tokio::test]
async fn a_hello_may_show_the_password_or_the_local_credential() {
    let home = tempfile::tempdir().unwrap();
    let daemon = locked(home.path()).await;
    let token = token(home.path());
    for auth in [
        json!({ "kind": "password", "password": "s3cret" }),
        json!({ "kind": "localCredential", "token": token }),
    ] {
        let info = greet(&daemon, hello_with(auth, json!({}))).await.unwrap();
        assert_eq!(info["message"]["payload"]["status"], "server_info");
    }
    for auth in [
        json!({ "kind": "password", "password": "S3cret" }),
        json!({ "kind": "password", "password": token }),
        json!({ "kind": "localCredential", "token": "s3cret" }),
    ] {
        let rejected = greet(&daemon, hello_with(auth, json!({}))).await.unwrap();
        let expected = json!({ "type": "hello.rejected", "reason": "incorrect_password", "accepts": ["password"] });
        assert_eq!(rejected, expected);
    }
    let none = greet(&daemon, hello("c", json!({}))).await;
    assert_eq!(none, Err((Some(4401), "Password required".to_owned())));
    let none = greet(&daemon, hello("c", json!({ "hello_rejection": true }))).await;
    assert_eq!(none.unwrap()["reason"], "password_required");
    for auth in [
        json!({ "kind": "magic" }),
        json!("s3cret"),
        json!({ "kind": "password" }),
    ] {
        let invalid = greet(&daemon, hello_with(auth, json!({}))).await;
        assert_eq!(invalid, Err((Some(4002), "Invalid hello".to_owned())));
    }
    let bearer = format!("Host: localhost\r\nAuthorization: Bearer {token}\r\n");
    assert!(daemon.get("/api/status", &bearer).await.contains("srv_"));
    daemon.stop().await;
    assert!(!home.path().join("local-credential").exists());
}

/// Without a password anything may be shown, as to an official daemon: a client may have a credential of an earlier run.
#[tokio::test]
async fn where_no_password_is_set_none_is_wrong() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    for auth in [
        json!({ "kind": "password", "password": "any" }),
        json!({ "kind": "localCredential", "token": "old" }),
    ] {
        let info = greet(&daemon, hello_with(auth, json!({}))).await.unwrap();
        assert_eq!(info["message"]["payload"]["status"], "server_info");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn without_a_password_no_web_page_gets_in_but_those_that_are_named() {
    let home = tempfile::tempdir().unwrap();
    let names = Names {
        hosts: vec!["tower.lan".to_owned()],
        origins: vec!["https://named.example".to_owned()],
    };
    let open = TestDaemon::with(Config {
        names: names.clone(),
        ..config(home.path())
    })
    .await;
    let page = |host: &str, origin: &str| {
        format!(
            "Host: {host}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        )
    };
    let status = async |daemon: &TestDaemon, path: &str, headers: &str| {
        let mut stream = TcpStream::connect(daemon.addr).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        within(stream.read_exact(&mut answer)).await.unwrap();
        String::from_utf8_lossy(&answer[9..]).into_owned()
    };
    for origin in ["https://app.paseo.sh", "http://localhost:8081", "null"] {
        for path in ["/ws", "/api/status"] {
            assert_eq!(
                status(&open, path, &page("localhost", origin)).await,
                "403",
                "{origin}"
            );
        }
    }
    let named = page("tower.lan:6767", "https://named.example");
    assert_eq!(status(&open, "/ws", &named).await, "101");
    for elsewhere in ["attic.lan", "192.168.1.5:6767", "a.localhost"] {
        let elsewhere = page(elsewhere, "https://named.example");
        assert_eq!(status(&open, "/ws", &elsewhere).await, "403");
    }
    open.stop().await;
    let daemon = locked(home.path()).await;
    let app = page("localhost", "https://app.paseo.sh");
    assert_eq!(status(&daemon, "/ws", &app).await, "101");
    daemon.stop().await;
}

#[tokio::test]
async fn beyond_this_machine_a_daemon_needs_a_password() {
    let home = tempfile::tempdir().unwrap();
    for at in ["0.0.0.0:0", "[::]:0", "192.0.2.1:1"] {
        let config = Config {
            listen: Some(at.parse().unwrap()),
            ..config(home.path())
        };
        let started = Daemon::start(config).await;
        assert!(matches!(started, Err(StartError::PasswordNeeded)), "{at}");
    }
    let config = Config {
        listen: Some(Listen::Tcp(([0, 0, 0, 0], 0).into())),
        password: Some(Password::Plain("s3cret".into())),
        ..config(home.path())
    };
    Daemon::start(config).await.unwrap();
}

/// A second of them is enough to see that what came before the hello is not kept.
#[tokio::test]
async fn before_its_hello_a_client_has_room_for_a_hello_only() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let padded = |length: usize| {
        let Frame::Text(text) = hello("c", json!({})) else {
            unreachable!()
        };
        Frame::Text(text.clone() + &" ".repeat(length - text.len()))
    };
    let info = greet(&daemon, padded(STRANGER_BYTES)).await.unwrap();
    assert_eq!(info["message"]["payload"]["status"], "server_info");
    let large = greet(&daemon, padded(STRANGER_BYTES + 1)).await;
    assert_eq!(large, Err((Some(1009), "Message is too large".to_owned())));
    let mut client = Client::hello(daemon.addr, "c", json!({})).await;
    let long = "x".repeat(1_000_000);
    client.ask("no.such.request", json!({ "text": long })).await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_daemon_that_is_killed_leaves_a_credential_that_is_worth_nothing() {
    let home = tempfile::tempdir().unwrap();
    let daemon = locked(home.path()).await;
    let old = token(home.path());
    daemon.stop().await;
    std::fs::write(home.path().join("local-credential"), format!("{old}\n")).unwrap();
    let daemon = locked(home.path()).await;
    assert_ne!(token(home.path()), old);
    let auth = json!({ "kind": "localCredential", "token": old });
    let rejected = greet(&daemon, hello_with(auth, json!({}))).await.unwrap();
    assert_eq!(rejected["reason"], "incorrect_password");
    let listen = daemon.addr.to_string();
    assert!(Home::new(home.path()).local_credential(&listen).is_some());
    daemon.stop().await;
}
