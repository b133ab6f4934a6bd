//! `paseo terminal attach` against a daemon that says what an official 0.5.0 one once said.

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept};

use crate::support::Person;

/// What the client sent: messages, and the opcode and content of frames.
#[derive(Debug)]
enum Sent {
    Message(Value),
    Frame(u8, Vec<u8>),
}

/// The recorded frames of the daemon, in their order. The first is a snapshot, one later a restore.
fn frames() -> Vec<Vec<u8>> {
    let text = include_str!("../wire/terminal-stream.jsonl");
    let records = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let said = records.filter_map(|record| record["s2c"].as_str().map(str::to_owned));
    said.map(|base64| base64_simd::STANDARD.decode_to_vec(base64).unwrap())
        .collect()
}

/// Serves one client: a list of one terminal, then its stream, then, once something is typed, its end.
fn serve(stream: TcpStream, features: &Value, frames: &[Vec<u8>], sent: &mpsc::Sender<Sent>) {
    let mut socket = accept(stream).unwrap();
    while let Ok(message) = socket.read() {
        match message {
            Message::Text(text) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                if frame["type"] == "hello" {
                    let info = json!({ "status": "server_info", "serverId": "srv_recorded",
                        "hostname": "vm", "version": "0.5.0", "features": features });
                    say(&mut socket, "status", info);
                    continue;
                }
                let message = frame["message"].clone();
                let id = message["requestId"].clone();
                let _ = sent.send(Sent::Message(message.clone()));
                match message["type"].as_str() {
                    Some("list_terminals_request") => {
                        let terminals = json!([{ "id": "t-1", "name": "one", "activity": null }]);
                        let payload = json!({ "terminals": terminals, "requestId": id });
                        say(&mut socket, "list_terminals_response", payload);
                    }
                    Some("subscribe_terminal_request") => {
                        let payload = json!({ "terminalId": "t-1", "slot": 0, "error": null,
                            "requestId": id });
                        say(&mut socket, "subscribe_terminal_response", payload);
                        for frame in frames {
                            socket.send(Message::binary(frame.clone())).unwrap();
                        }
                    }
                    _ => {}
                }
            }
            Message::Binary(frame) => {
                let _ = sent.send(Sent::Frame(frame[0], frame[2..].to_vec()));
                if frame[0] == 2 {
                    say(
                        &mut socket,
                        "terminal_stream_exit",
                        json!({ "terminalId": "t-1" }),
                    );
                }
            }
            _ => {}
        }
    }
}

fn say(socket: &mut WebSocket<TcpStream>, kind: &str, payload: Value) {
    let message = json!({ "type": kind, "payload": payload });
    let frame = json!({ "type": "session", "message": message });
    // A client that has what it wants may be gone.
    let _ = socket.send(Message::text(frame.to_string()));
}

/// Attaches to a daemon with these features that sends these frames, waits for a text, and types. Returns
/// what was shown, and what the client sent.
fn attach(features: Value, frames: Vec<Vec<u8>>, text: &str) -> (String, Vec<Sent>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, sent) = mpsc::channel();
    std::thread::spawn(move || serve(listener.accept().unwrap().0, &features, &frames, &sender));
    let home = tempfile::tempdir().unwrap();
    let args = ["--host", &address, "terminal", "attach", "one"];
    let mut person = Person::at(home.path(), env!("CARGO_BIN_EXE_paseo"), &args);
    let mut shown = person.wait_for(text);
    person.type_in("x");
    let (status, rest) = person.end();
    assert_eq!(status, 0, "{rest}");
    shown.push_str(&rest);
    (shown, sent.iter().collect())
}

#[test]
fn an_older_daemon_sends_its_screen_cell_by_cell() {
    let mut frames = frames();
    let restored = frames.iter().position(|frame| frame[0] == 5).unwrap();
    frames.truncate(restored);
    let (shown, sent) = attach(json!({}), frames, "got typed\r\n");
    let painted =
        "\x1b[1;1H\x1b[0;1;31mred\x1b[0m plain \x1b[0;7mswap\x1b[m\x1b[2;1H\x1b[0msecond 宽 line";
    assert!(shown.contains(painted), "{shown:?}");
    let Sent::Message(subscribe) = &sent[1] else {
        panic!("{sent:?}");
    };
    assert_eq!(subscribe.get("restore"), None);
    // 0.1.65 refuses a resize with other words in it.
    let Sent::Frame(3, size) = &sent[2] else {
        panic!("{sent:?}");
    };
    let size: Value = serde_json::from_slice(size).unwrap();
    assert_eq!(size, json!({ "rows": 24, "cols": 80 }));
    assert!(
        matches!(&sent[3], Sent::Frame(2, typed) if typed == b"x"),
        "{sent:?}"
    );
}

#[test]
fn a_newer_daemon_restores_the_screen() {
    let mut frames = frames();
    let restored = frames.iter().position(|frame| frame[0] == 5).unwrap();
    let mut restore = frames.swap_remove(restored);
    restore[1] = 0;
    // What comes before the screen is of an earlier session.
    let stale = b"\x01\x00stale".to_vec();
    let features = json!({ "terminal-restore-modes": true });
    let (shown, sent) = attach(features, vec![stale, restore], "got typed");
    assert!(!shown.contains("stale"), "{shown:?}");
    assert!(shown.contains("\x1b[0;1;31mred\x1b[0m plain"), "{shown:?}");
    let Sent::Message(subscribe) = &sent[1] else {
        panic!("{sent:?}");
    };
    let size = json!({ "rows": 24, "cols": 80 });
    let restore = json!({ "mode": "visible-snapshot", "scrollbackLines": 0, "size": size });
    assert_eq!(subscribe["restore"], restore);
}
