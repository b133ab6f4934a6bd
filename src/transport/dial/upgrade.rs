//! The last step: the WebSocket upgrade.

use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::{Request, generate_key};
use tokio_tungstenite::tungstenite::http::{Response, StatusCode, header};

use super::{Address, Attempt, DialError, Dialed, Step, Stream};
use crate::protocol::relay::Endpoint;
use crate::transport::greeting::presence;
use crate::transport::intake::{Fault, Intake};
use crate::transport::tap::Tapped;
use crate::transport::{Presence, Traffic, websocket};

/// How much of a refusal is told.
const MAX_SAID_CHARS: usize = 200;

/// What a daemon answers when it does not know the name in `Host` (`docs/protocol.md`, "HTTP endpoints of the daemon").
const HOST_REFUSED: &[u8] = b"Host not allowed";

impl Attempt<'_> {
    pub(super) async fn upgrade(
        &self,
        stream: Stream,
        host: &Endpoint,
    ) -> Result<Dialed, DialError> {
        let request = self.request(host);
        let traffic = Traffic::default();
        let stream = Tapped::new(stream, traffic.clone());
        let intake = self.budget.map(|budget| Intake::new(budget, true));
        let stream: Stream = match &intake {
            Some(intake) => Box::new(Tapped::new(stream, intake.clone())),
            None => Box::new(stream),
        };
        let upgrade = client_async_with_config(request, stream, Some(websocket::config()));
        let failed = |error| self.upgrade_failed(error, host);
        let (stream, response) = self.within(Step::Upgrade, upgrade, failed).await?;
        let daemon_online = presence(&response);
        tracing::info!(?daemon_online, "upgraded to WebSocket");
        let (teller, presence) = daemon_online.map(Presence::new).unzip();
        Ok(Dialed {
            transport: websocket::new(stream, teller, intake),
            presence,
            traffic,
        })
    }

    fn request(&self, host: &Endpoint) -> Request {
        let host = match &self.dial.address {
            Address::Tcp { .. } | Address::Ssh(_) => host.without_zone().to_string(),
            Address::Unix(_) => host.host().to_owned(),
        };
        let mut request = Request::builder()
            .uri(format!("ws://{host}{}", self.dial.path.expose()))
            .header(header::HOST, &host)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, generate_key());
        let headers = &self.dial.network.headers;
        let mut names = headers.iter().map(|added| added.parts().0);
        let has_authorization = names.any(|name| *name == header::AUTHORIZATION);
        request = self.dial.greeting.add_to(request, has_authorization);
        for added in headers {
            let (name, value) = added.parts();
            request = request.header(name, value);
        }
        request
            .body(())
            .expect("host, path and header values are made of allowed characters")
    }

    fn upgrade_failed(&self, error: WsError, host: &Endpoint) -> DialError {
        let address = self.address.clone();
        let asked_relay = self.dial.greeting.sent_token().is_some();
        match (error, self.dial.greeting.sent_token()) {
            (WsError::Http(response), Some(sent))
                if response.status() == StatusCode::UNAUTHORIZED =>
            {
                let address = address.address;
                DialError::Token { address, sent }
            }
            (error, _) => match error {
                WsError::Http(response) if !asked_relay && refuses_host(&response) => {
                    DialError::HostName {
                        address: address.address,
                        host: host.host().to_owned(),
                    }
                }
                WsError::Http(response) => DialError::Refused {
                    address,
                    relay: asked_relay,
                    status: response.status().as_u16(),
                    wants_tls: response.status() == StatusCode::BAD_REQUEST
                        && response.body().as_deref().is_some_and(mentions_https),
                    said: first_line(&response, self.dial.path.expose()),
                },
                WsError::Io(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
                    DialError::Dropped { address }
                }
                WsError::Io(source) if source.get_ref().is_some_and(|it| it.is::<Fault>()) => {
                    DialError::NotHttp { address }
                }
                WsError::Io(source) => DialError::Connect { address, source },
                WsError::Protocol(ProtocolError::HandshakeIncomplete) => {
                    DialError::Dropped { address }
                }
                _ => DialError::NotHttp { address },
            },
        }
    }
}

/// Returns what a server says in plain text, unless it repeats the request: the path may hold a secret.
fn first_line(response: &Response<Option<Vec<u8>>>, path: &str) -> Option<String> {
    let kind = response.headers().get(header::CONTENT_TYPE)?;
    if !kind.as_bytes().starts_with(b"text/plain") {
        return None;
    }
    let body = String::from_utf8_lossy(response.body().as_deref()?);
    let line = body.lines().next()?.chars();
    let line: String = line
        .filter(|c| !c.is_control())
        .take(MAX_SAID_CHARS)
        .collect();
    let (route, query) = path.split_once('?').unwrap_or((path, ""));
    let repeats = line.contains(route) || query.split('&').any(|part| repeated(part, &line));
    (!line.is_empty() && !repeats).then_some(line)
}

fn repeated(part: &str, line: &str) -> bool {
    let (_, value) = part.split_once('=').unwrap_or(("", part));
    value.len() > 6 && line.contains(value)
}

/// Returns whether a daemon says that it does not answer to this name.
fn refuses_host(response: &Response<Option<Vec<u8>>>) -> bool {
    let body = response.body().as_deref().unwrap_or_default();
    response.status() == StatusCode::FORBIDDEN && body.starts_with(HOST_REFUSED)
}

fn mentions_https(body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(body).to_ascii_lowercase();
    body.contains("https") || body.contains("tls") || body.contains("ssl")
}
