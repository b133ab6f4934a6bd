//! What those who run a relay rely on.

use std::time::Duration;

use paseo::protocol::relay::{PRESENCE_ASK, PRESENCE_HEADER, PRESENCE_OFFLINE, PRESENCE_ONLINE};
use paseo::relay::{Config, Limits};

use tokio_tungstenite::tungstenite::Message;

use crate::support::{Relay, fresh, within};

#[tokio::test]
async fn presence_is_told_to_those_who_ask() {
    let relay = Relay::with(Config::default());
    let server = fresh();
    let query = format!("serverId={server}&role=client&v=2");
    let ask = [(PRESENCE_HEADER, PRESENCE_ASK)];
    let (_peer, answer) = relay.open_with(&query, &ask).await.unwrap();
    assert_eq!(answer.headers()[PRESENCE_HEADER], PRESENCE_OFFLINE);
    let mut control = relay.control(&server).await;
    control.text().await;
    let (_peer, answer) = relay.open_with(&query, &ask).await.unwrap();
    assert_eq!(answer.headers()[PRESENCE_HEADER], PRESENCE_ONLINE);
    let (_peer, answer) = relay.open_with(&query, &[]).await.unwrap();
    assert!(!answer.headers().contains_key(PRESENCE_HEADER));
}

#[tokio::test]
async fn a_stopping_relay_closes_whole_sessions_with_1012() {
    let mut relay = Relay::with(Config::default());
    let server = fresh();
    let mut control = relay.control(&server).await;
    control.text().await;
    let mut client = relay.client(&server, "x").await;
    control.text().await;
    let mut data = relay.data(&server, "x").await;
    data.settle().await;
    let stopped = relay.stopping();
    let restart = (1012, "Relay restarting".to_owned());
    for peer in [&mut client, &mut data] {
        assert_eq!(peer.closed().await, restart);
    }
    let told = control.message().await.unwrap();
    if told.is_text() {
        assert_eq!(control.closed().await, restart);
    } else {
        assert!(matches!(told, Message::Close(Some(frame)) if frame.reason.as_str() == restart.1));
    }
    within("the end", stopped).await.unwrap();
}

#[tokio::test]
async fn a_stopping_relay_does_not_wait_for_ever() {
    let mut relay = Relay::with(Config::default());
    // One that never reads its close frame, and one that is in the middle of its request.
    let _silent = relay.control(&fresh()).await;
    let _half = relay.tcp().await;
    relay.fast_clock();
    relay.stop().await;
}

#[tokio::test]
async fn metrics_count() {
    let relay = Relay::with(Config::default());
    let server = fresh();
    let mut client = relay.client(&server, "x").await;
    let mut data = relay.data(&server, "x").await;
    client.send("12345").await;
    assert_eq!(data.text().await, "12345");
    relay.http("GET /nothing").await;
    let mut newer = relay.data(&server, "x").await;
    data.closed().await;
    newer.settle().await;
    let (status, text) = relay.http("GET /metrics").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    for line in [
        "paseo_relay_ready 1",
        "paseo_relay_draining 0",
        "paseo_relay_active_websockets 2",
        "paseo_relay_active_sessions 1",
        "paseo_relay_queued_bytes 0",
        "paseo_relay_frames_forwarded_total 1",
        "paseo_relay_bytes_forwarded_total 5",
        "paseo_relay_connection_rejections_total{reason=\"not_found\"} 1",
        "paseo_relay_closes_total{reason=\"replaced\"} 1",
        "paseo_relay_forward_seconds_bucket{le=\"+Inf\"} 1",
        "paseo_relay_forward_seconds_count 1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    assert_eq!(relay.http("GET /ready").await.1, r#"{"status":"ready"}"#);
}

#[tokio::test]
async fn silent_peers_are_pinged_and_closed() {
    let limits = Limits {
        ping: Duration::from_secs(3),
        ..Limits::default()
    };
    let relay = Relay::with(Config {
        limits,
        ..Config::default()
    });
    let server = fresh();
    let mut client = relay.client(&server, "x").await;
    let mut data = relay.data(&server, "x").await;
    data.settle().await;
    let deaf = relay.client(&server, "y").await;
    let mut answering = relay.control(&server).await;
    answering.text().await;
    relay.fast_clock();
    // Reading is what answers pings; the deaf one does not read.
    let minute = tokio::time::sleep(Duration::from_secs(60));
    tokio::select! {
        () = minute => {}
        ended = client.message() => panic!("{ended:?}"),
        ended = data.message() => panic!("{ended:?}"),
        told = async {
            assert_eq!(answering.text().await, r#"{"type":"disconnected","connectionId":"y"}"#);
            answering.message().await
        } => panic!("{told:?}"),
    }
    drop(deaf);
    let (_, text) = relay.http("GET /metrics").await;
    assert!(text.contains("closes_total{reason=\"silent\"} 1"), "{text}");
}

/// The report of `paseo relay check` as check and result.
async fn check(relay: &Relay) -> (bool, Vec<(String, String)>) {
    let ran = tokio::process::Command::new(env!("CARGO_BIN_EXE_paseo"))
        .args([
            "relay", "check", "--json", "--idle", "10ms", "--large", "3MiB",
        ])
        .arg(format!("ws://{}", relay.authority))
        .env_clear()
        .output();
    let ran = within("the check", ran).await.unwrap();
    let lines: Vec<serde_json::Value> = serde_json::from_slice(&ran.stdout).unwrap();
    let word = |line: &serde_json::Value, key: &str| line[key].as_str().unwrap().to_owned();
    let lines = lines
        .iter()
        .map(|line| (word(line, "check"), word(line, "result")));
    (ran.status.success(), lines.collect())
}

#[tokio::test]
async fn check_passes_here_and_says_what_fails_elsewhere() {
    let mut relay = Relay::with(Config::default());
    let (good, lines) = check(&relay).await;
    assert!(
        good && lines.iter().all(|(_, result)| result == "pass"),
        "{lines:?}"
    );
    let names: Vec<&str> = lines.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "name",
            "tcp",
            "upgrade",
            "sync",
            "client",
            "presence",
            "connected",
            "data",
            "text",
            "binary",
            "large frame",
            "idle",
            "close"
        ]
    );
    relay.stop().await;
    let (good, lines) = check(&relay).await;
    assert!(!good);
    assert_eq!(
        lines.last().unwrap(),
        &("tcp".to_owned(), "fail".to_owned())
    );
    // A frame that does not pass is a fail, too.
    let limits = Limits {
        message_bytes: 1024 * 1024,
        ..Limits::default()
    };
    let small = Relay::with(Config {
        limits,
        ..Config::default()
    });
    let (good, lines) = check(&small).await;
    assert!(!good);
    assert_eq!(
        lines.last().unwrap(),
        &("large frame".to_owned(), "fail".to_owned())
    );
}
