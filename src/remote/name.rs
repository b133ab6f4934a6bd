//! What a remote may be called.

use std::fmt;
use std::str::FromStr;

/// Longest name in characters.
const MAX_CHARS: usize = 63;
/// Names with a meaning of their own: the daemon on this machine, and every remote.
const RESERVED: [&str; 2] = [RemoteName::LOCAL, "all"];

/// The name of a saved remote: a letter or digit, then up to 62 letters, digits, `_`, `.` or `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RemoteName(String);

/// Why a text is no name. It is not repeated: it may be a pairing link in the wrong place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A character or the length.
    #[error("a remote's name is a letter or digit, then up to 62 letters, digits, `_`, `.` or `-`")]
    Malformed,
    /// `local` or `all`.
    #[error("`local` and `all` are reserved and cannot name a remote")]
    Reserved,
}

impl RemoteName {
    /// The built-in remote: the daemon on this machine.
    pub const LOCAL: &str = "local";

    /// Makes a name of the first two of some words of our own, such as those of a fingerprint.
    ///
    /// # Panics
    /// When they are no names.
    pub fn of_words(words: &str) -> Self {
        let two: Vec<&str> = words.split(' ').take(2).collect();
        two.join("-").parse().expect("words of the list are names")
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RemoteName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !starts || text.len() > MAX_CHARS || !text.bytes().all(inner) {
            return Err(NameError::Malformed);
        }
        if RESERVED.iter().any(|name| name.eq_ignore_ascii_case(text)) {
            return Err(NameError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RemoteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let longest = "a".repeat(63);
        for good in ["a", "9", "work", "web-1.example_x", longest.as_str()] {
            assert_eq!(
                good.parse::<RemoteName>().map(|n| n.to_string()),
                Ok(good.to_owned())
            );
        }
        let too_long = "a".repeat(64);
        for bad in ["", "-a", ".a", "@prod", "a b", "ä", "a/b", "a\n", &too_long] {
            assert_eq!(
                bad.parse::<RemoteName>(),
                Err(NameError::Malformed),
                "{bad}"
            );
        }
        for reserved in ["local", "all", "Local"] {
            assert_eq!(reserved.parse::<RemoteName>(), Err(NameError::Reserved));
        }
    }
}
