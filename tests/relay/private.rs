//! A relay that wants a token: what its users do.

use paseo::relay::{Config, Lists};
use serde_json::json;

use crate::binary::{Running, error, json, paseo, run};
use crate::support::Relay;

const TOKEN: &str = "planted-t0ken";

fn private(dir: &std::path::Path) -> Relay {
    let tokens = dir.join("tokens");
    std::fs::write(&tokens, format!("{TOKEN}\n")).unwrap();
    Relay::with(Config {
        lists: Lists {
            tokens: Some(tokens),
            servers: None,
        },
        ..Config::default()
    })
}

/// Writes a file that nobody else can read.
fn secret(path: &std::path::Path, text: impl AsRef<[u8]>) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

/// The daemon's token travels in the offer; a remote keeps it with the offer, in the secret store.
#[tokio::test]
async fn daemon_and_remotes_carry_its_token() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    let relay = private(home);
    secret(&home.join("token"), format!("{TOKEN}\n"));
    let daemon = ["daemon", "run", "--listen", "127.0.0.1:0", "--relay"];
    let mut command = paseo(home, &[&daemon[..], &[&*relay.authority]].concat());
    let mut without = Running::start(&mut command);
    without.says("wants a token").await;
    drop(without);
    let mut command = paseo(home, &[&daemon[..], &[&*relay.authority]].concat());
    let mut daemon = Running::start(command.args(["--relay-token", "token"]));
    daemon.says("connected to the relay").await;

    let url = json(home, &["daemon", "pair"]).await["url"].clone();
    let url = url.as_str().unwrap();
    let store = ["--store", "file"];
    json(
        home,
        &[&["remote", "add", "work", url], &store[..]].concat(),
    )
    .await;
    assert_eq!(json(home, &["ls", "-r", "work"]).await, json!([]));
    let file = std::fs::read_to_string(home.join(".config/paseo/remotes.toml")).unwrap();
    assert!(!file.contains(TOKEN), "{file}");

    // Without it, with a wrong one, and with the right one again.
    json(home, &["remote", "unset", "work", "--relay-token"]).await;
    let refused = error(home, &["ls", "-r", "work"], 4).await;
    assert_eq!(
        (&refused["code"], &refused["hop"]),
        (&json!("RELAY_TOKEN_REQUIRED"), &json!("relay"))
    );
    assert!(refused["hint"].as_str().unwrap().contains("--relay-token"));
    secret(&home.join("wrong"), "planted-wr0ng");
    let set = ["remote", "set", "work", "--relay-token"];
    json(home, &[&set[..], &["wrong"]].concat()).await;
    let refused = run(home, &["ls", "-r", "work"]).await;
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(4), "{said}");
    assert!(
        said.contains("refused the token") && !said.contains("planted"),
        "{said}"
    );
    json(home, &[&set[..], &["token"]].concat()).await;
    assert_eq!(json(home, &["ls", "-r", "work"]).await, json!([]));
}

/// An official daemon's offer has no token: it is given beside the offer.
#[tokio::test]
async fn a_token_can_be_given_beside_an_offer() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    let relay = private(home);
    let authority = &relay.authority;
    secret(&home.join("token"), TOKEN);
    let offer = json!({
        "v": 2, "serverId": "srv_planted1",
        "daemonPublicKeyB64": "fh1V4oOfytbm1vXyc29bUj+dQDpoSE6nzzsYNkgZ4SY=",
        "relay": {"endpoint": authority, "useTls": false},
    });
    std::fs::write(home.join("offer"), offer.to_string()).unwrap();
    let add = ["remote", "add", "work", "offer", "--store", "file"];
    let refused = error(home, &add, 4).await;
    assert_eq!(refused["code"], "RELAY_TOKEN_REQUIRED");
    // With the token the relay answers: what is missing now is the daemon.
    let token = ["--relay-token", "token"];
    let absent = error(home, &[&add[..], &token].concat(), 7).await;
    assert_eq!(absent["hop"], "presence");
    json(home, &[&add[..], &token, &["--no-check"]].concat()).await;
    error(home, &["ls", "-r", "work"], 7).await;
    // A new offer of the same relay leaves the token where it is.
    json(home, &["remote", "repair", "work", "offer", "--no-check"]).await;
    error(home, &["ls", "-r", "work"], 7).await;

    let url = format!("ws://{authority}");
    let check = ["relay", "check", &url, "--idle", "1ms", "--large", "1KiB"];
    assert!(!run(home, &check).await.status.success());
    let ran = run(home, &[&check[..], &token].concat()).await;
    assert!(ran.status.success(), "{ran:?}");
    let mut by_variable = paseo(home, &check);
    by_variable.env("PASEO_RELAY_TOKEN", TOKEN);
    assert!(by_variable.status().await.unwrap().success());
}

/// Nothing that is no token is taken for one, and none of it is repeated.
#[tokio::test]
async fn what_is_no_token_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path();
    secret(&home.join("empty"), "\n");
    secret(&home.join("lines"), "planted one\nplanted two\n");
    for file in ["empty", "lines", "planted-t0ken-itself"] {
        let args = ["relay", "check", "ws://127.0.0.1:9", "--relay-token", file];
        let refused = run(home, &args).await;
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(
            said.contains("token") && !said.contains("planted"),
            "{said}"
        );
    }
    let direct = ["remote", "add", "lab", "tcp://127.0.0.1:9", "--no-check"];
    let direct = [&direct[..], &["--store", "file", "--relay-token", "lines"]].concat();
    secret(&home.join("lines"), TOKEN);
    assert_eq!(error(home, &direct, 2).await["code"], "NO_RELAY");
}
