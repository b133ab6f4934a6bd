//! Listener, hello, envelopes.

use paseo::daemon::{Config, Daemon};
use paseo::listen::{Listen, Password};
use paseo::transport::{Address, Dial, Frame, Greeting, Network, Stopwatch, TransportError, dial};
use serde_json::json;

use crate::support::{Client, DEADLINE, TestDaemon, config, hello, open, within};

async fn refused(daemon: &TestDaemon, frame: &str) -> (u16, String) {
    let mut transport = open(daemon.addr, None).await;
    transport
        .sender
        .send(Frame::Text(frame.into()))
        .await
        .unwrap();
    match within(transport.receiver.recv()).await {
        Err(TransportError::Closed(closed)) => (closed.code.unwrap(), closed.reason),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn http_says_health_and_status() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let host = "Host: localhost\r\n";
    let health = daemon.get("/api/health", host).await;
    assert!(health.starts_with("HTTP/1.1 200") && health.contains(r#""status":"ok""#));
    let status = daemon.get("/api/status", host).await;
    assert!(status.contains(r#""status":"server_info","serverId":"srv_"#));
    let elsewhere = daemon.get("/api/status", "Host: evil.example\r\n").await;
    assert!(elsewhere.starts_with("HTTP/1.1 403") && elsewhere.ends_with("Host not allowed"));
    assert!(daemon.get("/other", host).await.starts_with("HTTP/1.1 404"));
    let origin = format!(
        "{host}Origin: https://evil.example\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"
    );
    let page = daemon.get("/ws", &origin).await;
    assert!(page.starts_with("HTTP/1.1 403") && page.ends_with("Origin not allowed"));
    daemon.stop().await;
}

#[tokio::test]
async fn a_wrong_hello_is_refused_with_the_official_code() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let with = |key: &str, value: serde_json::Value| {
        let Frame::Text(text) = hello("c", json!({})) else {
            unreachable!()
        };
        let mut hello: serde_json::Value = serde_json::from_str(&text).unwrap();
        hello[key] = value;
        hello.to_string()
    };
    let invalid = (4002, "Invalid hello".to_owned());
    assert_eq!(refused(&daemon, "{not json").await, invalid);
    assert_eq!(refused(&daemon, r#"{"type":"weird"}"#).await, invalid);
    assert_eq!(
        refused(&daemon, &with("clientId", json!(" "))).await,
        invalid
    );
    assert_eq!(
        refused(&daemon, &with("clientType", json!("x"))).await,
        invalid
    );
    assert_eq!(
        refused(&daemon, &with("clientId", json!("plugin:x"))).await,
        (4002, "Invalid plugin clientId".to_owned())
    );
    for version in [json!(1.5), json!("1"), json!(null)] {
        assert_eq!(
            refused(&daemon, &with("protocolVersion", version)).await,
            invalid
        );
    }
    for version in [0, -1] {
        assert_eq!(
            refused(&daemon, &with("protocolVersion", json!(version))).await,
            (4003, "Incompatible protocol version".to_owned())
        );
    }
    // Nothing is served before the hello, not even a ping.
    assert_eq!(refused(&daemon, r#"{"type":"ping"}"#).await, invalid);
    let early = r#"{"type":"session","message":{"type":"ping","requestId":"x"}}"#;
    assert_eq!(
        refused(&daemon, early).await,
        (4002, "Session message before hello".to_owned())
    );
    let mut client = daemon.client().await;
    client.send_frame(hello("again", json!({}))).await;
    let closed = client.recv().await.unwrap_err();
    assert!(closed.to_string().contains("Unexpected hello"), "{closed}");
    daemon.stop().await;
}

#[tokio::test]
async fn pings_are_answered_after_the_hello() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let transport = open(daemon.addr, None).await;
    let ping = || Frame::Text(r#"{"type":"ping"}"#.to_owned());
    let mut client = Client::over(transport, "c", json!({ "voice": 7 })).await;
    assert_eq!(client.info["version"], "0.5.0");
    assert_eq!(client.info["features"]["daemonStatusRpc"], true);
    client.send_frame(ping()).await;
    assert_eq!(client.next().await["type"], "pong");
    let pong = client.call("ping", json!({ "clientSentAt": 123 })).await;
    assert_eq!(pong["clientSentAt"], 123);
    daemon.stop().await;
}

#[tokio::test]
async fn unknown_and_malformed_requests_get_an_error() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    for (kind, fields) in [
        ("no.such.thing.request", json!({})),
        ("fetch_agent_request", json!({})),
        ("fetch_agents_request", json!({ "page": { "limit": 500 } })),
    ] {
        let error = client.ask(kind, fields).await;
        assert_eq!(error["type"], "rpc_error");
        assert_eq!(error["payload"]["code"], "unknown_schema");
        assert_eq!(error["payload"]["requestType"], kind);
    }
    client
        .send(json!({ "type": "no.such.thing.request" }))
        .await;
    assert_eq!(client.next().await["payload"]["status"], "error");
    client.send_frame(Frame::Text("{not json".into())).await;
    assert_eq!(client.next().await["payload"]["status"], "error");
    let weird = r#"{"type":"weird","requestId":"u5"}"#;
    client.send_frame(Frame::Text(weird.into())).await;
    assert_eq!(client.next().await["payload"]["code"], "invalid_message");
    client
        .send_frame(Frame::Binary(vec![0xff, 1, 2].into()))
        .await;
    assert_eq!(client.next().await["payload"]["status"], "error");
    // A slot that nobody has.
    client
        .send_frame(Frame::Binary(vec![2, 9, 65].into()))
        .await;
    let extra = json!({ "extraField": { "a": 1 } });
    assert_eq!(
        client.call("fetch_agents_request", extra).await["entries"],
        json!([])
    );
    daemon.stop().await;
}

#[tokio::test]
async fn a_password_guards_direct_connections() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::with_password(home.path(), Password::Plain("s3cret".into())).await;
    for (bearer, reason) in [
        (None, "Password required"),
        (Some("wrong"), "Incorrect password"),
    ] {
        let mut transport = open(daemon.addr, bearer).await;
        // What a header does not show may be in the hello, so that is waited for.
        let _ = transport.sender.send(hello("c", json!({}))).await;
        match within(transport.receiver.recv()).await {
            Err(TransportError::Closed(closed)) => {
                assert_eq!((closed.code, closed.reason.as_str()), (Some(4401), reason));
            }
            other => panic!("{other:?}"),
        }
    }
    let transport = open(daemon.addr, Some("s3cret")).await;
    Client::over(transport, "c", json!({})).await;
    let host = "Host: localhost\r\n";
    let status = daemon.get("/api/status", host).await;
    assert!(status.starts_with("HTTP/1.1 401") && !status.contains("srv_"));
    let with = format!("{host}Authorization: Bearer s3cret\r\n");
    assert!(daemon.get("/api/status", &with).await.contains("srv_"));
    assert!(
        daemon
            .get("/api/health", host)
            .await
            .starts_with("HTTP/1.1 200")
    );
    daemon.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_serves_and_goes_with_the_daemon() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("p.sock");
    let config = Config {
        listen: Some(Listen::Unix(path.clone())),
        ..config(home.path())
    };
    let daemon = TestDaemon::with(config).await;
    let what = Dial {
        address: Address::Unix(path.clone()),
        path: "/ws".into(),
        greeting: Greeting::Daemon { password: None },
        timeout: DEADLINE,
        network: Network::default(),
        watch: Stopwatch::default(),
        on_unknown_owner: None,
        session_shows_secret: false,
    };
    let dialed = dial(&what).await.unwrap();
    let mut client = Client::over(dialed.transport, "c", json!({})).await;
    let status = client.call("daemon.get_status.request", json!({})).await;
    assert_eq!(status["listen"], path.to_str().unwrap());
    daemon.stop().await;
    assert!(!path.exists());
    assert!(!home.path().join("paseo.pid").exists());
}

#[tokio::test]
async fn a_client_may_end_the_daemon_and_only_one_runs_in_a_home() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let pid = std::fs::read_to_string(home.path().join("paseo.pid")).unwrap();
    assert!(
        pid.contains(&format!(r#""listen":"{}""#, daemon.addr)),
        "{pid}"
    );
    let mut client = daemon.client().await;
    let bye = client.call("shutdown_server_request", json!({})).await;
    assert_eq!(bye["status"], "shutdown_requested");
    assert_eq!(bye["clientId"], "cid_test");
    daemon.ended().await;
    assert!(Daemon::start(config(home.path())).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_closed_after_fifteen_seconds() {
    let home = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(config(home.path())).await.unwrap();
    let addr = daemon.local_addr().unwrap();
    let task = tokio::spawn(daemon.run(std::future::pending()));
    let mut transport = open(addr, None).await;
    match transport.receiver.recv().await {
        Err(TransportError::Closed(closed)) => {
            assert_eq!(closed.code, Some(4001));
            assert_eq!(closed.reason, "Hello timeout");
        }
        other => panic!("{other:?}"),
    }
    task.abort();
}
