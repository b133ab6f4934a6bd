//! One connection: hello, timers, frames in and out (`docs/protocol.md`, "Hello", "Liveness").

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::core::Core;
use super::dispatch;
use super::hub::{Arrival, Membership, message};
use super::outbox::{Outgoing, outbox};
use super::server_info;
use crate::e2ee::{Freshness, Standing};
use crate::listen::{Credential, Guest, reject};
use crate::protocol::admission::{Auth, HELLO_REJECTION, Rejection};
use crate::protocol::session::{
    CLOSE_FULL, CLOSE_HELLO_TIMEOUT, CLOSE_INVALID_HELLO, Envelope, FULL, FULL_CODE, Hello,
    PROTOCOL_VERSION,
};
use crate::transport::{Closed, Frame, FrameReceiver, FrameSender, Transport, TransportError};

/// How long the hello may take.
const HELLO_TIMEOUT: Duration = Duration::from_secs(15);
/// A client that has sent one ping must send the next within this time.
const LEASE: Duration = Duration::from_secs(45);
/// How long a connection may go on whose client has not shown that it is no recording. Clients of ours show it with their
/// first frame after the handshake, and ping every ten seconds.
const EARLY_LIMIT: Duration = Duration::from_secs(30);
/// How long a client may take to take what is sent before its socket is closed.
const GOODBYE: Duration = Duration::from_millis(250);
/// Requests of one socket that may be under way at once.
const MAX_SLOW_REQUESTS: usize = 256;
/// Longest client id, in bytes.
const MAX_CLIENT_ID_BYTES: usize = 256;

/// Serves a connection until either side ends it. The guest may have to show something first.
pub(super) async fn serve(
    core: Arc<Core>,
    transport: Transport,
    mut guest: Guest,
    arrival: Arrival,
    standing: Standing,
) {
    let Transport {
        mut sender,
        mut receiver,
    } = transport;
    let greeted = timeout(HELLO_TIMEOUT, greet(&mut *receiver)).await;
    let Greeted { hello, shown } = match greeted {
        Ok(Ok(greeted)) => greeted,
        Ok(Err(Refused::With(closed))) => return sender.close(closed).await,
        Ok(Err(Refused::Version { knows })) => {
            return reject(&mut *sender, &Rejection::IncompatibleProtocol, knows).await;
        }
        Ok(Err(Refused::Gone)) => return,
        Err(_) => {
            let closed = Closed::new(CLOSE_HELLO_TIMEOUT, "Hello timeout");
            return sender.close(closed).await;
        }
    };
    if let Err(refused) = guest.admit(shown.as_ref()).await {
        return match refused.rejection() {
            Some(rejection) => {
                let knows = knows_rejections(&hello, shown.is_some());
                reject(&mut *sender, &rejection, knows).await
            }
            None => refuse_full(&mut *sender).await,
        };
    }
    receiver.admit();
    let (outbox, mut outgoing) = outbox(core.budget(arrival));
    let Some(socket) = core.hub.join(&hello, outbox, arrival) else {
        return refuse_full(&mut *sender).await;
    };
    socket.send("status", &server_info(&core));
    let mut stop = core.stop.subscribe();
    let closed = tokio::select! {
        closed = read(&core, &socket, &mut *receiver, &standing) => Some(closed),
        () = write(&mut *sender, &mut outgoing) => None,
        _ = stop.wait_for(|stop| *stop) => Some(Closed::default()),
    };
    drop(socket);
    if let Some(closed) = closed {
        // What was answered before the end still leaves, as far as the peer takes it.
        let rest = async {
            while let Some(frame) = outgoing.try_next() {
                if sender.send(frame).await.is_err() {
                    return;
                }
            }
        };
        let _ = timeout(GOODBYE, rest).await;
        sender.close(closed).await;
    }
}

