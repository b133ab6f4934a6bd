//! The pairing offer: link, connection string, bare base64url and JSON, to and fro.

mod find;
mod uri;
mod views;

use std::fmt;

use serde_json::{Map, Value, json};
use zeroize::Zeroize;

use crate::e2ee::{KeyError, PublicKey};
use crate::protocol::relay::{Endpoint, EndpointError, MAX_ID_BYTES};
use crate::secret::{RelayToken, RelayTokenError, Secret};

/// Largest text in which an offer is looked for, in bytes: a mail, or what `daemon pair` prints. An offer itself has
/// about 240.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// What stands between the base URL and the base64url of an offer link.
const MARKER: &str = "#offer=";

/// The only version there is.
const VERSION: u64 = 2;

/// The key of the password.
const PASSWORD: &str = "password";

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
    /// The daemon's password, where it requires one. Ours, and only in what is kept in a secret store: a link has none.
    pub password: Option<Secret<String>>,
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
            password: None,
            unknown: Map::new(),
            relay_unknown: Map::new(),
        }
    }

    /// Finds the one offer in a text: a link, a connection string (`relay://…`, or behind `#connect=`), bare base64 of
    /// either alphabet, JSON, or what `daemon pair` prints.
    ///
    /// The text may be what mail, chat or a terminal made of it: quoted, wrapped, boxed, encoded again, with other
    /// text around it, or twice. Two different offers are an error. At most [`MAX_TEXT_BYTES`] are read.
    pub fn parse(text: &str) -> Result<Self, OfferError> {
        find::only(text)
    }

    /// Finds the one offer in bytes, such as those of a file: UTF-8, perhaps with a byte order mark.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, OfferError> {
        if bytes.len() > MAX_TEXT_BYTES {
            return Err(OfferError::TooLarge);
        }
        let wide = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
        if wide || bytes.iter().take(64).any(|byte| *byte == 0) {
            return Err(OfferError::Utf16);
        }
        // What surrounds the offer may be in any encoding.
        let text = String::from_utf8_lossy(bytes).into_owned();
        Self::parse(Secret::new(text).expose())
    }

    /// Reads an offer that [`Offer::to_json`] wrote, and leaves no copy of the text behind.
    pub fn from_json(json: &[u8]) -> Result<Self, OfferError> {
        match serde_json::from_slice(json) {
            Ok(value) => Self::from_value(value),
            Err(_) => Err(OfferError::NotJson),
        }
    }

    /// Reads an offer, and wipes what is not kept of it.
    fn from_value(value: Value) -> Result<Self, OfferError> {
        let mut value = Wiped(value);
        match &mut value.0 {
            Value::Object(fields) => Self::from_fields(fields),
            _ => Err(OfferError::NotJson),
        }
    }

    fn from_fields(fields: &mut Map<String, Value>) -> Result<Self, OfferError> {
        match fields.shift_remove("v") {
            None => return Err(OfferError::Missing("v")),
            Some(version) if version.as_u64() == Some(VERSION) => {}
            Some(_) => return Err(OfferError::Version),
        }
        let server_id = text(fields, "serverId", "serverId")?;
        if server_id.expose().len() > MAX_ID_BYTES {
            return Err(OfferError::ServerIdTooLong);
        }
        let key = text(fields, "daemonPublicKeyB64", "daemonPublicKeyB64")?;
        let relay = match fields.get_mut("relay") {
            None => return Err(OfferError::Missing("relay")),
            Some(Value::Object(relay)) => relay,
            Some(_) => return Err(OfferError::WrongType("relay", "an object")),
        };
        let endpoint = text(relay, "endpoint", "relay.endpoint")?;
        let use_tls = match relay.shift_remove("useTls") {
            None => None,
            Some(Value::Bool(use_tls)) => Some(use_tls),
            Some(_) => return Err(OfferError::WrongType("relay.useTls", "true or false")),
        };
        let relay_token = match relay.shift_remove("token") {
            None => None,
            Some(Value::String(token)) => Some(RelayToken::new(Secret::new(token).expose())?),
            Some(_) => return Err(OfferError::WrongType("relay.token", "a text")),
        };
        let relay_unknown = std::mem::take(relay);
        fields.shift_remove("relay");
        let password = match fields.contains_key(PASSWORD) {
            true => Some(text(fields, PASSWORD, PASSWORD)?),
            false => None,
        };
        Ok(Self {
            server_id,
            daemon_key: PublicKey::from_base64(key.expose())?,
            relay: endpoint.expose().parse()?,
            use_tls,
            relay_token,
            password,
            unknown: std::mem::take(fields),
            relay_unknown,
        })
    }

    /// Returns the compact JSON: the official keys in the official order, then ours and the unknown ones.
    pub fn to_json(&self) -> Secret<String> {
        self.json_with(self.password.as_ref())
    }

    fn json_with(&self, password: Option<&Secret<String>>) -> Secret<String> {
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
        if let Some(password) = password {
            offer.insert(PASSWORD.to_owned(), json!(password.expose()));
        }
        offer.extend(self.unknown.clone());
        let offer = Wiped(Value::Object(offer));
        Secret::new(offer.0.to_string())
    }

    /// Returns the link, without the password. `base_url` is the app's address, of which one trailing slash is dropped.
    pub fn to_link(&self, base_url: &str) -> Secret<String> {
        let base_url = base_url.strip_suffix('/').unwrap_or(base_url);
        let encoded = base64_simd::URL_SAFE_NO_PAD.encode_to_string(self.json_with(None).expose());
        Secret::new(format!("{base_url}/{MARKER}{encoded}"))
    }

    /// Returns the connection string, without the password: what scanners of 0.10 and later take, too.
    pub fn to_uri(&self) -> Secret<String> {
        uri::write(self)
    }

    /// Returns whether a client speaks TLS to the relay.
    pub fn uses_tls(&self) -> bool {
        self.relay.uses_tls(self.use_tls)
    }
}

/// Returns whether a text has the mark of an offer in it, in whatever way it was encoded again.
pub fn is_marked(text: &str) -> bool {
    find::is_marked(text)
}

/// A value whose texts are wiped when it is dropped.
struct Wiped(Value);

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn text(
    fields: &mut Map<String, Value>,
    key: &str,
    name: &'static str,
) -> Result<Secret<String>, OfferError> {
    match fields.shift_remove(key) {
        None => Err(OfferError::Missing(name)),
        Some(Value::String(text)) if !text.is_empty() => Ok(Secret::new(text)),
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
    /// More than [`MAX_TEXT_BYTES`].
    #[error("the text with the offer is longer than {MAX_TEXT_BYTES} bytes")]
    TooLarge,
    /// Wide characters, as some editors save them.
    #[error("the text is UTF-16; save it as UTF-8, or paste the offer")]
    Utf16,
    /// No part of the text looks like one.
    #[error("there is no pairing offer in it")]
    NoOffer,
    /// Two different ones.
    #[error("there are two different offers in it")]
    Several,
    /// It looks like thousands of offers, none of them whole.
    #[error("too many parts of the text look like a pairing offer; paste the offer alone")]
    Tangled,
    /// Its end is missing. Counts the characters that are there.
    #[error("the offer is cut off after {0} characters")]
    CutOff(usize),
    /// Something else than base64 behind the mark.
    #[error("the offer is not base64")]
    NotBase64,
    /// Base64 of something else.
    #[error("the offer is not a JSON object")]
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
