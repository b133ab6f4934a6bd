//! The relay and the service manager: a socket that is passed on, and what is told back.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

use crate::binary::{Running, paseo};
use crate::support::{Relay, fresh};

/// `sd_listen_fds(3)`: descriptor 3 is the listener, and `LISTEN_PID` is us.
const PASS: &str = r#"exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@""#;

#[tokio::test]
async fn takes_its_socket_from_systemd_and_says_when_it_is_ready_and_when_it_stops() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let args = [
        "relay",
        "serve",
        "-v",
        "--listen",
        "127.0.0.1:1",
        "--log-format",
        "json",
    ];
    let relay = paseo(home.path(), &args);
    let mut command = tokio::process::Command::new("sh");
    command
        .args(["-c", PASS])
        .arg(relay.as_std().get_program())
        .args(relay.as_std().get_args())
        .env_clear()
        .env("NOTIFY_SOCKET", &path)
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::null())
        .kill_on_drop(true);
    let mut running = Running::start(&mut command);
    let line = running.says("listening").await;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["address"], authority);
    let told = |manager: UnixDatagram| {
        tokio::task::spawn_blocking(move || {
            let mut message = [0; 256];
            let size = manager.recv(&mut message).unwrap();
            let text = String::from_utf8(message[..size].to_vec()).unwrap();
            (manager, text)
        })
    };
    let (manager, ready) = told(manager).await.unwrap();
    assert_eq!(ready, "READY=1\n");
    let mut control = Relay::at(&authority).control(&fresh()).await;
    control.text().await;
    running.terminate();
    let (_, stopping) = told(manager).await.unwrap();
    assert_eq!(stopping, "STOPPING=1\n");
    assert_eq!(
        control.closed().await,
        (1012, "Relay restarting".to_owned())
    );
    running.ended().await;
}

/// Whatever is asked of the relay, no log line holds an id, a query or a token.
#[tokio::test]
async fn logs_hold_nothing_that_lets_anybody_in() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("tokens"), "planted-token\n").unwrap();
    let args = ["relay", "serve", "--listen", "127.0.0.1:0", "-vvv"];
    let more = ["--log-format", "json", "--token-file", "tokens"];
    let mut running = Running::start(&mut paseo(home.path(), &[&args[..], &more].concat()));
    let line = running.says("listening").await;
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let relay = Relay::at(line["address"].as_str().unwrap());
    let query = "serverId=srv_planted&role=client&v=2&connectionId=planted-id";
    assert!(relay.open_with(query, &[]).await.is_err());
    let mut peer = relay.open(&format!("{query}&token=planted-token")).await;
    peer.send("planted-frame").await;
    peer.close().await;
    running.terminate();
    let log = running.rest().await;
    assert!(log.contains("refused") && log.contains("attached"), "{log}");
    assert!(!log.contains("planted"), "{log}");
    for line in log.lines() {
        assert!(
            serde_json::from_str::<serde_json::Value>(line).is_ok(),
            "{line}"
        );
    }
}

/// A shell gives 1024 descriptors and allows more: the relay takes them, and says when they are too few.
#[tokio::test]
async fn takes_the_descriptors_that_it_may_have() {
    let home = tempfile::tempdir().unwrap();
    let serve = |more: &[&str]| {
        let args = ["relay", "serve", "--listen", "127.0.0.1:0"];
        let relay = paseo(home.path(), &[&args[..], more].concat());
        let mut command = tokio::process::Command::new("sh");
        command
            .args(["-c", r#"ulimit -Sn 40 && ulimit -Hn 512; exec "$0" "$@""#])
            .arg(relay.as_std().get_program())
            .args(relay.as_std().get_args())
            .env_clear()
            .stdout(Stdio::null())
            .kill_on_drop(true);
        Running::start(&mut command)
    };
    let mut asked = serve(&["--sockets", "1000"]);
    let line = asked.says("fewer file descriptors").await;
    assert!(line.contains("WARN"), "{line}");
    // Nobody asked for the default: that is no reason to warn.
    let mut running = serve(&["-v"]);
    let line = running.says("descriptors").await;
    assert!(line.contains("INFO"), "{line}");
    let line = running.says("listening").await;
    let (_, rest) = line.split_once("address=").unwrap();
    let relay = Relay::at(rest.split_whitespace().next().unwrap());
    let mut peers = Vec::new();
    for _ in 0..100 {
        let mut control = relay.control(&fresh()).await;
        control.text().await;
        peers.push(control);
    }
}
