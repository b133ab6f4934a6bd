//! The name of an item in a secret store.

use std::fmt;
use std::str::FromStr;

/// Random bytes in a fresh id.
const RANDOM_BYTES: usize = 8;
/// Longest id in characters.
const MAX_CHARS: usize = 64;
const PREFIX: &str = "r_";

/// The account of an item: `r_` and up to 62 lower-case letters and digits.
///
/// It is random, so that it tells nothing and a rename of the profile moves nothing. It reaches file
/// names and the OS keyring, so nothing else can be one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretId(String);

/// The text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret's id is `r_` and up to 62 lower-case letters and digits")]
pub struct SecretIdError;

impl SecretId {
    /// Makes a fresh id of 64 random bits.
    ///
    /// # Panics
    /// When the system has no randomness to give.
    pub fn random() -> Self {
        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes).expect("the system's random number generator works");
        let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
        Self(digits.fold(PREFIX.to_owned(), |id, digits| id + &digits))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretId {
    type Err = SecretIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let random = text.strip_prefix(PREFIX).ok_or(SecretIdError)?;
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if random.is_empty() || text.len() > MAX_CHARS || !random.bytes().all(allowed) {
            return Err(SecretIdError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_ids_differ_and_parse() {
        let (a, b) = (SecretId::random(), SecretId::random());
        assert_ne!(a, b);
        assert_eq!(a.to_string().parse(), Ok(a));
    }

    #[test]
    fn nothing_else_is_an_id() {
        for text in ["", "r_", "x_1", "r_A", "r_../etc", "r_a/b", "r_\n"] {
            assert_eq!(text.parse::<SecretId>(), Err(SecretIdError), "{text:?}");
        }
        let longest = format!("r_{}", "0".repeat(62));
        assert!(longest.parse::<SecretId>().is_ok());
        assert!((longest + "0").parse::<SecretId>().is_err());
    }
}
