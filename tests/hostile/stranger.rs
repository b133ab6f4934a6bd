//! Who does what the tables say: as a server that parts of ours dial, and as a client of theirs.

use std::io::Read;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::{Message, accept_hdr, client};

use crate::frames::{Act, faults};
use crate::heads::answers;

/// How long the other side may take to end a connection that it will not go on with.
const GRACE: Duration = Duration::from_millis(1500);

/// How long the other side may take nothing, before this one gives up: a server may slow a flood down.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a server does on a connection.
#[derive(Debug, Clone)]
pub(crate) enum Role {
    /// Answers no upgrade: this instead.
    Head(Vec<Act>),
    /// Upgrades, introduces itself as a daemon when told so, and does this.
    Frames { introduced: bool, acts: Vec<Act> },
    /// Is the way to somebody honest.
    Honest(String),
    /// Is another daemon than the one that is meant, and answers everything that it is asked.
    Impostor(Asked),
}

/// What an impostor was sent, hellos aside.
pub(crate) type Asked = Arc<Mutex<Vec<String>>>;

/// What an impostor shows.
pub(crate) const IMPOSTOR: &str = "an-agent-of-the-impostor";

/// Every way in which a server can be bad, each with its name: all frames, and all answers to an upgrade.
pub(crate) fn every_bad_role(introduced: bool) -> Vec<(String, Role)> {
    let frames = faults().into_iter().map(|fault| {
        let acts = fault.acts;
        (fault.name, Role::Frames { introduced, acts })
    });
    let heads = answers().into_iter();
    let heads = heads.map(|(name, acts)| (name.to_owned(), Role::Head(acts)));
    frames.chain(heads).collect()
}

/// A server. It listens until the test process ends.
#[derive(Clone)]
pub(crate) struct Stranger {
    pub(crate) address: String,
    role: Arc<Mutex<Role>>,
    next: Arc<Mutex<Option<Role>>>,
}

impl Stranger {
    pub(crate) fn start(role: Role) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stranger = Self {
            address: listener.local_addr().unwrap().to_string(),
            role: Arc::new(Mutex::new(role)),
            next: Arc::default(),
        };
        let (role, next) = (Arc::clone(&stranger.role), Arc::clone(&stranger.next));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut role = role.lock().unwrap();
                let now = role.clone();
                if let Some(next) = next.lock().unwrap().take() {
                    *role = next;
                }
                thread::spawn(move || serve(stream, now));
            }
        });
        stranger
    }

    /// Changes what it does on connections from here on.
    pub(crate) fn becomes(&self, role: Role) {
        *self.role.lock().unwrap() = role;
    }

    /// Changes it once one more connection has come.
    pub(crate) fn becomes_after_one(&self, role: Role) {
        *self.next.lock().unwrap() = Some(role);
    }
}

#[expect(clippy::result_large_err, reason = "the type is the library's")]
fn echo(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    if let Some(protocol) = request.headers().get(SEC_WEBSOCKET_PROTOCOL) {
        let headers = response.headers_mut();
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol.clone());
    }
    Ok(response)
}

fn session(kind: &str, payload: Value) -> Message {
    let message = json!({ "type": kind, "payload": payload });
    Message::text(json!({ "type": "session", "message": message }).to_string())
}

/// Introduces itself under a name of its own, with answers ahead of it and behind it.
fn be_an_impostor(stream: TcpStream, asked: &Asked) {
    let Ok(mut socket) = accept_hdr(stream, echo) else {
        return;
    };
    while let Ok(message) = socket.read() {
        if matches!(
            message,
            Message::Ping(_) | Message::Pong(_) | Message::Close(_)
        ) {
            continue;
        }
        let text = String::from_utf8_lossy(&message.into_data()).into_owned();
        let frame: Value = serde_json::from_str(&text).unwrap_or_default();
        let answer = match frame["type"] == "hello" {
            true => {
                let update = json!({ "kind": "upsert", "agent": { "id": IMPOSTOR } });
                let _ = socket.send(session("agent_update", update));
                session(
                    "status",
                    json!({ "status": "server_info", "serverId": "srv_impostor",
                        "hostname": IMPOSTOR, "version": "0.5.0", "features": {} }),
                )
            }
            false => {
                asked.lock().unwrap().push(text);
                let id = &frame["message"]["requestId"];
                session(
                    "fetch_agents_response",
                    json!({ "requestId": id, "entries": [], "error": IMPOSTOR,
                        "serverReceivedAt": 0, "serverSentAt": 0,
                        "pageInfo": { "nextCursor": null, "prevCursor": null, "hasMore": false } }),
                )
            }
        };
        let _ = socket.send(answer);
    }
}

fn serve(mut stream: TcpStream, role: Role) {
    match role {
        Role::Head(acts) => {
            let _ = stream.read(&mut [0; 4096]);
            play(stream, &acts, false);
        }
        Role::Frames { introduced, acts } => {
            let Ok(mut socket) = accept_hdr(stream, echo) else {
                return;
            };
            if introduced {
                let info = json!({ "status": "server_info", "serverId": "srv_planted1", "hostname": "x", "version": "0.5.0" });
                let info =
                    json!({ "type": "session", "message": { "type": "status", "payload": info } });
                let _ = socket.send(Message::text(info.to_string()));
            }
            play(socket.get_ref().try_clone().unwrap(), &acts, false);
        }
        Role::Impostor(asked) => be_an_impostor(stream, &asked),
        Role::Honest(address) => {
            let Ok(far) = TcpStream::connect(address) else {
                return;
            };
            let (mut near_in, mut far_out) =
                (stream.try_clone().unwrap(), far.try_clone().unwrap());
            let up = thread::spawn(move || {
                let _ = std::io::copy(&mut near_in, &mut far_out);
                let _ = far_out.shutdown(Shutdown::Both);
            });
            let (mut far, mut stream) = (far, stream);
            let _ = std::io::copy(&mut far, &mut stream);
            let _ = stream.shutdown(Shutdown::Both);
            up.join().unwrap();
        }
    }
}

/// Does it, takes whatever comes meanwhile, and ends the connection when the other side has not. Returns
/// whether the other side has.
fn play(mut stream: TcpStream, acts: &[Act], masked: bool) -> bool {
    let mut reader = stream.try_clone().unwrap();
    let (ended, is_ended) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let mut rest = vec![0; 64 * 1024];
        while reader.read(&mut rest).is_ok_and(|n| n > 0) {}
        let _ = ended.send(());
    });
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let cut = acts
        .iter()
        .try_for_each(|act| act.play(&mut stream, masked))
        .is_err();
    let ended = cut || is_ended.recv_timeout(GRACE).is_ok();
    let _ = stream.shutdown(Shutdown::Both);
    ended
}

/// Sends this as a client, instead of an upgrade. Returns whether the server ended the connection.
pub(crate) fn asks(address: &str, acts: &[Act]) -> bool {
    play(TcpStream::connect(address).unwrap(), acts, true)
}

/// Upgrades as a client, sends a text if there is one, and then does this. Returns whether the server ended
/// the connection; it may also refuse the upgrade.
pub(crate) fn joins(address: &str, path: &str, first: Option<&str>, acts: &[Act]) -> bool {
    let stream = TcpStream::connect(address).unwrap();
    let raw = stream.try_clone().unwrap();
    let Ok((mut socket, _)) = client(format!("ws://{address}{path}"), stream) else {
        return true;
    };
    if let Some(first) = first {
        socket.send(Message::text(first)).unwrap();
    }
    play(raw, acts, true)
}
