//! What the upgrade request says about who connects, and to whom.

use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::http::{header, request};
use zeroize::Zeroizing;

use super::DialError;
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
        /// Its password, offered as subprotocol `paseo.bearer.<password>`.
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
    /// Adds the headers that say it.
    pub(super) fn add_to(&self, request: request::Builder) -> Result<request::Builder, DialError> {
        match self {
            Self::Daemon { password: None } => Ok(request),
            Self::Daemon {
                password: Some(password),
            } => {
                if !password.expose().bytes().all(is_token) || password.expose().is_empty() {
                    return Err(DialError::PasswordCharacters);
                }
                let bearer = Zeroizing::new(format!("paseo.bearer.{}", password.expose()));
                Ok(request.header(header::SEC_WEBSOCKET_PROTOCOL, bearer.as_str()))
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
                Ok(request)
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

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
