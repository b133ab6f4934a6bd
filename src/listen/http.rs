//! The HTTP of a listener: health, status, and the upgrade to WebSocket (`docs/protocol.md`, "HTTP endpoints
//! of the daemon").

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, CONTENT_TYPE, HOST, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::gate::{Access, Gate, Guest, Refused, Visitor};
use super::lobby::{Lobby, Peer, Place};
use super::password;
use super::{Listener, Service, Socket};
use crate::transport::peer::{self, Owner};
use crate::transport::websocket;

/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest request head, in bytes: as small as the library allows.
const MAX_HEAD_BYTES: usize = 8 * 1024;
/// Pause when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that are accepted before those that have come are looked at: few beside the places that there are.
const AT_ONCE: u32 = 16;
/// Pause behind a connection for which one that had spoken made room: fewer come than have places, while a right password is
/// judged and its answer withheld.
const CROWD_PAUSE: Duration = Duration::from_millis(5);
/// How long the owner of a connection may be unknown: the system's list of sockets changes while it is read.
const OWNER_PATIENCE: Duration = Duration::from_millis(50);

type Answer = Response<Full<Bytes>>;

/// What all connections of a listener share.
#[derive(Clone)]
pub(super) struct Door {
    service: Arc<dyn Service>,
    gate: Arc<Gate>,
}

impl Door {
    pub(super) fn new(service: Arc<dyn Service>, gate: Gate) -> Self {
        let gate = Arc::new(gate);
        Self { service, gate }
    }
}

/// Accepts connections for ever.
pub(super) async fn run(
    listener: Listener,
    service: Arc<dyn Service>,
    access: watch::Receiver<Access>,
) {
    let gate = Gate::new(access, listener.local.clone(), listener.trusts_unknown);
    let door = Door::new(service, gate);
    let lobby = Lobby::new();
    // Ends them with the listener; a WebSocket is the service's by then.
    let mut connections = JoinSet::new();
    let mut accepted_at_once = 0;
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = match &listener.socket {
            Socket::Tcp(listener) => listener.accept().await.map(|(stream, address)| {
                // Small frames are to leave at once; a socket that cannot is only slower.
                let _ = stream.set_nodelay(true);
                let place = lobby.enter(Peer::at(address.ip()));
                connections.spawn(while_it_has_its_place(place, {
                    let door = door.clone();
                    |place| over_tcp(door, stream, place)
                }));
            }),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.accept().await.map(|(stream, owner)| {
                if listener.owner.is_some_and(|uid| owner != Owner::User(uid)) {
                    tracing::warn!("the connection of another user was refused");
                    return;
                }
                let peer = counted_for(owner).unwrap_or(Peer::Unknown);
                let place = lobby.enter(peer);
                connections.spawn(while_it_has_its_place(place, {
                    let door = door.clone();
                    move |place| {
                        let visitor = Visitor { owner, peer, place };
                        serve(door, visitor, stream)
                    }
                }));
            }),
        };
        if let Err(error) = accepted {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
        // Those who have come are looked at before others may take their places.
        accepted_at_once += 1;
        if accepted_at_once == AT_ONCE {
            accepted_at_once = 0;
            tokio::task::yield_now().await;
        }
        if lobby.is_crowded() {
            tokio::time::sleep(CROWD_PAUSE).await;
        }
    }
}

/// Does something for a connection until its place is needed for another one.
async fn while_it_has_its_place<F: Future<Output = ()>>(
    place: Place,
    serving: impl FnOnce(Arc<Place>) -> F,
) {
    let place = Arc::new(place);
    let taken_away = place.taken_away();
    tokio::select! {
        () = serving(place) => {}
        () = taken_away => {}
    }
}

/// Whom the system says a connection is of.
fn counted_for(owner: Owner) -> Option<Peer> {
    match owner {
        Owner::User(uid) => Some(Peer::User(uid)),
        Owner::Unknown(_) => None,
    }
}

async fn over_tcp(door: Door, stream: TcpStream, place: Arc<Place>) {
    let Ok(address) = stream.peer_addr() else {
        return;
    };
    // For those who say nothing, nothing is looked up.
    if !matches!(timeout(HEAD_TIMEOUT, stream.readable()).await, Ok(Ok(()))) {
        return;
    }
    // From here on it is we who keep it waiting.
    place.has_spoken();
    // With a password nobody is let in for who they are, but users are told apart, so that one who guesses is in nobody
    // else's way.
    let owner = peer::owner(&stream, OWNER_PATIENCE).await;
    let peer = counted_for(owner).unwrap_or(Peer::at(address.ip()));
    place.is_of(peer);
    let visitor = Visitor { owner, peer, place };
    serve(door, visitor, stream).await;
}

