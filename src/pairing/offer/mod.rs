//! The pairing offer: link, bare base64url and JSON, to and fro.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::e2ee::{KeyError, PublicKey};
use crate::protocol::base64::decode_lenient;
use crate::protocol::relay::{Endpoint, EndpointError, MAX_ID_BYTES};
use crate::secret::{RelayToken, RelayTokenError, Secret};

/// Largest offer that is read, in bytes, in any form. Real ones have about 240.
pub const MAX_OFFER_BYTES: usize = 16 * 1024;

/// What stands between the base URL and the base64url of an offer link.
pub(super) const MARKER: &str = "#offer=";

/// The only version there is.
const VERSION: u64 = 2;

/// Who a daemon is and where it can be reached. A secret as a whole.
#[derive(Clone)]
pub struct Offer {
    /// The id that the relay routes by: 1 to 256 bytes.
    pub server_id: Secret<String>,
    /// The key that the daemon must prove to hold.
    pub daemon_key: PublicKey,
    /// Where the relay listens.
    pub relay: Endpoint,
    /// Whether the relay speaks TLS, when the offer says; see [`Endpoint::uses_tls`].
    pub use_tls: Option<bool>,
    /// What a private relay wants to see. Ours; official clients ignore it.
    pub relay_token: Option<RelayToken>,
    /// Fields of newer offers, kept as they came.
    unknown: Map<String, Value>,
    /// The same, of the `relay` object.
    relay_unknown: Map<String, Value>,
}

impl Offer {
    /// Makes the offer of a daemon.
    pub fn new(
        server_id: Secret<String>,
        daemon_key: PublicKey,
        relay: Endpoint,
        use_tls: Option<bool>,
    ) -> Self {
        Self {
            server_id,
            daemon_key,
            relay,
            use_tls,
            relay_token: None,
            unknown: Map::new(),
            relay_unknown: Map::new(),
        }
    }

    /// Parses a link (anything with `#offer=` in it), bare base64url or base64, JSON, or what `daemon pair`
    /// prints in any form. White space is ignored, also where a mail or a terminal has wrapped the line.
    pub fn parse(text: &str) -> Result<Self, OfferError> {
        if text.len() > MAX_OFFER_BYTES {
            return Err(OfferError::TooLarge);
        }
        let text = text.trim();
        if text.starts_with('{') {
            return match printed_link(text) {
                Some(link) => Self::parse_link(&link),
                None => Self::from_json(text.as_bytes()),
            };
        }
        Self::parse_link(text)
    }

    fn parse_link(text: &str) -> Result<Self, OfferError> {
        let encoded = text.split_once(MARKER).map_or(text, |(_, encoded)| encoded);
        // Either a word, behind which there may be others, or all that is there, wrapped.
        let word = encoded.split_whitespace().next().ok_or(OfferError::Empty)?;
        let wrapped = || encoded.split_whitespace().collect::<String>();
        Self::from_base64(word).or_else(|_| Self::from_base64(&wrapped()))
    }

    fn from_base64(encoded: &str) -> Result<Self, OfferError> {
        let json = decode_lenient(encoded.as_bytes()).ok_or(OfferError::NotBase64)?;
        Self::from_json(&json)
    }

    fn from_json(json: &[u8]) -> Result<Self, OfferError> {
        let value = serde_json::from_slice(json).map_err(|_| OfferError::NotJson)?;
        let Value::Object(mut fields) = value else {
            return Err(OfferError::NotJson);
        };
        match fields.shift_remove("v") {
            None => return Err(OfferError::Missing("v")),
            Some(version) if version.as_u64() == Some(VERSION) => {}
            Some(_) => return Err(OfferError::Version),
        }
        let server_id = text(&mut fields, "serverId", "serverId")?;
        if server_id.len() > MAX_ID_BYTES {
            return Err(OfferError::ServerIdTooLong);
        }
        let key = text(&mut fields, "daemonPublicKeyB64", "daemonPublicKeyB64")?;
        let mut relay = match fields.shift_remove("relay") {
            None => return Err(OfferError::Missing("relay")),
            Some(Value::Object(relay)) => relay,
            Some(_) => return Err(OfferError::WrongType("relay", "an object")),
        };
        let endpoint = text(&mut relay, "endpoint", "relay.endpoint")?;
        let use_tls = match relay.shift_remove("useTls") {
            None => None,
            Some(Value::Bool(use_tls)) => Some(use_tls),
            Some(_) => return Err(OfferError::WrongType("relay.useTls", "true or false")),
        };
        let relay_token = match relay.shift_remove("token") {
            None => None,
            Some(Value::String(token)) => Some(RelayToken::new(&token)?),
            Some(_) => return Err(OfferError::WrongType("relay.token", "a text")),
        };
        Ok(Self {
            server_id: Secret::new(server_id),
            daemon_key: PublicKey::from_base64(&key)?,
            relay: endpoint.parse()?,
            use_tls,
            relay_token,
            unknown: fields,
            relay_unknown: relay,
        })
    }

