//! A connection's HTTP head: health, refusals, and the upgrade.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::hub::Hub;
use super::refusal::Refusal;
use crate::protocol::relay::{
    ConnectQuery, PATH, PRESENCE_ASK, PRESENCE_HEADER, PRESENCE_OFFLINE, PRESENCE_ONLINE,
};

/// Largest request head, in bytes; hyper takes no smaller bound than 8 KiB.
const MAX_HEAD_BYTES: usize = 16 * 1024;

type Answer = Response<Full<Bytes>>;

/// What becomes of an accepted connection once its answer is out.
type Accepted = (OnUpgrade, ConnectQuery);

/// A connection after its upgrade.
pub(super) struct Upgraded<S> {
    pub(super) stream: S,
    /// What the peer sent behind its request.
    pub(super) early: Bytes,
    pub(super) query: ConnectQuery,
}

/// Answers the one request of a connection. Returns the connection when the answer is an upgrade;
/// any other answer ends it, and so does the handshake's deadline.
pub(super) async fn accept<S>(stream: S, hub: &Hub) -> Option<Upgraded<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let upgraded = timeout(hub.limits.handshake, upgrade(stream, hub)).await;
    match upgraded {
        Ok(Ok(upgraded)) => upgraded,
        Ok(Err(_)) | Err(_) => {
            hub.metrics.refused(Refusal::Handshake);
            None
        }
    }
}

async fn upgrade<S>(stream: S, hub: &Hub) -> hyper::Result<Option<Upgraded<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let accepted = Arc::new(Mutex::new(None));
    let service = service_fn(|request| {
        let (answer, upgrade) = answer(request, hub);
        *accepted.lock().unwrap_or_else(PoisonError::into_inner) = upgrade;
        async move { Ok::<_, Infallible>(answer) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(hub.limits.handshake)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await?;
    let accepted = accepted
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    let Some((upgrade, query)) = accepted else {
        return Ok(None);
    };
    let parts = upgrade.await?.downcast::<TokioIo<S>>();
    Ok(parts.ok().map(|parts| Upgraded {
        stream: parts.io.into_inner(),
        early: parts.read_buf,
        query,
    }))
}

/// Decides on a request.
fn answer(request: Request<Incoming>, hub: &Hub) -> (Answer, Option<Accepted>) {
    let upgrade = match request.uri().path() {
        "/health" => return (json(StatusCode::OK, r#"{"status":"ok"}"#), None),
        "/ready" if hub.draining() => {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return (json(status, r#"{"status":"unready"}"#), None);
        }
        "/ready" => return (json(StatusCode::OK, r#"{"status":"ready"}"#), None),
        "/metrics" => {
            let text = hub.metrics.render(&hub.gauges());
            let kind = "text/plain; version=0.0.4";
            return (plain(StatusCode::OK, kind, text), None);
        }
        PATH => websocket(request, hub),
        _ => Err(Refusal::Path),
    };
    match upgrade {
        Ok((answer, accepted)) => (answer, Some(accepted)),
        Err(refusal) => {
            hub.metrics.refused(refusal);
            (refused(refusal), None)
        }
    }
}

/// Decides on an upgrade, in the official relay's order of checks.
fn websocket(mut request: Request<Incoming>, hub: &Hub) -> Result<(Answer, Accepted), Refusal> {
    let query = request.uri().query().unwrap_or_default();
    let query = ConnectQuery::parse(query).map_err(Refusal::Query)?;
    let key = websocket_key(&request)?;
    if hub.draining() {
        return Err(Refusal::Draining);
    }
    let mut answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()));
    let asked = request.headers().get(PRESENCE_HEADER);
    if asked.is_some_and(|value| value == PRESENCE_ASK) {
        let presence = match hub.online(&query.server) {
            true => PRESENCE_ONLINE,
            false => PRESENCE_OFFLINE,
        };
        answer = answer.header(PRESENCE_HEADER, presence);
    }
    let answer = answer
        .body(Full::default())
        .expect("these names and values are valid headers");
    Ok((answer, (hyper::upgrade::on(&mut request), query)))
}

/// Returns the key of a WebSocket upgrade (RFC 6455 section 4.2.1).
fn websocket_key(request: &Request<Incoming>) -> Result<HeaderValue, Refusal> {
    if request.method() != Method::GET
        || !has_token(request, CONNECTION, "upgrade")
        || !has_token(request, UPGRADE, "websocket")
    {
        return Err(Refusal::Upgrade);
    }
    let version = request.headers().get(SEC_WEBSOCKET_VERSION);
    if version.is_none_or(|version| version != "13") {
        return Err(Refusal::Version);
    }
    let key = request.headers().get(SEC_WEBSOCKET_KEY);
    key.cloned().ok_or(Refusal::Key)
}

/// Returns whether a comma-separated header holds the word, in any case.
fn has_token(request: &Request<Incoming>, name: HeaderName, word: &str) -> bool {
    let values = request.headers().get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case(word))
}

fn refused(refusal: Refusal) -> Answer {
    let kind = "text/plain;charset=UTF-8";
    let mut answer = plain(refusal.status(), kind, refusal.to_string());
    if refusal == Refusal::Version {
        let known = HeaderValue::from_static("13");
        answer.headers_mut().insert(SEC_WEBSOCKET_VERSION, known);
    }
    answer
}

fn json(status: StatusCode, body: &str) -> Answer {
    plain(status, "application/json", body.to_owned())
}

fn plain(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // One request per connection, so that the deadline covers all of it.
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}
