//! The token of a private relay: from a file, standard input, or the environment. Never from the
//! command line, which others can read.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::Context;
use crate::env;
use crate::error::CommandError;
use crate::files;
use crate::secret::{RelayToken, Secret};

/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 16 * 1024;

/// Where a token is.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl From<std::ffi::OsString> for TokenSource {
    fn from(text: std::ffi::OsString) -> Self {
        match text == "-" {
            true => Self::Stdin,
            false => Self::File(text.into()),
        }
    }
}

impl TokenSource {
    /// Reads the token.
    pub(super) fn read(&self) -> Result<RelayToken, CommandError> {
        let bytes = match self {
            Self::Stdin => stdin()?,
            Self::File(path) => file(path)?,
        };
        let text = Secret::new(String::from_utf8_lossy(&bytes).into_owned());
        Ok(RelayToken::new(text.expose())?)
    }
}

impl Context {
    /// Returns the token for the relay that this command is about: the one that is named, else that of
    /// the environment.
    pub(super) fn relay_token(
        &self,
        source: Option<&TokenSource>,
    ) -> Result<Option<RelayToken>, CommandError> {
        match (source, self.env.text(env::PASEO_RELAY_TOKEN)) {
            (Some(source), _) => source.read().map(Some),
            (None, Some(text)) => Ok(Some(RelayToken::new(text)?)),
            (None, None) => Ok(None),
        }
    }
}

fn stdin() -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    let stdin = std::io::stdin().lock().take(MAX_FILE_BYTES);
    { stdin }.read_to_end(&mut bytes).map_err(|error| {
        CommandError::usage(
            "INVALID_RELAY_TOKEN",
            "the token cannot be read from standard input",
        )
        .because(error)
    })?;
    Ok(bytes)
}

fn file(path: &Path) -> Result<Vec<u8>, CommandError> {
    files::read_given_private(path, MAX_FILE_BYTES)?.ok_or_else(|| {
        // The path is not repeated: it may be the token itself.
        CommandError::usage(
            "INVALID_RELAY_TOKEN",
            "there is no such file with a relay's token",
        )
        .hint("name a file, or - and give the token on standard input")
    })
}
