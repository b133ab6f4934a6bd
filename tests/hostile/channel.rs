//! A relay that does as it likes with what goes between an honest client and an honest daemon.

use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async};

use crate::frames::hello;
use crate::honest::Honest;
use crate::process::{KEY, each, paseo, run};

/// Where a frame is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Client,
    Daemon,
}

/// What the relay remembers, over all connections.
#[derive(Default)]
struct Memory {
    /// Every frame so far, by direction and connection.
    seen: Vec<(To, usize, Message)>,
    held: Option<Message>,
}

/// Takes memory, connection, direction, and a frame, and gives what goes on in that direction, and what goes back.
type Mangle = fn(&mut Memory, usize, To, Message) -> (Vec<Message>, Vec<Message>);

/// A row: what is done, and the exit statuses with which `ls` may end. 0: it is only slower or larger.
type Row = (&'static str, Mangle, &'static [i32]);

/// Exit statuses of a client whose channel breaks: the key is not proven, the connection is lost, or nobody
/// answers in time.
const BROKEN: &[i32] = &[5, 6, 7, 8];

const ROWS: &[Row] = &[
    ("nothing", |_, _, _, frame| (vec![frame], vec![]), &[0]),
    (
        "a bit is flipped on the way to the client",
        |_, _, to, frame| on(to, To::Client, frame, |f| vec![flip(f)]),
        &[5],
    ),
    (
        "a bit is flipped on the way to the daemon",
        |_, _, to, frame| on(to, To::Daemon, frame, |f| vec![flip(f)]),
        BROKEN,
    ),
    (
        "the end is cut off",
        |_, _, to, frame| on(to, To::Client, frame, |f| vec![cut(f)]),
        &[5],
    ),
    (
        "a frame too short for a tag",
        |_, _, to, frame| on(to, To::Client, frame, |_| vec![Message::text("AAAA")]),
        &[5],
    ),
    (
        "an empty frame",
        |_, _, to, frame| on(to, To::Client, frame, |_| vec![Message::text("")]),
        &[5],
    ),
    (
        "every frame to the client is dropped",
        |_, _, to, frame| on(to, To::Client, frame, |_| vec![]),
        BROKEN,
    ),
    (
        "every frame to the daemon is dropped",
        |_, _, to, frame| on(to, To::Daemon, frame, |_| vec![]),
        BROKEN,
    ),
    (
        "every frame to the client comes twice",
        |_, _, to, frame| on(to, To::Client, frame, |f| vec![f.clone(), f]),
        &[6, 7],
    ),
    (
        "every frame to the daemon comes twice",
        |_, _, to, frame| on(to, To::Daemon, frame, |f| vec![f.clone(), f]),
        BROKEN,
    ),
    (
        "frames change places",
        |memory, _, to, frame| {
            on(to, To::Client, frame, |frame| match memory.held.take() {
                Some(held) => vec![frame, held],
                None => {
                    memory.held = Some(frame);
                    vec![]
                }
            })
        },
        &[6, 7, 8],
    ),
    (
        "the second frame to the daemon is dropped",
        |memory, connection, to, frame| {
            let before = memory.seen.iter();
            let before = before.filter(|(there, of, frame)| {
                *there == To::Daemon && *of == connection && is_sealed(frame)
            });
            let is_second = before.count() == 1;
            on(to, To::Daemon, frame, |frame| match is_second {
                true => vec![],
                false => vec![frame],
            })
        },
        BROKEN,
    ),
    (
        "the value is taken out of ready",
        |_, _, to, frame| match to {
            To::Client => (vec![without(frame, "freshness")], vec![]),
            To::Daemon => (vec![frame], vec![]),
        },
        &[6],
    ),
    (
        "the value in ready is another one",
        |_, _, to, frame| match to == To::Client && !is_sealed(&frame) {
            true => {
                let other = format!(
                    r#"{{"type":"e2ee_ready","freshness":"{}"}}"#,
                    "A".repeat(32)
                );
                (vec![Message::text(other)], vec![])
            }
            false => (vec![frame], vec![]),
        },
        &[5],
    ),
    (
        "the client's own frames come back",
        |_, _, to, frame| match to == To::Daemon && is_sealed(&frame) {
            true => (vec![frame.clone()], vec![frame]),
            false => (vec![frame], vec![]),
        },
        // What comes before ready is passed over.
        &[0, 5, 6, 7],
    ),
    (
        "the daemon's own frames come back",
        |_, _, to, frame| match to == To::Client && is_sealed(&frame) {
            true => (vec![frame.clone()], vec![frame]),
            false => (vec![frame], vec![]),
        },
        &[0, 5, 6],
    ),
    (
        "frames of another session are put between",
        |memory, connection, to, frame| {
            let old = memory
                .seen
                .iter()
                .find(|(there, of, frame)| *there == to && *of != connection && is_sealed(frame));
            let old = old.map(|(_, _, frame)| frame.clone());
            on(to, To::Client, frame, |frame| {
                old.into_iter().chain([frame]).collect()
            })
        },
        &[5],
    ),
    (
        "a whole session is played back to the daemon",
        |memory, connection, to, frame| {
            let old = memory
                .seen
                .iter()
                .filter(|(there, of, _)| *there == To::Daemon && *of == 0 && connection > 0);
            let old: Vec<_> = old.map(|(_, _, frame)| frame.clone()).collect();
            match to == To::Daemon && !old.is_empty() {
                true => (old, vec![]),
                false => (vec![frame], vec![]),
            }
        },
        BROKEN,
    ),
    (
        "binary ciphertext is not offered",
        |_, _, to, frame| match to {
            To::Daemon => (vec![without(frame, "capabilities")], vec![]),
            To::Client => (vec![frame], vec![]),
        },
        &[0, 5, 6],
    ),
    (
        "binary ciphertext is not granted",
        |_, _, to, frame| match to {
            To::Client => (vec![without(frame, "capabilities")], vec![]),
            To::Daemon => (vec![frame], vec![]),
        },
        &[0, 5, 6],
    ),
    (
        "plaintext after ready",
        |_, _, to, frame| {
            on(to, To::Client, frame, |frame| {
                vec![
                    Message::text(r#"{"type":"session","message":{"type":"x"}}"#),
                    frame,
                ]
            })
        },
        &[5, 6],
    ),
    (
        "a second hello with another key",
        |_, _, to, frame| {
            on(to, To::Daemon, frame, |frame| {
                vec![Message::text(hello(&[9; 32])), frame]
            })
        },
        BROKEN,
    ),
    (
        "10 000 hellos",
        |_, _, to, frame| match to == To::Daemon && !is_sealed(&frame) {
            true => (vec![frame; 10_000], vec![]),
            false => (vec![frame], vec![]),
        },
        &[0, 5, 6, 7, 8],
    ),
    (
        "10 000 readies",
        |_, _, to, frame| match to == To::Client && !is_sealed(&frame) {
            true => (vec![frame; 10_000], vec![]),
            false => (vec![frame], vec![]),
        },
        &[5, 6],
    ),
    (
        "the client's key becomes one of low order",
        |_, _, to, frame| match to == To::Daemon && !is_sealed(&frame) {
            true => (vec![Message::text(hello(&[0; 32]))], vec![]),
            false => (vec![frame], vec![]),
        },
        BROKEN,
    ),
    (
        "the client's key becomes the relay's",
        |_, _, to, frame| match to == To::Daemon && !is_sealed(&frame) {
            true => (vec![Message::text(hello(&[9; 32]))], vec![]),
            false => (vec![frame], vec![]),
        },
        BROKEN,
    ),
    (
        "the daemon's hello is the relay's",
        |_, _, to, frame| match to == To::Client && !is_sealed(&frame) {
            true => (vec![Message::text(hello(&[9; 32])), frame], vec![]),
            false => (vec![frame], vec![]),
        },
        &[0, 5, 6, 7, 8],
    ),
];

/// Changes a sealed frame that goes this way, and leaves all others.
fn on(
    to: To,
    this: To,
    frame: Message,
    change: impl FnOnce(Message) -> Vec<Message>,
) -> (Vec<Message>, Vec<Message>) {
    match to == this && is_sealed(&frame) {
        true => (change(frame), vec![]),
        false => (vec![frame], vec![]),
    }
}

/// Handshakes are JSON; what is sealed is not.
fn is_sealed(frame: &Message) -> bool {
    match frame {
        Message::Text(text) => !text.as_str().starts_with('{'),
        Message::Binary(_) => true,
        _ => false,
    }
}

fn flip(frame: Message) -> Message {
    match frame {
        Message::Text(text) => {
            let middle = text.len() / 2;
            let other = if &text.as_str()[middle..=middle] == "A" {
                "B"
            } else {
                "A"
            };
            let mut text = text.as_str().to_owned();
            text.replace_range(middle..=middle, other);
            Message::text(text)
        }
        Message::Binary(bytes) => {
            let mut bytes = bytes.to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            Message::Binary(bytes.into())
        }
        other => other,
    }
}

fn cut(frame: Message) -> Message {
    match frame {
        Message::Text(text) => Message::text(&text.as_str()[..text.len() / 8 * 4]),
        Message::Binary(bytes) => {
            Message::Binary(Bytes::copy_from_slice(&bytes[..bytes.len() / 2]))
        }
        other => other,
    }
}

/// Takes a member out of a handshake.
fn without(frame: Message, member: &str) -> Message {
    let Message::Text(text) = &frame else {
        return frame;
    };
    let Ok(mut handshake) = serde_json::from_str::<Value>(text) else {
        return frame;
    };
    handshake.as_object_mut().unwrap().remove(member);
    Message::text(handshake.to_string())
}

/// What went to the daemon.
pub(crate) struct Recording(Arc<Mutex<Memory>>);

impl Recording {
    /// The frames of each connection.
    pub(crate) fn connections(&self) -> Vec<Vec<Message>> {
        let memory = self.0.lock().unwrap();
        let last = memory.seen.iter().map(|(_, of, _)| *of).max().unwrap();
        let to_daemon = |connection| {
            let frames = memory.seen.iter();
            let frames = frames.filter(|(to, of, _)| *to == To::Daemon && *of == connection);
            frames.map(|(_, _, frame)| frame.clone()).collect()
        };
        (0..=last).map(to_daemon).collect()
    }
}

/// Listens as a relay that changes nothing and writes down everything.
pub(crate) async fn recorder(real: String) -> (String, Recording) {
    let memory = Arc::<Mutex<Memory>>::default();
    let address = relay_with(Arc::clone(&memory), real, |_, _, _, frame| {
        (vec![frame], vec![])
    });
    (address.await, Recording(memory))
}

/// Listens as a relay, and passes on what `mangle` leaves, to and from the real one.
async fn relay(real: String, mangle: Mangle) -> String {
    relay_with(Arc::default(), real, mangle).await
}

async fn relay_with(memory: Arc<Mutex<Memory>>, real: String, mangle: Mangle) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        for connection in 0.. {
            let Ok((near, _)) = listener.accept().await else {
                return;
            };
            let (real, memory) = (real.clone(), Arc::clone(&memory));
            tokio::spawn(async move {
                let mut path = String::new();
                #[expect(clippy::result_large_err, reason = "the type is the library's")]
                let note = |request: &Request, response: Response| {
                    path = request.uri().to_string();
                    Ok(response)
                };
                let Ok(near) = accept_hdr_async(near, note).await else {
                    return;
                };
                let stream = TcpStream::connect(&real).await.unwrap();
                let Ok((far, _)) = client_async(format!("ws://{real}{path}"), stream).await else {
                    return;
                };
                pass(near, far, |to, frame| {
                    let mut memory = memory.lock().unwrap();
                    let passed = mangle(&mut memory, connection, to, frame.clone());
                    memory.seen.push((to, connection, frame));
                    passed
                })
                .await;
            });
        }
    });
    address
}

