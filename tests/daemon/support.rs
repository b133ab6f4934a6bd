//! A daemon on port 0 in a home of its own, and a small client.

use std::path::Path;
use std::time::Duration;

use paseo::daemon::{Config, Daemon};
use paseo::listen::{Listen, Names, Password};
use paseo::pairing::Home;
use paseo::secret::Secret;
use paseo::transport::{
    Address, Dial, Frame, Greeting, Network, Stopwatch, Transport, TransportError, dial,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A test that takes longer is stuck.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// What a daemon runs in these tests.
pub(crate) const AGENTS: &[&str] = &[
    "mock=mock:",
    "cat=cat",
    "argv=printf %s {prompt}",
    "lines=sh -c 'for i in 1 2 3; do echo line $i; done'",
    "broken=sh -c 'echo why >&2; exit 3'",
    "missing=/nonexistent/program",
    "sleeper=sleep 1000",
];

/// A daemon that runs until it is stopped or dropped.
pub(crate) struct TestDaemon {
    pub(crate) addr: std::net::SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

pub(crate) fn config(home: &Path) -> Config {
    Config {
        home: Home::new(home),
        server_id: None,
        listen: Some(Listen::Tcp(([127, 0, 0, 1], 0).into())),
        relay: None,
        app_url: "https://app.paseo.sh".to_owned(),
        password: None,
        names: Names::default(),
        ca_file: None,
        agents: AGENTS.iter().map(|agent| agent.parse().unwrap()).collect(),
        guard: Vec::new(),
        user_home: None,
        shell: "/bin/sh".into(),
        reread: None,
    }
}

impl TestDaemon {
    /// Asks over HTTP with these header lines; returns the whole answer.
    pub(crate) async fn get(&self, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        within(stream.read_to_string(&mut answer)).await.unwrap();
        answer
    }

    pub(crate) async fn start(home: &Path) -> Self {
        Self::with(config(home)).await
    }

    pub(crate) async fn with_password(home: &Path, password: Password) -> Self {
        Self::with(Config {
            password: Some(password),
            ..config(home)
        })
        .await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let daemon = Daemon::start(config).await.unwrap();
        let addr = daemon
            .local_addr()
            .unwrap_or_else(|| ([127, 0, 0, 1], 1).into());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(daemon.run(async {
            let _ = stopped.await;
        }));
        Self {
            addr,
            stop: Some(stop),
            task: Some(task),
        }
    }

    /// Ends it as SIGTERM does.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        within(self.task.take().unwrap()).await.unwrap();
    }

    /// Waits for it to end by itself.
    pub(crate) async fn ended(mut self) {
        within(self.task.take().unwrap()).await.unwrap();
    }

    pub(crate) async fn client(&self) -> Client {
        Client::hello(self.addr, "cid_test", json!({})).await
    }
}

pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("stuck")
}

/// One connection.
pub(crate) struct Client {
    transport: Transport,
    pub(crate) info: Value,
    /// Messages that nobody asked for yet, in their order.
    pub(crate) events: Vec<Value>,
    last_id: u64,
}

pub(crate) async fn open(addr: std::net::SocketAddr, bearer: Option<&str>) -> Transport {
    let what = Dial {
        address: Address::Tcp {
            endpoint: addr.to_string().parse().unwrap(),
            tls: false,
        },
        path: "/ws".into(),
        greeting: Greeting::Daemon {
            password: bearer.map(Secret::from),
        },
        timeout: DEADLINE,
        network: Network::default(),
        watch: Stopwatch::default(),
        on_unknown_owner: None,
        session_shows_secret: false,
    };
    dial(&what).await.unwrap().transport
}

pub(crate) fn hello(client_id: &str, capabilities: Value) -> Frame {
    Frame::Text(
        json!({
            "type": "hello",
            "clientId": client_id,
            "clientType": "cli",
            "protocolVersion": 1,
            "capabilities": capabilities,
            "appVersion": "0.5.0",
        })
        .to_string(),
    )
}