    /// Returns the compact JSON: the official keys in the official order, then the unknown ones.
    pub fn to_json(&self) -> Secret<String> {
        let mut relay = Map::new();
        relay.insert("endpoint".to_owned(), json!(self.relay.to_string()));
        if let Some(use_tls) = self.use_tls {
            relay.insert("useTls".to_owned(), json!(use_tls));
        }
        if let Some(token) = &self.relay_token {
            relay.insert("token".to_owned(), json!(token.expose()));
        }
        relay.extend(self.relay_unknown.clone());
        let mut offer = Map::new();
        offer.insert("v".to_owned(), json!(VERSION));
        offer.insert("serverId".to_owned(), json!(self.server_id.expose()));
        let key = self.daemon_key.to_base64();
        offer.insert("daemonPublicKeyB64".to_owned(), json!(key));
        offer.insert("relay".to_owned(), Value::Object(relay));
        offer.extend(self.unknown.clone());
        Secret::new(Value::Object(offer).to_string())
    }

    /// Returns the link. `base_url` is the app's address, of which one trailing slash is dropped.
    pub fn to_link(&self, base_url: &str) -> Secret<String> {
        let base_url = base_url.strip_suffix('/').unwrap_or(base_url);
        let encoded = base64_simd::URL_SAFE_NO_PAD.encode_to_string(self.to_json().expose());
        Secret::new(format!("{base_url}/{MARKER}{encoded}"))
    }

    /// Returns whether a client speaks TLS to the relay.
    pub fn uses_tls(&self) -> bool {
        self.relay.uses_tls(self.use_tls)
    }
}

/// Returns the link in what `daemon pair --json` prints.
fn printed_link(json: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Printed {
        url: String,
    }
    let printed: Printed = serde_json::from_str(json).ok()?;
    printed.url.contains(MARKER).then_some(printed.url)
}

fn text(
    fields: &mut Map<String, Value>,
    key: &str,
    name: &'static str,
) -> Result<String, OfferError> {
    match fields.shift_remove(key) {
        None => Err(OfferError::Missing(name)),
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(_) => Err(OfferError::WrongType(name, "a text that is not empty")),
    }
}

/// Shows what may be published.
impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer")
            .field("fingerprint", &self.daemon_key.fingerprint())
            .field("relay", &self.relay.to_string())
            .finish_non_exhaustive()
    }
}

/// What is wrong with an offer. Nothing of the offer is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// Nothing is there.
    #[error("the offer is empty")]
    Empty,
    /// More than [`MAX_OFFER_BYTES`].
    #[error("the offer is longer than {MAX_OFFER_BYTES} bytes")]
    TooLarge,
    /// Neither JSON nor base64.
    #[error("the offer is not base64; was it cut off when it was copied?")]
    NotBase64,
    /// Base64 of something else.
    #[error("the offer is not a JSON object; was it cut off when it was copied?")]
    NotJson,
    /// Not version 2.
    #[error("the offer has another version than {VERSION}")]
    Version,
    /// A field is missing.
    #[error("the offer has no `{0}`")]
    Missing(&'static str),
    /// A field is something else than it should be.
    #[error("`{0}` of the offer is not {1}")]
    WrongType(&'static str, &'static str),
    /// No relay takes it.
    #[error("`serverId` of the offer is longer than {MAX_ID_BYTES} bytes")]
    ServerIdTooLong,
    /// The key is unusable.
    #[error("`daemonPublicKeyB64` of the offer cannot be used")]
    Key(#[from] KeyError),
    /// The endpoint is not host and port.
    #[error("`relay.endpoint` of the offer cannot be used")]
    Endpoint(#[from] EndpointError),
    /// The token is none.
    #[error("`relay.token` of the offer cannot be used")]
    Token(#[from] RelayTokenError),
}

#[cfg(test)]
mod tests;