async fn pass(
    near: WebSocketStream<TcpStream>,
    far: WebSocketStream<TcpStream>,
    mut mangle: impl FnMut(To, Message) -> (Vec<Message>, Vec<Message>),
) {
    let ((near_out, mut near_in), (far_out, mut far_in)) = (near.split(), far.split());
    let (to_client, to_daemon) = (writer(near_out), writer(far_out));
    loop {
        let (to, frame) = tokio::select! {
            frame = near_in.next() => (To::Daemon, frame),
            frame = far_in.next() => (To::Client, frame),
        };
        let Some(Ok(frame)) = frame else {
            return;
        };
        let (on, back) = match frame {
            Message::Text(_) | Message::Binary(_) => mangle(to, frame),
            Message::Close(_) => (vec![frame], vec![]),
            _ => continue,
        };
        let (forwards, backwards) = match to {
            To::Client => (&to_client, &to_daemon),
            To::Daemon => (&to_daemon, &to_client),
        };
        on.into_iter().for_each(|frame| drop(forwards.send(frame)));
        back.into_iter()
            .for_each(|frame| drop(backwards.send(frame)));
    }
}

fn writer(
    mut out: futures_util::stream::SplitSink<WebSocketStream<TcpStream>, Message>,
) -> mpsc::UnboundedSender<Message> {
    let (sender, mut frames) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(frame) = frames.recv().await {
            if out.send(frame).await.is_err() {
                return;
            }
        }
    });
    sender
}