/// Says that there is no room. In a message, too, because a relay tells no client how the daemon closed its socket; clients
/// that do not know it ignore it.
async fn refuse_full(sender: &mut dyn FrameSender) {
    tracing::warn!("a client was refused: too many are connected");
    let payload = json!({ "status": "error", "message": FULL, "code": FULL_CODE });
    let _ = timeout(GOODBYE, sender.send(message("status", &payload))).await;
    sender.close(Closed::new(CLOSE_FULL, FULL)).await;
}

/// What a hello says.
struct Greeted {
    hello: Hello,
    /// What it shows of who the client is.
    shown: Option<Credential>,
}

enum Refused {
    With(Closed),
    /// It speaks another version of the protocol, and knows the message that says so, or not.
    Version {
        knows: bool,
    },
    Gone,
}

impl From<TransportError> for Refused {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::TooLarge { .. } => Self::With(too_large()),
            _ => Self::Gone,
        }
    }
}

fn too_large() -> Closed {
    Closed::new(1009, "Message is too large")
}

/// Returns whether a client knows the message that refuses its hello.
fn knows_rejections(hello: &Hello, showed: bool) -> bool {
    showed || hello.capabilities.get(HELLO_REJECTION) == Some(&true)
}

/// Reads the hello: the first frame, and nothing is answered before it.
async fn greet(receiver: &mut dyn FrameReceiver) -> Result<Greeted, Refused> {
    let refuse = |reason| Err(Refused::With(Closed::new(CLOSE_INVALID_HELLO, reason)));
    let frame = receiver.recv().await?;
    let Some(text) = json_text(&frame) else {
        return refuse("Session message before hello");
    };
    let kind = serde_json::from_str::<Envelope<'_>>(text)
        .map_or_else(|_| String::new(), |envelope| envelope.kind.into_owned());
    match kind.as_str() {
        "session" => refuse("Session message before hello"),
        "hello" => check(text),
        _ => refuse("Invalid hello"),
    }
}

fn check(text: &str) -> Result<Greeted, Refused> {
    let refuse = |code, reason| Err(Refused::With(Closed::new(code, reason)));
    let Ok(mut value) = serde_json::from_str::<Value>(text) else {
        return refuse(CLOSE_INVALID_HELLO, "Invalid hello");
    };
    let Ok(shown) = serde_json::from_value::<Option<Auth>>(value["auth"].take()) else {
        return refuse(CLOSE_INVALID_HELLO, "Invalid hello");
    };
    let known = ["mobile", "browser", "cli", "mcp", "hub"];
    let client_type = value["clientType"].as_str().unwrap_or_default();
    let client_id = value["clientId"].as_str().unwrap_or_default().trim();
    // An integer however it is written: 1.0 is one.
    let version = value["protocolVersion"].as_f64();
    let Some(version) = version.filter(|version| version.fract() == 0.0) else {
        return refuse(CLOSE_INVALID_HELLO, "Invalid hello");
    };
    let usable = !client_id.is_empty() && client_id.len() <= MAX_CLIENT_ID_BYTES;
    if !usable || !known.contains(&client_type) {
        return refuse(CLOSE_INVALID_HELLO, "Invalid hello");
    }
    if client_id.starts_with("plugin:") {
        return refuse(CLOSE_INVALID_HELLO, "Invalid plugin clientId");
    }
    let capabilities = value["capabilities"].as_object().into_iter().flatten();
    let hello = Hello {
        client_id: client_id.to_owned(),
        client_type: client_type.to_owned(),
        protocol_version: PROTOCOL_VERSION,
        // Unknown capabilities may be anything; only `true` enables.
        capabilities: capabilities
            .map(|(name, value)| (name.clone(), *value == Value::Bool(true)))
            .collect(),
        app_version: value["appVersion"].as_str().map(str::to_owned),
        auth: None,
    };
    // A newer client adapts to the version in our answer.
    if version < f64::from(PROTOCOL_VERSION) {
        let knows = knows_rejections(&hello, shown.is_some());
        return Err(Refused::Version { knows });
    }
    let shown = shown.map(Credential::from);
    Ok(Greeted { hello, shown })
}