impl Client {
    pub(crate) async fn hello(addr: std::net::SocketAddr, id: &str, capabilities: Value) -> Self {
        Self::over(open(addr, None).await, id, capabilities).await
    }

    pub(crate) async fn over(mut transport: Transport, id: &str, capabilities: Value) -> Self {
        transport
            .sender
            .send(hello(id, capabilities))
            .await
            .unwrap();
        let mut client = Self {
            transport,
            info: Value::Null,
            events: Vec::new(),
            last_id: 0,
        };
        let info = client.next().await;
        assert_eq!(info["type"], "status");
        assert_eq!(info["payload"]["status"], "server_info");
        client.info = info["payload"].clone();
        client
    }

    pub(crate) async fn send(&mut self, message: Value) {
        let frame = json!({ "type": "session", "message": message }).to_string();
        self.transport
            .sender
            .send(Frame::Text(frame))
            .await
            .unwrap();
    }

    pub(crate) async fn send_frame(&mut self, frame: Frame) {
        self.transport.sender.send(frame).await.unwrap();
    }

    pub(crate) async fn recv(&mut self) -> Result<Frame, TransportError> {
        within(self.transport.receiver.recv()).await
    }

    /// The next session message, or app pong.
    pub(crate) async fn next(&mut self) -> Value {
        let Frame::Text(text) = self.recv().await.unwrap() else {
            panic!("not text");
        };
        let mut value: Value = serde_json::from_str(&text).unwrap();
        match value["message"].take() {
            Value::Null => value,
            message => message,
        }
    }

    /// Asks and returns the whole reply message; what comes before it is kept in `events`.
    pub(crate) async fn ask(&mut self, kind: &str, mut fields: Value) -> Value {
        self.last_id += 1;
        let id = format!("r{}", self.last_id);
        fields["type"] = kind.into();
        if fields["requestId"].is_null() {
            fields["requestId"] = id.clone().into();
        }
        let id = fields["requestId"].clone();
        self.send(fields).await;
        loop {
            let message = self.next().await;
            let event = message["type"] == "agent_permission_request";
            if message["payload"]["requestId"] == id && !event {
                return message;
            }
            self.events.push(message);
        }
    }

    /// Asks and returns the payload of the reply, which must not be an `rpc_error`.
    pub(crate) async fn call(&mut self, kind: &str, fields: Value) -> Value {
        let reply = self.ask(kind, fields).await;
        assert_ne!(reply["type"], "rpc_error", "{reply}");
        reply["payload"].clone()
    }

    /// Waits for a message that fits; those before it are kept.
    pub(crate) async fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.events.iter().position(&fits) {
            return self.events.remove(at);
        }
        loop {
            let message = self.next().await;
            if fits(&message) {
                return message;
            }
            self.events.push(message);
        }
    }

    /// Waits for an `agent_stream` event of this type.
    pub(crate) async fn event(&mut self, kind: &str) -> Value {
        self.until(|message| message["payload"]["event"]["type"] == kind)
            .await
    }

    /// Makes an agent; with a prompt its turn has started.
    pub(crate) async fn agent(
        &mut self,
        provider: &str,
        cwd: &Path,
        prompt: Option<&str>,
    ) -> String {
        let mut request = json!({
            "config": { "provider": provider, "cwd": cwd },
            "labels": {},
        });
        if let Some(prompt) = prompt {
            request["initialPrompt"] = prompt.into();
        }
        let made = self.call("create_agent_request", request).await;
        assert_eq!(made["status"], "agent_created", "{made}");
        made["agentId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn wait(&mut self, id: &str) -> Value {
        self.call("wait_for_finish_request", json!({ "agentId": id }))
            .await
    }

    pub(crate) async fn timeline(&mut self, id: &str, mut fields: Value) -> Value {
        fields["agentId"] = id.into();
        self.call("fetch_agent_timeline_request", fields).await
    }
}