/// Serves one connection until it ends.
pub(super) async fn serve<S>(door: Door, visitor: Visitor, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answering = service_fn(|request| {
        let (door, visitor) = (door.clone(), visitor.clone());
        async move { Ok::<_, Infallible>(answer(door, visitor, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .half_close(true) // who has said everything may still wait for the answer
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), answering)
        .with_upgrades();
    // What went wrong has been answered, or there is nobody to answer.
    let _ = connection.await;
}

async fn answer(door: Door, visitor: Visitor, request: Request<Incoming>) -> Answer {
    visitor.place.has_spoken();
    let access = door.gate.access();
    let header = |name| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    let host = header(HOST).unwrap_or_default().to_owned();
    let with_password = access.password.is_some();
    if !access.names.has_host(&host, with_password) {
        return text(StatusCode::FORBIDDEN, "Host not allowed");
    }
    let path = request.uri().path();
    if request.method() == Method::GET && path == "/api/health" {
        let now = format!("{:.3}", Timestamp::now());
        let health = json!({ "status": "ok", "timestamp": now });
        return json_answer(StatusCode::OK, &health);
    }
    // Programs send no origin.
    if let Some(origin) = header(ORIGIN)
        && !access.names.has_origin(origin, &host, with_password)
    {
        return text(StatusCode::FORBIDDEN, "Origin not allowed");
    }
    if door.gate.turns_away(visitor.owner) {
        tracing::warn!(peer = %visitor.peer, "the connection of another user was refused");
        return text(
            StatusCode::FORBIDDEN,
            "Only its own user is let in without a password",
        );
    }
    match (request.method(), path) {
        (&Method::GET, "/api/status") => {
            let shown = password::authorization(request.headers());
            if door.gate.admits(&visitor, shown).await.is_err() {
                let error = json!({ "error": "Unauthorized" });
                return json_answer(StatusCode::UNAUTHORIZED, &error);
            }
            match door.service.status() {
                Some(status) => json_answer(StatusCode::OK, &status),
                None => text(StatusCode::NOT_FOUND, "Not found"),
            }
        }
        (&Method::GET, "/ws") => upgrade(door, visitor, request),
        _ => text(StatusCode::NOT_FOUND, "Not found"),
    }
}

/// Answers a WebSocket upgrade. The password is checked after it, because a browser would not learn
/// the reason of a refusal.
fn upgrade(door: Door, visitor: Visitor, mut request: Request<Incoming>) -> Answer {
    let headers = request.headers();
    let wants = headers
        .get(UPGRADE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
    let Some(key) = headers.get(SEC_WEBSOCKET_KEY).filter(|_| wants) else {
        return text(StatusCode::UPGRADE_REQUIRED, "Expected WebSocket upgrade");
    };
    let mut answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()));
    let subprotocol = password::subprotocol(headers);
    if let Some(chosen) = &subprotocol
        && let Ok(mut chosen) = HeaderValue::from_str(chosen.expose())
    {
        chosen.set_sensitive(true);
        answer = answer.header(SEC_WEBSOCKET_PROTOCOL, chosen);
    }
    let shown = password::authorization(headers);
    let shown = shown.or_else(|| password::bearer(subprotocol.as_ref()));
    let upgraded = hyper::upgrade::on(&mut request);
    let (service, taken_away) = (Arc::clone(&door.service), visitor.place.taken_away());
    service.spawn(Box::pin(async move {
        let serving = async {
            let Ok(upgraded) = upgraded.await else {
                return;
            };
            let budget = door.service.budget();
            let mut transport = websocket::of_stranger(TokioIo::new(upgraded), &budget).await;
            let hello_may_show = shown.is_none();
            let is_known = match door.gate.admits(&visitor, shown).await {
                Ok(()) => true,
                Err(Refused::PasswordRequired) if hello_may_show => false,
                Err(refused) => return transport.sender.close(refused.closed()).await,
            };
            let guest = Guest::new(door.gate, visitor, is_known);
            door.service.serve(transport, guest).await;
        };
        tokio::select! {
            () = serving => {}
            () = taken_away => {}
        }
    }));
    let answer = answer.body(Full::default());
    answer.unwrap_or_else(|_| text(StatusCode::BAD_REQUEST, "Bad request"))
}

fn json_answer(status: StatusCode, body: &Value) -> Answer {
    respond(status, "application/json; charset=utf-8", body.to_string())
}

fn text(status: StatusCode, body: &str) -> Answer {
    respond(status, "text/plain; charset=utf-8", body.to_owned())
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}