/// The offer of the honest daemon, by way of another relay.
pub(crate) fn through(honest: &Honest, relay: &str) -> String {
    let offer = std::fs::read_to_string(honest.home().join("offer.json")).unwrap();
    let offer = offer.trim();
    let mut offer: Value = match offer.split_once("#offer=") {
        Some((_, encoded)) => {
            let decoded = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(encoded).unwrap();
            serde_json::from_slice(&decoded).unwrap()
        }
        None => serde_json::from_str(offer).unwrap(),
    };
    offer["relay"] = json!({ "endpoint": relay, "useTls": false });
    let file = format!("{}.json", relay.replace(':', "-"));
    std::fs::write(honest.home().join(&file), offer.to_string()).unwrap();
    file
}

#[test]
fn every_mangled_channel() {
    let mut honest = Honest::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    each(ROWS, 4, |(name, mangle, statuses)| {
        let relay = runtime.block_on(relay(honest.relay_address.clone(), *mangle));
        let file = through(&honest, &relay);
        // Twice: some need a session that they have seen before. The first of those is none of their doing.
        for round in 0..2 {
            let ran = run(
                name,
                paseo(honest.home(), &["--relay", &file, "ls", "--json"]),
            );
            let is_fine = statuses.contains(&ran.status);
            let needs_another = round == 0 && (name.contains("session"));
            assert!(
                is_fine || (needs_another && ran.status == 0),
                "{name}: {ran:?}"
            );
        }
    });
    honest.is_well("mangled channels");
}

/// A relay that leads to another daemon: it cannot prove the key.
#[test]
fn another_daemon_answers() {
    let honest = Honest::start();
    let other = tempfile::tempdir().unwrap();
    let mut command = paseo(other.path(), &["daemon", "run", "--listen", "127.0.0.1:0"]);
    command
        .args(["--relay", &honest.relay_address])
        .env("PASEO_SERVER_ID", "srv_other");
    let _other = crate::process::Server::start(command, "connected to the relay");
    let offer = json!({
        "v": 2, "serverId": "srv_other", "daemonPublicKeyB64": KEY,
        "relay": { "endpoint": honest.relay_address, "useTls": false },
    });
    std::fs::write(honest.home().join("other.json"), offer.to_string()).unwrap();
    let ran = run(
        "another daemon",
        paseo(honest.home(), &["--relay", "other.json", "ls", "--json"]),
    );
    assert_eq!(ran.status, 5, "{ran:?}");
    assert!(ran.stderr.contains("DAEMON_KEY_MISMATCH"), "{ran:?}");
}
