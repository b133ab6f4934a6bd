//! What the upgrade request says about who connects, and to whom.

use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::http::{header, request};
use zeroize::Zeroizing;

use crate::protocol::admission::{BEARER_SUBPROTOCOL, is_token};
use crate::protocol::relay::{
    PRESENCE_ASK, PRESENCE_HEADER, PRESENCE_OFFLINE, PRESENCE_ONLINE, TOKEN_HEADER,
};
use crate::secret::{RelayToken, Secret};

/// What is shown to the other end. A daemon's password never goes to a relay, nor a relay's token to a
/// daemon.
#[derive(Debug, Clone)]
pub enum Greeting {
    /// The other end is a daemon.
    Daemon {
        /// Its password. One that is a token is also shown here, for daemons before 0.10 that read no other place:
        /// as subprotocol `paseo.bearer.<password>` and as `Authorization`.
        password: Option<Secret<String>>,
    },
    /// The other end is a relay.
    Relay {
        /// Its token, if it is a private one.
        token: Option<RelayToken>,
        /// Whether to ask if the daemon is there.
        ask_presence: bool,
    },
}

impl Greeting {
    /// Adds the headers that say it. The user may have an `Authorization` of their own for what stands before the daemon.
    pub(super) fn add_to(
        &self,
        request: request::Builder,
        has_authorization: bool,
    ) -> request::Builder {
        match self {
            Self::Daemon { password: None } => request,
            Self::Daemon {
                password: Some(password),
            } => {
                if !is_token(password.expose()) {
                    return request;
                }
                let subprotocol =
                    Zeroizing::new(format!("{BEARER_SUBPROTOCOL}{}", password.expose()));
                let request = request.header(header::SEC_WEBSOCKET_PROTOCOL, subprotocol.as_str());
                if has_authorization {
                    return request;
                }
                let bearer = Zeroizing::new(format!("Bearer {}", password.expose()));
                request.header(header::AUTHORIZATION, bearer.as_str())
            }
            Self::Relay {
                token,
                ask_presence,
            } => {
                let mut request = request;
                if *ask_presence {
                    request = request.header(PRESENCE_HEADER, PRESENCE_ASK);
                }
                if let Some(token) = token {
                    request = request.header(TOKEN_HEADER, token.expose());
                }
                request
            }
        }
    }

    /// Returns whether a password is shown.
    pub(super) fn has_password(&self) -> bool {
        matches!(self, Self::Daemon { password: Some(_) })
    }

    /// Returns what a relay's refusal with status 401 is about: whether a token was sent.
    pub(super) fn sent_token(&self) -> Option<bool> {
        match self {
            Self::Daemon { .. } => None,
            Self::Relay { token, .. } => Some(token.is_some()),
        }
    }
}

/// Returns whether a relay says that the daemon is there.
pub(super) fn presence(response: &Response) -> Option<bool> {
    match response.headers().get(PRESENCE_HEADER)?.to_str().ok()? {
        PRESENCE_ONLINE => Some(true),
        PRESENCE_OFFLINE => Some(false),
        _ => None,
    }
}
