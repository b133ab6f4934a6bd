//! Kinds of roads to a daemon.

use std::fmt;
use std::str::FromStr;

use crate::target::Target;

/// How a connection gets to its daemon; what `--via` forces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Via {
    Unix,
    Direct,
    Relay,
    Ssh,
}

/// Not a road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a road is direct, relay, unix or ssh")]
pub struct ViaError;

impl Via {
    /// Returns the kind of the road to a target.
    pub fn of(target: &Target) -> Self {
        match target {
            Target::Relay { .. } => Self::Relay,
            Target::Tcp { .. } => Self::Direct,
            Target::Unix { .. } => Self::Unix,
            Target::Ssh { .. } => Self::Ssh,
        }
    }

    /// The text form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Direct => "direct",
            Self::Relay => "relay",
            Self::Ssh => "ssh",
        }
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Via {
    type Err = ViaError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Unix, Self::Direct, Self::Relay, Self::Ssh]
            .into_iter()
            .find(|via| via.as_str() == text)
            .ok_or(ViaError)
    }
}
