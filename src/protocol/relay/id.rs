//! The two ids that a relay routes by.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::MAX_ID_BYTES;

/// Why a text is no id. The text is not repeated: ids are half of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing is there.
    #[error("the id is empty")]
    Empty,
    /// More than [`MAX_ID_BYTES`].
    #[error("the id is longer than {MAX_ID_BYTES} bytes")]
    TooLong,
}

fn check(text: &str) -> Result<Arc<str>, IdError> {
    match text.len() {
        0 => Err(IdError::Empty),
        1..=MAX_ID_BYTES => Ok(text.into()),
        _ => Err(IdError::TooLong),
    }
}

/// Which daemon: 1 to 256 bytes. Half of the credential that an offer is, so it is never printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerId(Arc<str>);

impl ServerId {
    /// Takes the text as it is.
    pub fn new(text: &str) -> Result<Self, IdError> {
        check(text).map(Self)
    }

    /// Returns the text, for the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[server id]")
    }
}

/// Which client of a daemon: 1 to 256 bytes without white space around them. Whoever knows it can
/// take the daemon's place towards that client, so it is never printed.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConnectionId(Arc<str>);

impl ConnectionId {
    /// Takes the text without the white space around it.
    pub fn new(text: &str) -> Result<Self, IdError> {
        check(text.trim()).map(Self)
    }

    /// Makes the id that a relay gives to a client that brought none: `conn_` and 16 hex digits.
    pub fn from_random(random: u64) -> Self {
        Self(format!("conn_{random:016x}").into())
    }

    /// Returns the text, for the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ConnectionId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(&text)
    }
}

impl From<ConnectionId> for String {
    fn from(id: ConnectionId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[connection id]")
    }
}
