//! Connections that were recorded at the relay and are played back to the daemon: at once, under another name of the
//! client's key, after a restart. And a daemon that more clients come to than it serves.

use std::net::TcpStream;
use std::time::Duration;

use dryoc::classic::crypto_box::{crypto_box_beforenm, crypto_box_keypair};
use dryoc::classic::crypto_secretbox::{crypto_secretbox_easy, crypto_secretbox_open_easy};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

use crate::channel::{recorder, through};
use crate::honest::Honest;
use crate::process::{paseo, run};

/// How long the other side may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
const NONCE: usize = 24;

/// Opens a WebSocket.
fn dial(address: &str, path: &str) -> WebSocket<TcpStream> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    client(format!("ws://{address}{path}"), stream).unwrap().0
}

/// The client's seat at the relay.
fn seat(honest: &Honest) -> WebSocket<TcpStream> {
    dial(
        &honest.relay_address,
        "/ws?serverId=srv_planted1&role=client&v=2",
    )
}

/// The daemon's public key, out of its offer.
fn daemon_key(honest: &Honest) -> [u8; 32] {
    let file = through(honest, &honest.relay_address);
    let offer = std::fs::read_to_string(honest.home().join(file)).unwrap();
    let offer: Value = serde_json::from_str(&offer).unwrap();
    let key = offer["daemonPublicKeyB64"].as_str().unwrap();
    let key = base64_simd::STANDARD.decode_to_vec(key).unwrap();
    key.try_into().unwrap()
}

/// An official client as far as the wire goes: random nonces, no capabilities.
struct Deployed {
    socket: WebSocket<TcpStream>,
    key: [u8; 32],
    /// What it has sent.
    sent: Vec<Message>,
}

impl Deployed {
    fn connect(honest: &Honest) -> Self {
        let mut socket = seat(honest);
        let (public, secret) = crypto_box_keypair();
        let key = crypto_box_beforenm(&daemon_key(honest), &secret).unwrap();
        let hello = Message::text(crate::frames::hello(&public));
        socket.send(hello.clone()).unwrap();
        let ready = socket.read().unwrap();
        assert!(ready.to_text().unwrap().contains("e2ee_ready"), "{ready}");
        let mut deployed = Self {
            socket,
            key,
            sent: vec![hello],
        };
        deployed.send(&json!({
            "type": "hello", "clientId": "cid_deployed", "clientType": "cli", "protocolVersion": 1,
            "appVersion": "0.5.0",
        }));
        deployed.until(|message| message["payload"]["status"] == "server_info");
        deployed
    }

    fn send(&mut self, message: &Value) {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).unwrap();
        let text = message.to_string();
        let mut bundle = vec![0; text.len() + 16];
        crypto_secretbox_easy(&mut bundle, text.as_bytes(), &nonce, &self.key).unwrap();
        bundle.splice(..0, nonce);
        let frame = Message::text(base64_simd::STANDARD.encode_to_string(bundle));
        self.socket.send(frame.clone()).unwrap();
        self.sent.push(frame);
    }

    /// Receives up to the session message that fits.
    fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let frame = self.socket.read().unwrap();
            let Message::Text(text) = &frame else {
                panic!("{frame}");
            };
            let bundle = base64_simd::STANDARD.decode_to_vec(text.as_str()).unwrap();
            let (nonce, sealed) = bundle.split_first_chunk::<NONCE>().unwrap();
            let mut plain = vec![0; sealed.len() - 16];
            crypto_secretbox_open_easy(&mut plain, sealed, nonce, &self.key).unwrap();
            let mut message: Value = serde_json::from_slice(&plain).unwrap();
            let message = message["message"].take();
            if fits(&message) {
                return message;
            }
        }
    }

    /// Asks, and gives the reply.
    fn ask(&mut self, mut request: Value) -> Value {
        request["requestId"] = json!("r1");
        self.send(&json!({ "type": "session", "message": request }));
        self.until(|message| message["payload"]["requestId"] == "r1")
    }

    fn starts_an_agent(&mut self, honest: &Honest) -> Value {
        self.ask(json!({
            "type": "create_agent_request", "labels": {},
            "config": { "provider": "echo", "cwd": honest.home(), "title": "once" },
        }))
    }
}

/// Plays frames to the daemon, and waits until that connection is over.
fn play(honest: &Honest, frames: &[Message]) {
    let mut socket = seat(honest);
    for frame in frames {
        if socket.send(frame.clone()).is_err() {
            break;
        }
    }
    // It ends, because the daemon ends it; or it is served, and goes on.
    socket
        .get_ref()
        .set_read_timeout(Some(Duration::from_secs(3)))
        .unwrap();
    while let Ok(frame) = socket.read() {
        if frame.is_close() {
            break;
        }
    }
}

/// The same frames under the other encoding of the client's key, which X25519 takes for the same.
fn alias(frames: &[Message]) -> Vec<Message> {
    let mut hello: Value = serde_json::from_str(frames[0].to_text().unwrap()).unwrap();
    let key = hello["key"].as_str().unwrap();
    let mut key = base64_simd::STANDARD.decode_to_vec(key).unwrap();
    key[31] ^= 0x80;
    hello["key"] = json!(base64_simd::STANDARD.encode_to_string(key));
    let mut frames = frames.to_vec();
    frames[0] = Message::text(hello.to_string());
    frames
}

/// Starts an agent.
fn run_once(cwd: &str) -> [&str; 6] {
    ["run", "--provider", "echo", "--cwd", cwd, "once"]
}

