//! A forward between clients and daemons of all ages: each side is shown its own password, and never that of the other.

use std::sync::Arc;

use paseo::client::{self, ConnectError, PasswordFault};
use paseo::forward::{Forward, ForwardError};
use paseo::listen::{Access, Listen, Listener, Password};
use paseo::target::Target;
use paseo::transport::{Closed, Frame, TransportError};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::peer::{Peer, accept, greet, key, receive, send, settings};

const OWN: &str = "\u{f6}wn @/";
const REMOTE: &str = "r\u{eb}mote @/";

struct Forwarded {
    service: Arc<Forward>,
    address: std::net::SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Forwarded {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Forwarded {
    async fn start(target: Target, password: Option<&str>) -> Self {
        let listen = Listen::Tcp(([127, 0, 0, 1], 0).into());
        let listener = Listener::open(&listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = Arc::new(Forward::new(target, settings()));
        let access = watch::Sender::new(Access {
            password: password.map(|password| Password::Plain(password.into())),
            ..Access::default()
        });
        let running = Arc::clone(&service);
        let task = tokio::spawn(async move {
            let listener = listener.open_where_users_are_not_told();
            listener.run(running, access.subscribe()).await;
        });
        Self {
            service,
            address,
            task,
        }
    }

    async fn connect(&self, password: Option<&str>) -> Result<(), ConnectError> {
        let target = Target::Tcp {
            endpoint: self.address.to_string().parse().unwrap(),
            tls: false,
            password: password.map(Into::into),
        };
        client::connect(&target, &settings()).await.map(drop)
    }
}

/// A daemon that tells what it was shown.
async fn daemon() -> (Peer, tokio::sync::mpsc::UnboundedReceiver<Value>) {
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    let peer = Peer::new(move |transport, _| {
        let tell = tell.clone();
        async move {
            let mut session = accept(transport, key()).await;
            let hello = greet(&mut session).await;
            let _ = tell.send(hello);
            let _ = session.receiver.recv().await;
        }
    })
    .await;
    (peer, told)
}

#[tokio::test]
async fn each_side_is_shown_its_own_password() {
    let shown = json!({ "kind": "password", "password": REMOTE });
    for (remote, expected) in [(Some(REMOTE), shown), (None, Value::Null)] {
        for own in [Some(OWN), Some("own-token"), None] {
            let (peer, mut told) = daemon().await;
            let forward = Forwarded::start(peer.relay_with(&key(), remote), own).await;
            forward.connect(own.or(Some("any"))).await.unwrap();
            let hello = told.recv().await.unwrap();
            assert_eq!(hello["auth"], expected, "{own:?}");
            assert!(!hello.to_string().contains("wn"), "{hello}");
            assert_eq!(hello["clientId"], settings().client_id);
            for (wrong, fault) in [
                (Some("wrong"), PasswordFault::Incorrect),
                (Some("wr\u{f6}ng"), PasswordFault::Incorrect),
                (None, PasswordFault::Required),
            ] {
                let error = forward.connect(wrong).await.err();
                let found = match (own, &error) {
                    (None, None) => continue,
                    (Some(_), Some(ConnectError::Password(found))) => *found,
                    _ => panic!("{own:?} {wrong:?} {error:?}"),
                };
                assert_eq!(found, fault, "{own:?} {wrong:?}");
            }
        }
    }
}

/// The password that is wrong is the remote's: its client is told so, and is not asked for its own.
#[tokio::test]
async fn a_refused_password_of_the_remote_is_not_the_clients() {
    let peer = Peer::new(|transport, _| async move {
        let mut session = accept(transport, key()).await;
        receive(&mut session).await;
        let rejected = json!({ "type": "hello.rejected", "reason": "incorrect_password" });
        send(&mut session, &rejected).await;
        let closed = Closed::new(1012, "Server disconnected");
        session.sender.close(closed).await;
    })
    .await;
    let forward = Forwarded::start(peer.relay_with(&key(), Some(REMOTE)), None).await;
    let error = forward.connect(None).await.unwrap_err();
    let ConnectError::Ended(source) = &error else {
        panic!("{error:?}");
    };
    assert!(
        source.to_string().contains("password of this remote"),
        "{source}"
    );
    let failure = forward.service.take_failure();
    assert!(
        matches!(
            failure,
            Some(ForwardError::Connect(ConnectError::Password(
                PasswordFault::Incorrect
            )))
        ),
        "{failure:?}"
    );
}

#[tokio::test]
async fn nothing_goes_on_before_a_hello() {
    let (peer, mut told) = daemon().await;
    let forward = Forwarded::start(peer.relay(&key()), None).await;
    for early in [
        r#"{"type":"ping"}"#,
        r#"{"type":"session","message":{"type":"ping","requestId":"1"}}"#,
        r#"{"type":"hello","auth":{"kind":"magic"}}"#,
        "{",
    ] {
        let target = Target::Tcp {
            endpoint: forward.address.to_string().parse().unwrap(),
            tls: false,
            password: None,
        };
        let channel = client::connect_channel(&target, &settings()).await;
        let mut channel = channel.unwrap();
        channel
            .sender
            .send(Frame::Text(early.to_owned()))
            .await
            .unwrap();
        match channel.receiver.recv().await {
            Err(TransportError::Closed(closed)) => assert_eq!(closed.code, Some(4002), "{early}"),
            other => panic!("{early}: {other:?}"),
        }
    }
    told.try_recv().unwrap_err();
}
