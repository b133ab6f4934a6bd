//! A connection's HTTP head: health, refusals, and the upgrade.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tracing::debug;

use super::cluster::{Hold, Home};
use super::gate::Visit;
use super::guard::Claim;
use super::refusal::Refusal;
use super::server::Shared;
use crate::protocol::relay::{
    ConnectQuery, PATH, PRESENCE_ASK, PRESENCE_HEADER, PRESENCE_OFFLINE, PRESENCE_ONLINE,
    TOKEN_HEADER, TOKEN_PARAMETER,
};
use crate::site::Site;

/// Largest request head, in bytes; hyper takes no smaller bound than 8 KiB.
const MAX_HEAD_BYTES: usize = 16 * 1024;

type Answer = Response<Full<Bytes>>;

/// A connection after its upgrade.
pub(super) struct Upgraded<S> {
    pub(super) stream: S,
    /// What the peer sent behind its request.
    pub(super) early: Bytes,
    pub(super) query: ConnectQuery,
    /// Whether the daemon was there, for a peer that wants to be told when it comes and goes.
    pub(super) told: Option<bool>,
    /// Where it comes from.
    pub(super) site: Option<Site>,
    /// Its entry in the count of addresses.
    pub(super) visit: Option<Visit>,
    /// Where it is served.
    pub(super) home: Home,
}

/// An upgrade that is agreed on.
struct Accepted {
    upgrade: OnUpgrade,
    query: ConnectQuery,
    told: Option<bool>,
    site: Option<Site>,
    visit: Option<Visit>,
    home: Home,
}

/// Answers the one request of a connection. Returns the connection when the answer is an upgrade;
/// any other answer ends it. Boxed, because a TLS stream is large and each task it passes would keep
/// room for it.
pub(super) async fn accept<S>(stream: S, peer: IpAddr, relay: &Shared) -> Option<Box<Upgraded<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let upgraded = upgrade(stream, peer, relay).await;
    upgraded.unwrap_or_else(|_| {
        relay.hub.metrics.refused(Refusal::Handshake);
        None
    })
}