/// Sends what waits; returns when the peer is gone or too slow.
async fn write(sender: &mut dyn FrameSender, outgoing: &mut Outgoing) {
    loop {
        let Some(frame) = outgoing.next().await else {
            return;
        };
        let len = frame.len();
        let sent = tokio::select! {
            sent = sender.send(frame) => sent,
            () = outgoing.overflow() => return,
        };
        outgoing.sent(len);
        if sent.is_err() {
            return;
        }
    }
}

/// Takes frames until the connection ends; returns how to close it.
async fn read(
    core: &Arc<Core>,
    socket: &Membership,
    receiver: &mut dyn FrameReceiver,
    standing: &Standing,
) -> Closed {
    // Dropped with the connection: nobody would hear the answers. What changes something is finished all the same.
    let mut slow = JoinSet::new();
    let mut lease: Option<Instant> = None;
    let mut early = Some(Instant::now() + EARLY_LIMIT);
    loop {
        while slow.try_join_next().is_some() {}
        if standing.now() != Freshness::Early {
            early = None;
        }
        let frame = tokio::select! {
            frame = receiver.recv() => frame,
            () = expire(lease) => return Closed::default(),
            () = expire(early) => return Closed::new(1008, "Only a recording says no more"),
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(TransportError::Closed(closed)) => return closed,
            Err(TransportError::TooLarge { .. }) => {
                return too_large();
            }
            Err(TransportError::Overloaded) => {
                return Closed::new(1013, "The daemon holds too much");
            }
            Err(TransportError::Unfinished) => return Closed::new(1008, "A message took too long"),
            Err(_) => return Closed::new(1011, "Connection failed"),
        };
        // Of this frame: it is the last that was received.
        let freshness = standing.now();
        let Some(text) = json_text(&frame) else {
            dispatch::binary(core, socket, frame, freshness).await;
            continue;
        };
        let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(text) else {
            invalid(socket, "not a message");
            continue;
        };
        match (envelope.kind.as_ref(), envelope.message) {
            ("ping", _) => {
                lease = Some(Instant::now() + LEASE);
                let pong = Frame::Text(r#"{"type":"pong"}"#.to_owned());
                socket.outbox.push(pong);
            }
            ("session", Some(message)) if slow.len() < MAX_SLOW_REQUESTS => {
                let served = dispatch::session(core, socket, message.get(), freshness, &mut slow);
                // A client that comes back is written down anew, and may change something then.
                if served.await.is_break() && freshness == Freshness::Unrecorded {
                    return Closed::new(1013, "Connect again");
                }
            }
            ("session", Some(message)) => dispatch::busy(socket, message.get()),
            ("hello", _) => return Closed::new(CLOSE_INVALID_HELLO, "Unexpected hello"),
            ("recording_state" | "pong", _) => {}
            _ => unknown(socket, text),
        }
    }
}

async fn expire(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Returns the JSON of a frame; `None` for a frame of bytes. A channel without binary frames carries
/// bytes as text, and a client may send JSON as bytes, so the first byte decides.
fn json_text(frame: &Frame) -> Option<&str> {
    let bytes = match frame {
        Frame::Text(text) => text.as_bytes(),
        Frame::Binary(bytes) => bytes,
    };
    if matches!(bytes.first(), Some(0x01..=0x05 | 0x10..=0x12)) {
        return None;
    }
    match frame {
        Frame::Text(text) => Some(text),
        Frame::Binary(bytes) => Some(std::str::from_utf8(bytes).unwrap_or("")),
    }
}

fn unknown(socket: &Membership, text: &str) {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    match value["requestId"].as_str() {
        Some(id) => socket.send(
            "rpc_error",
            &json!({
                "requestId": id,
                "requestType": value["type"],
                "error": "Invalid message",
                "code": "invalid_message",
            }),
        ),
        None => invalid(socket, "unknown type"),
    }
}

/// Says that a frame makes no sense.
pub(super) fn invalid(socket: &Membership, what: &str) {
    let payload = json!({ "status": "error", "message": format!("Invalid message: {what}") });
    socket.outbox.push(message("status", &payload));
}
