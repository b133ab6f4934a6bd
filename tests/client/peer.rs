//! A peer that does what a test tells it: the daemon itself, or relay and daemon in one.

use std::sync::Arc;
use std::time::Duration;

use paseo::client::Settings;
use paseo::e2ee::{self, Responder, SecretKey};
use paseo::protocol::relay::Endpoint;
use paseo::secret::Secret;
use paseo::target::Target;
use paseo::transport::{Frame, Network, Stopwatch, Transport, websocket};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;

/// What a client sent with its upgrade request.
#[derive(Debug, Clone)]
pub(crate) struct Upgrade {
    pub(crate) path: String,
    pub(crate) subprotocol: Option<String>,
    pub(crate) authorization: Option<String>,
    /// The whole head, as it is shown to whoever writes logs.
    pub(crate) head: String,
    pub(crate) asks_presence: bool,
}

/// A listening peer. It stops when dropped.
pub(crate) struct Peer {
    pub(crate) endpoint: Endpoint,
    pub(crate) upgrades: mpsc::UnboundedReceiver<Upgrade>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upgrade {
    /// The password in the head, where a daemon from 0.10 on looks first for it.
    pub(crate) fn shown(&self) -> Option<String> {
        let header = self.authorization.as_deref();
        let header = header.and_then(|it| it.strip_prefix("Bearer "));
        let subprotocol = self.subprotocol.as_deref();
        let subprotocol = subprotocol.and_then(|it| it.strip_prefix("paseo.bearer."));
        header.or(subprotocol).map(str::to_owned)
    }
}

impl Peer {
    /// Accepts WebSockets and runs `script` on each, with what came before.
    pub(crate) async fn telling<F>(
        script: impl Fn(Transport, Upgrade) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::open(&[], move |transport, upgrade, _| script(transport, upgrade)).await
    }

    /// Accepts WebSockets and runs `script` on each; `headers` are added to the upgrade response.
    pub(crate) async fn with_headers<F>(
        headers: &'static [(&'static str, &'static str)],
        script: impl Fn(Transport, usize) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::open(headers, move |transport, _, count| script(transport, count)).await
    }

    async fn open<F>(
        headers: &'static [(&'static str, &'static str)],
        script: impl Fn(Transport, Upgrade, usize) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::new("127.0.0.1", listener.local_addr().unwrap().port()).unwrap();
        let (upgraded, upgrades) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            for count in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let mut seen = None;
                #[expect(clippy::result_large_err, reason = "the type is the library's")]
                let callback = |request: &Request, mut response: Response| {
                    let header = |name: &str| {
                        request
                            .headers()
                            .get(name)
                            .map(|value| value.to_str().unwrap().to_owned())
                    };
                    let upgrade = Upgrade {
                        path: request.uri().to_string(),
                        subprotocol: header("sec-websocket-protocol"),
                        authorization: header("authorization"),
                        head: format!("{} {:?}", request.uri(), request.headers()),
                        asks_presence: header("paseo-relay-presence").as_deref() == Some("ask"),
                    };
                    if let Some(protocol) = &upgrade.subprotocol {
                        response
                            .headers_mut()
                            .insert(SEC_WEBSOCKET_PROTOCOL, protocol.parse().unwrap());
                    }
                    for (name, value) in headers {
                        response.headers_mut().insert(*name, value.parse().unwrap());
                    }
                    let _ = upgraded.send(upgrade.clone());
                    seen = Some(upgrade);
                    Ok(response)
                };
                let socket = tokio_tungstenite::accept_hdr_async(stream, callback).await;
                if let (Ok(socket), Some(upgrade)) = (socket, seen) {
                    tokio::spawn(script(websocket::from_stream(socket), upgrade, count));
                }
            }
        });
        Self {
            endpoint,
            upgrades,
            task,
        }
    }

    /// Accepts WebSockets and runs `script` on each, with the number of the connection.
    pub(crate) async fn new<F>(
        script: impl Fn(Transport, usize) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::with_headers(&[], script).await
    }

    /// The peer as a direct target.
    pub(crate) fn direct(&self, password: Option<&str>) -> Target {
        Target::Tcp {
            endpoint: self.endpoint.clone(),
            tls: false,
            password: password.map(Secret::from),
        }
    }

    /// The peer as a relay, with a daemon behind it that has this key.
    pub(crate) fn relay(&self, key: &SecretKey) -> Target {
        self.relay_with(key, None)
    }

    /// The same, with the daemon's password.
    pub(crate) fn relay_with(&self, key: &SecretKey, password: Option<&str>) -> Target {
        Target::Relay {
            relay: self.endpoint.clone(),
            tls: false,
            server_id: Secret::from("srv_planted1"),
            daemon_key: key.public_key(),
            token: None,
            password: password.map(Secret::from),
        }
    }
}

/// A key that every test can make again.
pub(crate) fn key() -> SecretKey {
    SecretKey::from_bytes(&[0x17; 32])
}

/// Short limits: nothing here takes long unless it is stuck.
pub(crate) fn settings() -> Settings {
    Settings {
        client_id: "cid_0123456789abcdef0123456789abcdef".to_owned(),
        connect_timeout: Duration::from_secs(5),
        handshake_timeout: Duration::from_secs(3),
        network: Network::default(),
        watch: Stopwatch::default(),
        server_id: None,
        on_absent: None,
        local_credential: None,
        on_unknown_owner: None,
        read_only: false,
        pipelined: false,
    }
}

/// Keeps the connection and says nothing.
pub(crate) async fn hold(transport: Transport, _count: usize) {
    std::future::pending::<()>().await;
    drop(transport);
}

/// Opens the daemon's side of the channel.
pub(crate) async fn accept(transport: Transport, key: SecretKey) -> Transport {
    let responder = Arc::new(Responder::new(key));
    let deadline = Instant::now() + Duration::from_secs(5);
    e2ee::accept(transport, &responder, deadline)
        .await
        .unwrap()
        .transport
}

pub(crate) async fn send(transport: &mut Transport, json: &Value) {
    transport
        .sender
        .send(Frame::Text(json.to_string()))
        .await
        .unwrap();
}

pub(crate) async fn receive(transport: &mut Transport) -> Value {
    match transport.receiver.recv().await.unwrap() {
        Frame::Text(text) => serde_json::from_str(&text).unwrap(),
        Frame::Binary(bytes) => panic!("{} bytes instead of text", bytes.len()),
    }
}

/// A session message.
pub(crate) fn session(kind: &str, payload: Value) -> Value {
    json!({ "type": "session", "message": { "type": kind, "payload": payload } })
}

/// `server_info` as a daemon of a version sends it.
pub(crate) fn server_info(version: &str) -> Value {
    session(
        "status",
        json!({ "status": "server_info", "serverId": "srv_planted1", "hostname": "box", "version": version, "features": {} }),
    )
}

/// Takes the hello, answers it, and returns it.
pub(crate) async fn greet(transport: &mut Transport) -> Value {
    let hello = receive(transport).await;
    send(transport, &server_info("0.5.0")).await;
    hello
}

/// Answers the next request with a payload and returns the request.
pub(crate) async fn answer(transport: &mut Transport, kind: &str, mut payload: Value) -> Value {
    let request = receive(transport).await["message"].take();
    payload["requestId"] = request["requestId"].clone();
    send(transport, &session(kind, payload)).await;
    request
}
