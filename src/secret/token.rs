//! The token that a private relay asks for.

use super::Secret;

/// Longest token, in bytes. It travels in a header of the upgrade request.
const MAX_TOKEN_BYTES: usize = 4096;

/// What a private relay wants to see of everybody who connects: one line of ASCII.
#[derive(Debug, Clone)]
pub struct RelayToken(Secret<String>);

/// Why a text is no token. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RelayTokenError {
    /// Nothing is there.
    #[error("the token is empty")]
    Empty,
    /// More than any relay takes.
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// Something that no header can carry.
    #[error("a token is one line of ASCII characters")]
    Characters,
}

impl PartialEq for RelayToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.is(other.expose())
    }
}

impl Eq for RelayToken {}

impl RelayToken {
    /// Takes the text without the white space around it.
    pub fn new(text: &str) -> Result<Self, RelayTokenError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(RelayTokenError::Empty);
        }
        if text.len() > MAX_TOKEN_BYTES {
            return Err(RelayTokenError::TooLong);
        }
        if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(RelayTokenError::Characters);
        }
        Ok(Self(text.into()))
    }

    /// Returns the text, for the wire and for secret stores.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_visible_line() {
        assert_eq!(RelayToken::new(" t0k +/=~\n").unwrap().expose(), "t0k +/=~");
        for (text, error) in [
            (" \n", RelayTokenError::Empty),
            (&*"x".repeat(MAX_TOKEN_BYTES + 1), RelayTokenError::TooLong),
            ("two\nlines", RelayTokenError::Characters),
            ("t\u{e4}", RelayTokenError::Characters),
        ] {
            assert_eq!(RelayToken::new(text).err(), Some(error));
        }
        let shown = format!("{:?}", RelayToken::new("hunter2").unwrap());
        assert!(!shown.contains("hunter2"));
    }
}
