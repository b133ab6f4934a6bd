//! A relay to test, and peers that talk to it.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use paseo::env::Env;
use paseo::relay::{Config, Reload, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// No step of a test takes longer, not even one that waits for the relay's reset of a control socket.
const DEADLINE: Duration = Duration::from_secs(40);

/// Waits, but not for ever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| panic!("waited too long for {what}"))
}

/// A relay: ours on a free port, or somebody else's.
pub(crate) struct Relay {
    pub(crate) authority: String,
    /// Where its other nodes listen; connections go to all of them in turn.
    others: Vec<String>,
    turn: AtomicUsize,
    own: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    #[cfg(target_os = "linux")]
    child: Option<tokio::process::Child>,
}

impl Relay {
    /// Starts ours with its default settings, unless the environment names another one.
    pub(crate) async fn start() -> Self {
        match Env::from_process().text("PASEO_TEST_RELAY") {
            Some(authorities) => Self::at(authorities),
            None => Self::with(Config::default()),
        }
    }

    /// Takes one that runs: `host:port`, or several with commas between them.
    pub(crate) fn at(authorities: &str) -> Self {
        let mut authorities = authorities.split(',').map(str::to_owned);
        Self {
            authority: authorities.next().unwrap(),
            others: authorities.collect(),
            turn: AtomicUsize::new(0),
            own: None,
            #[cfg(target_os = "linux")]
            child: None,
        }
    }

    /// Starts ours with these settings.
    pub(crate) fn with(config: Config) -> Self {
        Self::with_reload(config).0
    }

    fn run(server: Server) -> Self {
        let (stop, stopped) = oneshot::channel();
        let authority = server.local_addr().to_string();
        let task = tokio::spawn(server.run(async {
            // The test ends without a word.
            let _ = stopped.await;
        }));
        Self {
            own: Some((stop, task)),
            ..Self::at(&authority)
        }
    }

    /// Starts ours, and returns what has it read its files again.
    pub(crate) fn with_reload(config: Config) -> (Self, Reload) {
        let listen = ([127, 0, 0, 1], 0).into();
        let server = Server::bind(Config { listen, ..config }).unwrap();
        let reload = server.reload();
        (Self::run(server), reload)
    }

    /// Starts ours as a process of its own, which ends with this value.
    #[cfg(target_os = "linux")]
    pub(crate) async fn process() -> Self {
        use tokio::io::{AsyncBufReadExt, BufReader};
        let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_paseo"))
            .args(["relay", "serve", "--listen", "127.0.0.1:0"])
            .env_clear()
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let authority = loop {
            let line = within("the address", lines.next_line())
                .await
                .unwrap()
                .unwrap();
            if let Some((_, authority)) = line.split_once("ws://") {
                break authority.trim().to_owned();
            }
        };
        Self {
            child: Some(child),
            ..Self::at(&authority)
        }
    }

    /// Returns the memory that its process has in use.
    #[cfg(target_os = "linux")]
    pub(crate) fn resident_bytes(&self) -> usize {
        let id = self
            .child
            .as_ref()
            .and_then(tokio::process::Child::id)
            .unwrap();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib * 1024
    }

    /// Returns the resident memory once it is no more than this, or as it is after five seconds. The relay counts a
    /// socket out before all of it is freed, and frees the last ones a second later.
    #[cfg(target_os = "linux")]
    pub(crate) async fn settled_bytes(&self, wanted: usize) -> usize {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        loop {
            let resident = self.resident_bytes();
            if resident <= wanted || tokio::time::Instant::now() >= deadline {
                return resident;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Lets time jump where everybody waits; only our relay shares this clock.
    pub(crate) fn fast_clock(&self) {
        if self.own.is_some() {
            tokio::time::pause();
        }
    }

    /// Stops the relay; returns when it has ended.
    pub(crate) async fn stop(&mut self) {
        let (stop, task) = self.own.take().expect("it is ours and runs");
        let _ = stop.send(());
        within("the relay's end", task).await.unwrap();
    }

    /// Returns the task of a relay that was told to stop.
    pub(crate) fn stopping(&mut self) -> JoinHandle<()> {
        let (stop, task) = self.own.take().expect("it is ours and runs");
        let _ = stop.send(());
        task
    }

    pub(crate) async fn tcp(&self) -> TcpStream {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % (self.others.len() + 1);
        let node = turn
            .checked_sub(1)
            .map_or(&self.authority, |n| &self.others[n]);
        within("a connection", TcpStream::connect(node))
            .await
            .unwrap()
    }

    /// Opens a socket with this query.
    pub(crate) async fn open(&self, query: &str) -> Peer {
        self.open_with(query, &[]).await.unwrap().0
    }

    /// Opens a socket with this query and these headers.
    pub(crate) async fn open_with(
        &self,
        query: &str,
        headers: &[(&'static str, &'static str)],
    ) -> Result<(Peer, Response), Error> {
        let url = format!("ws://{}/ws?{query}", self.authority);
        let mut request = url.into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let config = WebSocketConfig::default()
            .max_message_size(None)
            .max_frame_size(None);
        let upgrade = client_async_with_config(request, self.tcp().await, Some(config));
        let (socket, response) = within("the upgrade", upgrade).await?;
        Ok((Peer(socket), response))
    }

    pub(crate) async fn control(&self, server: &str) -> Peer {
        self.open(&format!("serverId={server}&role=server&v=2"))
            .await
    }

    pub(crate) async fn data(&self, server: &str, id: &str) -> Peer {
        self.open(&format!(
            "serverId={server}&role=server&v=2&connectionId={id}"
        ))
        .await
    }

    /// Opens a client with a connection id of its own choice.
    pub(crate) async fn client(&self, server: &str, id: &str) -> Peer {
        self.open(&format!(
            "serverId={server}&role=client&v=2&connectionId={id}"
        ))
        .await
    }

    /// Opens a client that brings no connection id.
    pub(crate) async fn open_client(&self, server: &str) -> Peer {
        self.open(&format!("serverId={server}&role=client&v=2"))
            .await
    }

    /// Sends a request that is no upgrade; returns status line and body.
    pub(crate) async fn http(&self, request_line: &str) -> (String, String) {
        let head = format!("{request_line} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\n\r\n");
        self.raw(head.as_bytes()).await
    }

    /// Returns a metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let text = self.http("GET /metrics").await.1;
        let mut values = text
            .lines()
            .filter_map(|line| line.strip_prefix("paseo_relay_"));
        let value = values.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap().parse().unwrap()
    }

    /// Sends bytes and reads until the relay ends the connection; returns first line and body.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> (String, String) {
        let mut stream = self.tcp().await;
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        within("an answer", stream.read_to_end(&mut answer))
            .await
            .unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        (
            head.lines().next().unwrap_or_default().to_owned(),
            body.to_owned(),
        )
    }
}

/// A socket at the relay.
pub(crate) struct Peer(pub(crate) WebSocketStream<TcpStream>);

impl Peer {
    pub(crate) async fn send(&mut self, text: &str) {
        self.send_message(Message::text(text)).await;
    }

