//! Who is let in, by what they show and on which route: the table of `docs/protocol.md`, "Password".

use std::path::Path;
use std::time::Duration;

use paseo::client::{self, ConnectError, PasswordFault};
use paseo::daemon::Config;
use paseo::e2ee::PublicKey;
use paseo::listen::{Listen, Password};
use paseo::pairing::RelayConfig;
use paseo::protocol::relay::Endpoint;
use paseo::relay;
use paseo::secret::Secret;
use paseo::target::Target;
use paseo::transport::{Frame, Network, Stopwatch, TransportError};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{DEADLINE, TestDaemon, config, within};

/// A daemon at a relay of its own.
struct World {
    daemon: TestDaemon,
    direct: Target,
    relayed: Target,
    local_credential: String,
    _stop: oneshot::Sender<()>,
    _relay: JoinHandle<()>,
}

const TOKEN: &str = "hunter2";
const NO_TOKEN: &str = "h\u{fc}nter 2@/";

impl World {
    async fn new(home: &Path, password: Option<&str>, requires: bool, unix: bool) -> Self {
        let relay = relay::Server::bind(relay::Config {
            listen: ([127, 0, 0, 1], 0).into(),
            ..relay::Config::default()
        });
        let relay = relay.unwrap();
        let endpoint = Endpoint::new("127.0.0.1", relay.local_addr().port()).unwrap();
        let (_stop, stopped) = oneshot::channel::<()>();
        let _relay = tokio::spawn(async move {
            relay.run(async { drop(stopped.await) }).await;
        });
        let socket = home.join("d.sock");
        let daemon = TestDaemon::with(Config {
            listen: Some(match unix {
                true => Listen::Unix(socket.clone()),
                false => Listen::Tcp(([127, 0, 0, 1], 0).into()),
            }),
            relay: Some(RelayConfig {
                enabled: true,
                endpoint: endpoint.clone(),
                use_tls: false,
                public_endpoint: endpoint.clone(),
                public_use_tls: false,
                require_password: requires,
                token: None,
            }),
            password: password.map(|password| Password::Plain(password.into())),
            ..config(home)
        })
        .await;
        let file = |name: &str| std::fs::read_to_string(home.join(name)).unwrap();
        let keys: Value = serde_json::from_str(&file("daemon-keypair.json")).unwrap();
        let key = keys["publicKeyB64"].as_str().unwrap();
        Self {
            direct: match unix {
                true => Target::Unix {
                    path: socket,
                    password: None,
                },
                false => Target::Tcp {
                    endpoint: daemon.addr.to_string().parse().unwrap(),
                    tls: false,
                    password: None,
                },
            },
            relayed: Target::Relay {
                relay: endpoint,
                tls: false,
                server_id: file("server-id").trim().into(),
                daemon_key: PublicKey::from_base64(key).unwrap(),
                token: None,
                password: None,
            },
            local_credential: file("local-credential").trim().to_owned(),
            daemon,
            _stop,
            _relay,
        }
    }
}

fn with_password(target: &Target, shown: &str) -> Target {
    let mut target = target.clone();
    let (Target::Relay { password, .. }
    | Target::Tcp { password, .. }
    | Target::Unix { password, .. }
    | Target::Ssh { password, .. }) = &mut target;
    *password = Some(shown.into());
    target
}