async fn upgrade<S>(
    stream: S,
    peer: IpAddr,
    relay: &Shared,
) -> hyper::Result<Option<Box<Upgraded<S>>>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let accepted = Mutex::new(None);
    let service = service_fn(async |request| {
        let answer = match answer(request, peer, relay).await {
            Ok((answer, upgrade)) => {
                *accepted.lock().unwrap_or_else(PoisonError::into_inner) = upgrade;
                answer
            }
            Err(refusal) => {
                relay.hub.metrics.refused(refusal);
                debug!(%refusal, "refused");
                refused(refusal)
            }
        };
        Ok::<_, Infallible>(answer)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(relay.hub.limits.handshake)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await?;
    let accepted = accepted.into_inner();
    let Some(accepted) = accepted.unwrap_or_else(PoisonError::into_inner) else {
        return Ok(None);
    };
    let parts = accepted.upgrade.await?.downcast::<TokioIo<S>>();
    Ok(parts.ok().map(|parts| {
        Box::new(Upgraded {
            stream: parts.io.into_inner(),
            // An empty one would keep the whole buffer of the request's head.
            early: match parts.read_buf.is_empty() {
                true => Bytes::new(),
                false => parts.read_buf,
            },
            query: accepted.query,
            told: accepted.told,
            site: accepted.site,
            visit: accepted.visit,
            home: accepted.home,
        })
    }))
}

/// Decides on a request.
async fn answer(
    request: Request<Incoming>,
    peer: IpAddr,
    relay: &Shared,
) -> Result<(Answer, Option<Accepted>), Refusal> {
    let hub = &relay.hub;
    let answer = match request.uri().path() {
        "/health" => json(StatusCode::OK, r#"{"status":"ok"}"#),
        "/ready" if hub.draining() => {
            json(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"unready"}"#)
        }
        "/ready" if relay.cluster.as_ref().is_some_and(|it| !it.ready()) => json(
            StatusCode::SERVICE_UNAVAILABLE,
            r#"{"status":"unready","cluster":"unreachable"}"#,
        ),
        "/ready" => json(StatusCode::OK, r#"{"status":"ready"}"#),
        "/metrics" => {
            let cluster = relay.cluster.as_ref().map(|cluster| cluster.gauges());
            let text = hub.metrics.render(&hub.gauges(), cluster.as_ref());
            plain(StatusCode::OK, "text/plain; version=0.0.4", text)
        }
        PATH => {
            let (answer, accepted) = websocket(request, peer, relay).await?;
            return Ok((answer, Some(accepted)));
        }
        _ => return Err(Refusal::Path),
    };
    Ok((answer, None))
}

/// Decides on an upgrade: the official relay's checks in its order, then ours.
async fn websocket(
    mut request: Request<Incoming>,
    peer: IpAddr,
    relay: &Shared,
) -> Result<(Answer, Accepted), Refusal> {
    let hub = &relay.hub;
    let text = request.uri().query().unwrap_or_default();
    let query = ConnectQuery::parse(text).map_err(Refusal::Query)?;
    let key = websocket_key(&request)?;
    if hub.draining() {
        return Err(Refusal::Draining);
    }
    relay
        .guard
        .admit(token(&request).as_deref(), &query.server)?;
    let (address, visit) = match relay.trust_proxy {
        true => {
            let address = forwarded_for(&request).unwrap_or(peer);
            (address, Some(relay.gate.enter(address)?))
        }
        false => (peer, None),
    };
    let home = match &relay.cluster {
        Some(cluster) => cluster.locate(&query).await?,
        None => Home::Here(Hold::default()),
    };
    let online = match &home {
        Home::There(remote) => remote.online,
        Home::Here(_) => {
            if !hub.has_room(&query.server) {
                return Err(Refusal::Session);
            }
            if relay.claim == Claim::First && hub.is_held(&query).await {
                return Err(Refusal::Claimed);
            }
            hub.online(&query)
        }
    };
    let asked = request.headers().get(PRESENCE_HEADER);
    let asks = asked.is_some_and(|value| value == PRESENCE_ASK);
    let told = asks.then_some(online);
    let mut answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()));
    if let Some(online) = told {
        let presence = match online {
            true => PRESENCE_ONLINE,
            false => PRESENCE_OFFLINE,
        };
        answer = answer.header(PRESENCE_HEADER, presence);
    }
    let answer = answer
        .body(Full::default())
        .expect("these names and values are valid headers");
    let accepted = Accepted {
        upgrade: hyper::upgrade::on(&mut request),
        query,
        told,
        site: Site::beyond_loopback(address),
        visit,
        home,
    };
    Ok((answer, accepted))
}

/// Returns the token that a peer brings: in one of two headers, or in the query.
fn token(request: &Request<Incoming>) -> Option<Cow<'_, str>> {
    let headers = request.headers();
    if let Some(token) = headers.get(TOKEN_HEADER) {
        return token.to_str().ok().map(Cow::from);
    }
    if let Some(value) = headers.get(AUTHORIZATION) {
        return value.to_str().ok()?.strip_prefix("Bearer ").map(Cow::from);
    }
    form_urlencoded::parse(request.uri().query()?.as_bytes())
        .find_map(|(name, value)| (name == TOKEN_PARAMETER).then_some(value))
}

/// Returns the address that the proxy in front saw: the last one, because the peer can write all others.
fn forwarded_for(request: &Request<Incoming>) -> Option<IpAddr> {
    let last = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .next_back()?;
    let last = last.to_str().ok()?.rsplit(',').next()?.trim();
    let with_port = || last.parse().ok().map(|address: SocketAddr| address.ip());
    last.parse().ok().or_else(with_port)
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

/// Writes a refusal as an answer.
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