    pub(crate) async fn send_binary(&mut self, bytes: impl Into<Bytes>) {
        self.send_message(Message::Binary(bytes.into())).await;
    }

    pub(crate) async fn send_message(&mut self, message: Message) {
        within("sending", self.0.send(message)).await.unwrap();
    }

    /// Sends the same frame until the relay ends the connection.
    pub(crate) async fn flood(&mut self, body: &[u8]) -> Result<(), Error> {
        let endless = async {
            loop {
                self.0.send(Message::binary(body.to_vec())).await?;
            }
        };
        within("the end of a flood", endless).await
    }

    /// Returns the next message that is no ping.
    pub(crate) async fn message(&mut self) -> Result<Message, Error> {
        loop {
            match within("a message", self.0.next()).await {
                Some(Ok(Message::Ping(_))) => {}
                Some(result) => return result,
                None => return Err(Error::ConnectionClosed),
            }
        }
    }

    /// Returns the next message, pings included.
    pub(crate) async fn any(&mut self) -> Message {
        within("a message", self.0.next()).await.unwrap().unwrap()
    }

    /// Like [`Peer::settle`], and not even a ping may arrive meanwhile.
    pub(crate) async fn settle_strictly(&mut self) {
        self.send_message(Message::Ping(Bytes::from_static(b"settle")))
            .await;
        assert_eq!(
            self.any().await,
            Message::Pong(Bytes::from_static(b"settle"))
        );
    }

    /// Returns the next text.
    pub(crate) async fn text(&mut self) -> String {
        match self.message().await {
            Ok(Message::Text(text)) => text.as_str().to_owned(),
            other => panic!("not a text: {other:?}"),
        }
    }

    /// Returns code and reason of the close frame, which must be next; then the relay has to end the
    /// connection by itself.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        let frame = match self.message().await {
            Ok(Message::Close(Some(frame))) => frame,
            other => panic!("not a close with a code: {other:?}"),
        };
        match self.message().await {
            Err(Error::ConnectionClosed) => {}
            other => panic!("the close handshake was not completed: {other:?}"),
        }
        (frame.code.into(), frame.reason.as_str().to_owned())
    }

    /// Closes with 1000 and waits for the relay's answer and its end of the connection.
    pub(crate) async fn close(&mut self) {
        let close = tokio_tungstenite::tungstenite::protocol::CloseFrame {
            code: 1000.into(),
            reason: "bye".into(),
        };
        self.send_message(Message::Close(Some(close))).await;
        assert_eq!(self.closed().await, (1000, "bye".to_owned()));
    }

    /// Ends the connection without a word, by a reset.
    pub(crate) fn kill(self) {
        let stream = self.0.into_inner();
        // The standard library has no stable way to ask for a reset; tokio's does the same.
        #[expect(deprecated, reason = "a reset closes at once, so nothing can block")]
        stream.set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Waits until everything that was sent before has gone through the relay, which answers pings in
    /// order. Nothing else may arrive meanwhile.
    pub(crate) async fn settle(&mut self) {
        self.send_message(Message::Ping(Bytes::from_static(b"settle")))
            .await;
        match self.message().await {
            Ok(Message::Pong(_)) => {}
            other => panic!("not the pong: {other:?}"),
        }
    }
}

/// Returns a server id that no other test uses.
pub(crate) fn fresh() -> String {
    format!("srv_test{}", uuid::Uuid::new_v4().simple())
}