fn settings() -> client::Settings {
    client::Settings {
        client_id: format!("cid_{}", uuid::Uuid::new_v4().simple()),
        connect_timeout: DEADLINE,
        handshake_timeout: DEADLINE,
        network: Network::default(),
        watch: Stopwatch::default(),
        server_id: None,
        // The daemon may not be at the relay yet.
        on_absent: Some(|_, _| {}),
        local_credential: None,
        on_unknown_owner: None,
        read_only: false,
        pipelined: false,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    Right,
    Wrong,
    Local,
    /// Of an earlier run.
    OldLocal,
}

async fn connect(
    target: &Target,
    shown: Shown,
    password: &str,
    local: &str,
) -> Option<PasswordFault> {
    let (target, local) = match shown {
        Shown::Nothing => (target.clone(), None),
        Shown::Right => (with_password(target, password), None),
        Shown::Wrong => (with_password(target, &format!("{password}x")), None),
        Shown::Local => (target.clone(), Some(local)),
        Shown::OldLocal => (target.clone(), Some("A")),
    };
    let settings = client::Settings {
        local_credential: local.map(Secret::from),
        ..settings()
    };
    match within(client::connect(&target, &settings)).await {
        Ok(daemon) => {
            assert_eq!(daemon.server().version.as_deref(), Some("0.5.0"));
            None
        }
        Err(ConnectError::Password(fault)) => Some(fault),
        Err(error) => panic!("{target}: {error:?}"),
    }
}

const SHOWN: [Shown; 5] = [
    Shown::Nothing,
    Shown::Right,
    Shown::Wrong,
    Shown::Local,
    Shown::OldLocal,
];

#[tokio::test(flavor = "multi_thread")]
async fn who_is_let_in_on_which_route() {
    for unix in [false, true] {
        for requires in [false, true] {
            for set in [Some(TOKEN), Some(NO_TOKEN), None] {
                let home = tempfile::tempdir().unwrap();
                let world = World::new(home.path(), set, requires, unix).await;
                for (target, is_relay) in [(&world.direct, false), (&world.relayed, true)] {
                    for shown in SHOWN {
                        let expected = match shown {
                            _ if set.is_none() => None,
                            Shown::Right | Shown::Local => None,
                            Shown::Nothing if is_relay && !requires => None,
                            // The user gave no password: that is what is missing.
                            Shown::Nothing | Shown::OldLocal => Some(PasswordFault::Required),
                            Shown::Wrong => Some(PasswordFault::Incorrect),
                        };
                        let password = set.unwrap_or("any");
                        let local = &world.local_credential;
                        let found = connect(target, shown, password, local).await;
                        assert_eq!(found, expected, "{target} {set:?} {requires} {shown:?}");
                    }
                }
                world.daemon.stop().await;
            }
        }
    }
}

/// Sends a hello through the relay; returns the first frame, or the close code.
async fn greet(target: &Target, hello: &Value) -> Result<Value, Option<u16>> {
    let mut channel = within(client::connect_channel(target, &settings()))
        .await
        .unwrap();
    let hello = Frame::Text(hello.to_string());
    channel.sender.send(hello).await.unwrap();
    let mut first = None;
    loop {
        match within(channel.receiver.recv()).await {
            Ok(Frame::Text(text)) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                if frame["type"] == "session" {
                    return Ok(frame);
                }
                first = Some(frame);
            }
            Err(TransportError::Closed(closed)) => return first.ok_or(closed.code),
            other => panic!("{other:?}"),
        }
    }
}

/// The close frame ends at the relay, so the reason must come in a message, and only to clients that know it.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reaches_a_client_behind_a_relay() {
    let home = tempfile::tempdir().unwrap();
    let world = World::new(home.path(), Some(NO_TOKEN), true, false).await;
    let hello = |version: i64, auth: Value, capabilities: Value| {
        json!({
            "type": "hello", "clientId": "c", "clientType": "cli", "protocolVersion": version,
            "auth": auth, "capabilities": capabilities,
        })
    };
    let wrong = json!({ "kind": "password", "password": "x" });
    let right = json!({ "kind": "password", "password": NO_TOKEN });
    let knows = json!({ "hello_rejection": true });
    let rejected = |reason: &str| {
        Ok(json!({ "type": "hello.rejected", "reason": reason, "accepts": ["password"] }))
    };
    for (version, auth, capabilities, expected) in [
        (1, json!(null), json!({}), Err(Some(1012))),
        (
            1,
            json!(null),
            json!({ "hello_rejection": 1 }),
            Err(Some(1012)),
        ),
        (1, json!(null), knows.clone(), rejected("password_required")),
        (1, wrong, json!({}), rejected("incorrect_password")),
        (
            0,
            json!(null),
            knows.clone(),
            rejected("incompatible_protocol"),
        ),
        (
            0,
            right.clone(),
            json!({}),
            rejected("incompatible_protocol"),
        ),
        (0, json!(null), json!({}), Err(Some(1012))),
        (1, json!({ "kind": "magic" }), knows, Err(Some(1012))),
    ] {
        let hello = hello(version, auth, capabilities);
        assert_eq!(greet(&world.relayed, &hello).await, expected, "{hello}");
    }
    let info = greet(&world.relayed, &hello(2, right, json!({})))
        .await
        .unwrap();
    assert_eq!(info["message"]["payload"]["protocolVersion"], 1);
    world.daemon.stop().await;
}

/// What one client shows lets no other one in.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_was_let_in_keeps_its_session() {
    let home = tempfile::tempdir().unwrap();
    let world = World::new(home.path(), Some(TOKEN), true, false).await;
    let target = with_password(&world.relayed, TOKEN);
    let daemon = within(client::connect(&target, &settings())).await.unwrap();
    let refused = client::connect(&world.relayed, &settings()).await;
    assert!(matches!(
        refused,
        Err(ConnectError::Password(PasswordFault::Required))
    ));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let ping = paseo::protocol::session::Ping::default();
    within(daemon.call(&ping)).await.unwrap();
    world.daemon.stop().await;
}
