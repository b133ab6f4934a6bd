//! Configuration that changes while the daemon runs.

use std::sync::{Arc, Mutex};

use paseo::daemon::{Config, Reread, Settings};
use paseo::listen::{Names, Password};
use paseo::pairing::RelayConfig;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{TestDaemon, config, open, within};

fn relay(at: &TcpListener) -> RelayConfig {
    let endpoint: paseo::protocol::relay::Endpoint =
        at.local_addr().unwrap().to_string().parse().unwrap();
    RelayConfig {
        enabled: false,
        endpoint: endpoint.clone(),
        use_tls: false,
        public_endpoint: endpoint,
        public_use_tls: false,
        require_password: false,
        token: None,
    }
}

#[tokio::test]
async fn the_relay_is_turned_on_and_off_and_a_restart_keeps_that() {
    let home = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let with_relay = || Config {
        relay: Some(relay(&listener)),
        ..config(home.path())
    };
    let daemon = TestDaemon::with(with_relay()).await;
    let mut client = daemon.client().await;
    assert_eq!(client.info["features"]["relayConfig"], true);
    let pairing = client
        .call("daemon.get_pairing_offer.request", json!({}))
        .await;
    assert_eq!(pairing["relayEnabled"], false);

    let on = json!({ "config": { "relay": { "enabled": true }, "unknown": 1 } });
    let set = client.call("set_daemon_config_request", on).await;
    assert_eq!(set["config"]["relay"]["enabled"], true);
    // It dials.
    within(listener.accept()).await.unwrap();
    let pairing = client
        .call("daemon.get_pairing_offer.request", json!({}))
        .await;
    let url = pairing["url"].as_str().unwrap();
    assert!(url.contains("#offer="));
    // What the official `daemon pair` shows is this text.
    let code = paseo::qr::Code::of(url).unwrap().blocks(200, true);
    assert_eq!(pairing["qr"].as_str(), code.as_deref());
    let news = |message: &Value| message["payload"]["status"] == "daemon_config_changed";
    client.until(news).await;
    daemon.stop().await;

    let daemon = TestDaemon::with(with_relay()).await;
    within(listener.accept()).await.unwrap();
    let mut client = daemon.client().await;
    let off = json!({ "config": { "relay": { "enabled": false } } });
    client.call("set_daemon_config_request", off).await;
    let status = client.call("daemon.get_status.request", json!({})).await;
    assert_eq!(status["relay"]["enabled"], false);
    let nothing = client
        .call("set_daemon_config_request", json!({ "config": { "a": 1 } }))
        .await;
    assert_eq!(nothing["config"]["relay"]["enabled"], false);
    daemon.stop().await;
}

#[tokio::test]
async fn a_reload_takes_over_what_has_changed_and_says_so() {
    let home = tempfile::tempdir().unwrap();
    let before = Settings {
        relay: None,
        app_url: "https://app.paseo.sh".to_owned(),
        password: None,
        names: Names::default(),
        listen: "127.0.0.1:0".to_owned(),
    };
    let file = Arc::new(Mutex::new(before.clone()));
    let read = Arc::clone(&file);
    let daemon = TestDaemon::with(Config {
        reread: Some(Reread(Arc::new(move || Ok(read.lock().unwrap().clone())))),
        ..config(home.path())
    })
    .await;
    let mut client = daemon.client().await;
    let reload = "daemon.config.reload.request";
    let same = client.call(reload, json!({})).await;
    assert_eq!(same["appliedPaths"], json!([]));
    *file.lock().unwrap() = Settings {
        app_url: "https://elsewhere".to_owned(),
        password: Some(Password::Plain("new".into())),
        listen: "127.0.0.1:1".to_owned(),
        ..before
    };
    let changed = client.call(reload, json!({})).await;
    assert_eq!(
        changed["appliedPaths"],
        json!(["app.baseUrl", "daemon.auth.password"])
    );
    assert_eq!(changed["restartRequiredPaths"], json!(["daemon.listen"]));
    let config = client.call("get_daemon_config_request", json!({})).await;
    assert_eq!(config["config"]["app"]["baseUrl"], "https://elsewhere");
    // Who comes now needs the password.
    let mut stranger = open(daemon.addr, None).await;
    assert!(within(stranger.receiver.recv()).await.is_err());
    let friend = open(daemon.addr, Some("new")).await;
    crate::support::Client::over(friend, "cid_friend", json!({})).await;
    daemon.stop().await;
}
