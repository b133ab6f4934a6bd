//! The HTTP of a listener: health, status, and the upgrade to WebSocket (`docs/protocol.md`, "HTTP endpoints
//! of the daemon").

use std::convert::Infallible;
use std::net::IpAddr;
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
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::password::{self, Password};
use super::{Listener, Service, Socket};
use crate::protocol::session::CLOSE_PASSWORD;
use crate::secret::Secret;
use crate::transport::{Closed, websocket};

/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest request head, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Connections of one listener.
const MAX_CONNECTIONS: usize = 512;
/// Pause when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Origin of the official app.
const APP_ORIGIN: &str = "https://app.paseo.sh";

type Answer = Response<Full<Bytes>>;

/// One of the connections that there may be; a WebSocket keeps it.
type Place = Arc<OwnedSemaphorePermit>;

/// Accepts connections for ever.
pub(super) async fn run(
    listener: Listener,
    service: Arc<dyn Service>,
    password: watch::Receiver<Option<Password>>,
) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Ends them with the listener; a WebSocket is the service's by then.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let (service, password) = (Arc::clone(&service), password.clone());
        let accepted = match &listener.socket {
            Socket::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                // Small frames are to leave at once; a socket that cannot is only slower.
                let _ = stream.set_nodelay(true);
                connections.spawn(serve(service, password, stream, Arc::new(permit)));
            }),
            #[cfg(unix)]
            Socket::Unix {
                listener: socket, ..
            } => socket.accept().await.map(|(stream, _)| {
                let peer = || stream.peer_cred().ok().map(|peer| peer.uid());
                if listener.owner.is_some() && peer() != listener.owner {
                    tracing::warn!("the connection of another user was refused");
                    return;
                }
                connections.spawn(serve(service, password, stream, Arc::new(permit)));
            }),
        };
        if let Err(error) = accepted {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

/// Serves one connection until it ends.
pub(super) async fn serve<S>(
    service: Arc<dyn Service>,
    password: watch::Receiver<Option<Password>>,
    stream: S,
    place: Place,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answering = service_fn(|request| {
        let (service, password) = (Arc::clone(&service), password.clone());
        let place = Arc::clone(&place);
        async move { Ok::<_, Infallible>(answer(service, password, request, place).await) }
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

async fn answer(
    service: Arc<dyn Service>,
    password: watch::Receiver<Option<Password>>,
    request: Request<Incoming>,
    place: Place,
) -> Answer {
    if !host_allowed(request.headers().get(HOST)) {
        return text(StatusCode::FORBIDDEN, "Host not allowed");
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/api/health") => {
            let now = format!("{:.3}", Timestamp::now());
            let health = json!({ "status": "ok", "timestamp": now });
            json_answer(StatusCode::OK, &health)
        }
        (&Method::GET, "/api/status") => {
            // Cloned, because a hash takes its time and a change does not wait for it.
            let password = password.borrow().clone();
            if let Some(password) = &password {
                let offered = password::authorization(request.headers());
                let admitted = match &offered {
                    Some(offered) => password.admits(offered).await,
                    None => false,
                };
                if !admitted {
                    let error = json!({ "error": "Unauthorized" });
                    return json_answer(StatusCode::UNAUTHORIZED, &error);
                }
            }
            match service.status() {
                Some(status) => json_answer(StatusCode::OK, &status),
                None => text(StatusCode::NOT_FOUND, "Not found"),
            }
        }
        (&Method::GET, "/ws") => upgrade(service, password, request, place),
        _ => text(StatusCode::NOT_FOUND, "Not found"),
    }
}

/// Answers a WebSocket upgrade. The password is checked after it, because a browser would not learn
/// the reason of a refusal.
fn upgrade(
    service: Arc<dyn Service>,
    password: watch::Receiver<Option<Password>>,
    mut request: Request<Incoming>,
    place: Place,
) -> Answer {
    if !origin_allowed(request.headers().get(ORIGIN)) {
        return text(StatusCode::FORBIDDEN, "Origin not allowed");
    }
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
    let upgraded = hyper::upgrade::on(&mut request);
    let serving = Arc::clone(&service);
    service.spawn(Box::pin(async move {
        let _place = place;
        let Ok(upgraded) = upgraded.await else {
            return;
        };
        let stream = TokioIo::new(upgraded);
        let config = Some(websocket::config());
        let stream = WebSocketStream::from_raw_socket(stream, Role::Server, config).await;
        let mut transport = websocket::from_stream(stream);
        let password = password.borrow().clone();
        if let Err(reason) = admit(password.as_ref(), subprotocol).await {
            let closed = Closed::new(CLOSE_PASSWORD, reason);
            return transport.sender.close(closed).await;
        }
        serving.serve(transport).await;
    }));
    let answer = answer.body(Full::default());
    answer.unwrap_or_else(|_| text(StatusCode::BAD_REQUEST, "Bad request"))
}

async fn admit(
    password: Option<&Password>,
    subprotocol: Option<Secret<String>>,
) -> Result<(), &'static str> {
    let Some(password) = password else {
        return Ok(());
    };
    match password::bearer(subprotocol.as_ref()) {
        None => Err("Password required"),
        Some(offered) if password.admits(&offered).await => Ok(()),
        Some(_) => Err("Incorrect password"),
    }
}

/// Only names that cannot be made to point here by a stranger's DNS: a web page of theirs would reach
/// this daemon otherwise.
fn host_allowed(host: Option<&HeaderValue>) -> bool {
    let Some(host) = host.and_then(|host| host.to_str().ok()) else {
        return false;
    };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok()
}

/// Programs send no origin; of web pages only the app, and pages of this machine, are let in.
fn origin_allowed(origin: Option<&HeaderValue>) -> bool {
    let Some(origin) = origin else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let local = |rest: &str| {
        let name = rest.split([':', '/']).next().unwrap_or_default();
        name == "localhost" || name.ends_with(".localhost") || name == "127.0.0.1"
    };
    origin == APP_ORIGIN || origin.strip_prefix("http://").is_some_and(local)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_and_addresses_are_hosts() {
        let allowed = |host: &str| host_allowed(Some(&HeaderValue::from_str(host).unwrap()));
        for host in [
            "localhost",
            "localhost:6767",
            "a.localhost",
            "127.0.0.1:1",
            "[::1]:6767",
        ] {
            assert!(allowed(host), "{host}");
        }
        for host in ["example.org", "localhost.example.org:80", "", "xlocalhost"] {
            assert!(!allowed(host), "{host}");
        }
        assert!(!host_allowed(None));
    }

    #[test]
    fn only_the_app_and_local_pages_are_origins() {
        let allowed = |origin: &str| origin_allowed(Some(&HeaderValue::from_str(origin).unwrap()));
        assert!(origin_allowed(None));
        for origin in [
            "https://app.paseo.sh",
            "http://localhost:8081",
            "http://127.0.0.1",
        ] {
            assert!(allowed(origin), "{origin}");
        }
        for origin in [
            "https://evil.example",
            "http://localhost.evil.example",
            "null",
        ] {
            assert!(!allowed(origin), "{origin}");
        }
    }
}
