//! The last step: the WebSocket upgrade.

use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::{Request, generate_key};
use tokio_tungstenite::tungstenite::http::{StatusCode, header};

use super::{Address, Attempt, DialError, Dialed, Step, Stream};
use crate::protocol::relay::Endpoint;
use crate::transport::greeting::presence;
use crate::transport::traffic::Metered;
use crate::transport::{Presence, websocket};

impl Attempt<'_> {
    pub(super) async fn upgrade(
        &self,
        stream: Stream,
        host: &Endpoint,
    ) -> Result<Dialed, DialError> {
        let request = self.request(host)?;
        let (stream, traffic) = Metered::new(stream);
        let upgrade = client_async_with_config(request, stream, Some(websocket::config()));
        let failed = |error| self.upgrade_failed(error);
        let (stream, response) = self.within(Step::Upgrade, upgrade, failed).await?;
        let daemon_online = presence(&response);
        tracing::info!(?daemon_online, "upgraded to WebSocket");
        let (teller, presence) = daemon_online.map(Presence::new).unzip();
        Ok(Dialed {
            transport: websocket::told_by(stream, teller),
            presence,
            traffic,
        })
    }

    fn request(&self, host: &Endpoint) -> Result<Request, DialError> {
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
        request = self.dial.greeting.add_to(request)?;
        for added in &self.dial.network.headers {
            let (name, value) = added.parts();
            request = request.header(name, value);
        }
        Ok(request
            .body(())
            .expect("host, path and header values are made of allowed characters"))
    }

    fn upgrade_failed(&self, error: WsError) -> DialError {
        let address = self.address.clone();
        match (error, self.dial.greeting.sent_token()) {
            (WsError::Http(response), Some(sent))
                if response.status() == StatusCode::UNAUTHORIZED =>
            {
                DialError::Token { address, sent }
            }
            (error, _) => match error {
                WsError::Http(response) => DialError::Refused {
                    address,
                    status: response.status().as_u16(),
                    wants_tls: response.status() == StatusCode::BAD_REQUEST
                        && response.body().as_deref().is_some_and(mentions_https),
                },
                WsError::Io(source) if source.kind() == std::io::ErrorKind::UnexpectedEof => {
                    DialError::Dropped { address }
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

fn mentions_https(body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(body).to_ascii_lowercase();
    body.contains("https") || body.contains("tls") || body.contains("ssl")
}