fn agents(honest: &Honest) -> usize {
    let listed = honest.does(&["-r", "work", "ls", "-a", "-g", "--json"]);
    let listed: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
    listed.len()
}

#[test]
fn a_recording_of_an_official_client_starts_nothing() {
    let mut honest = Honest::start();
    let mut client = Deployed::connect(&honest);
    let reply = client.starts_an_agent(&honest);
    assert_ne!(reply["type"], "rpc_error", "{reply}");
    let frames = std::mem::take(&mut client.sent);
    drop(client);
    assert_eq!(agents(&honest), 1);

    for restart in [false, true] {
        if restart {
            honest.restart_daemon();
        }
        for frames in [&frames, &alias(&frames)] {
            play(&honest, frames);
            assert_eq!(agents(&honest), 1, "restart: {restart}");
        }
    }

    // What keeps it out is what the daemon has written down: without that, the recording is a client.
    honest.stop_daemon();
    std::fs::remove_file(honest.home().join(".paseo/builtin/agreements")).unwrap();
    honest.restart_daemon();
    play(&honest, &frames);
    assert_eq!(agents(&honest), 2);
}

#[test]
fn a_recording_of_our_client_starts_nothing_even_without_memory() {
    let mut honest = Honest::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let (relay, recording) = runtime.block_on(recorder(honest.relay_address.clone()));
    let file = through(&honest, &relay);
    let cwd = honest.home().display().to_string();
    // Twice: the second one knows the daemon, and sends a request with its hello.
    for _ in 0..2 {
        let args = [&["--relay", file.as_str()][..], &run_once(&cwd)].concat();
        let ran = run("run", paseo(honest.home(), &args));
        assert_eq!(ran.status, 0, "{ran:?}");
    }
    let before = agents(&honest);
    assert!(before >= 1);
    honest.stop_daemon();
    // It writes down deployed clients only; this one needs no memory.
    let memory = honest.home().join(".paseo/builtin/agreements");
    assert!(!memory.exists());
    honest.restart_daemon();
    let connections = recording.connections();
    assert!(connections.len() >= 2, "{}", connections.len());
    for frames in connections {
        // The key, the hello, and at least one request: a recording without one would prove nothing.
        assert!(frames.len() >= 3, "{}", frames.len());
        for frames in [&frames, &alias(&frames)] {
            play(&honest, frames);
            assert_eq!(agents(&honest), before);
        }
    }
    honest.is_well("recordings");
}

#[test]
fn an_official_client_only_reads_while_its_connection_cannot_be_written_down() {
    let mut honest = Honest::start();
    // What a full disk does to the file, for every user.
    std::fs::create_dir(honest.home().join(".paseo/builtin/agreements")).unwrap();
    let mut client = Deployed::connect(&honest);
    let reply = client.ask(json!({ "type": "ping" }));
    assert_eq!(reply["type"], "pong", "{reply}");
    let reply = client.starts_an_agent(&honest);
    assert_eq!(
        reply["payload"]["code"], "connection_not_recorded",
        "{reply}"
    );
    assert_eq!(agents(&honest), 0);
    drop(client);
    honest.daemon.until("it says why", |said| {
        said.contains("cannot be written down")
    });
    // Clients of ours do not depend on it.
    let cwd = honest.home().display().to_string();
    honest.does(&[&["-r", "work"][..], &run_once(&cwd)].concat());

    std::fs::remove_dir(honest.home().join(".paseo/builtin/agreements")).unwrap();
    let mut client = Deployed::connect(&honest);
    let reply = client.starts_an_agent(&honest);
    assert_ne!(reply["type"], "rpc_error", "{reply}");
    honest.is_well("a full disk");
}

fn session(honest: &Honest, number: usize) -> WebSocket<TcpStream> {
    let mut socket = dial(&honest.daemon_address, "/ws");
    let hello = json!({
        "type": "hello", "clientId": format!("cid_{number}"), "clientType": "cli", "protocolVersion": 1,
        "appVersion": "0.5.0",
    });
    socket.send(Message::text(hello.to_string())).unwrap();
    let answer = socket.read().unwrap();
    assert!(
        answer.to_text().unwrap().contains("server_info"),
        "{answer}"
    );
    socket
}

/// Sessions outlive their last socket by 90 s. A thousand of those kept everybody out.
#[test]
fn sessions_that_were_left_keep_nobody_out() {
    let mut honest = Honest::start();
    for number in 0..1100 {
        drop(session(&honest, number));
    }
    honest.does(&["-r", "work", "ls"]);
    honest.is_well("1100 sessions");
}

#[test]
fn a_daemon_that_is_full_says_so() {
    let mut honest = Honest::start();
    // Fewer straight ones than a listener takes, so that the daemon itself is asked.
    let straight: Vec<_> = (0..500).map(|number| session(&honest, number)).collect();
    let relayed: Vec<_> = (0..12).map(|_| Deployed::connect(&honest)).collect();
    let address = format!("tcp://{}", honest.daemon_address);
    for way in [["-r", "work"], ["--host", address.as_str()]] {
        let ran = run(
            "full",
            paseo(honest.home(), &[way, ["ls", "--json"]].concat()),
        );
        assert_eq!(ran.status, 7, "{ran:?}");
        assert!(ran.stderr.contains("DAEMON_FULL"), "{ran:?}");
    }
    drop((straight, relayed));
    honest.is_well("no longer full");
}
