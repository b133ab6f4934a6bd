//! A secret that a command is given: in a file or on standard input. Never in the command line, which others can read.

use std::io::Read;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::CommandError;
use crate::files;

/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 16 * 1024;

/// Where a secret is.
#[derive(Debug, Clone)]
pub enum SecretSource {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// What is read, for errors.
pub(super) struct Wanted {
    /// Code of the errors.
    pub(super) code: &'static str,
    /// What it is called, with its article.
    pub(super) name: &'static str,
}

impl From<std::ffi::OsString> for SecretSource {
    fn from(text: std::ffi::OsString) -> Self {
        match text == "-" {
            true => Self::Stdin,
            false => Self::File(text.into()),
        }
    }
}

impl SecretSource {
    /// Returns whether it is standard input, which only one secret can come from.
    pub(super) fn is_stdin(&self) -> bool {
        matches!(self, Self::Stdin)
    }

    /// Reads the secret.
    pub(super) fn read(&self, wanted: &Wanted) -> Result<Zeroizing<Vec<u8>>, CommandError> {
        let bytes = match self {
            Self::Stdin => stdin(wanted)?,
            Self::File(path) => file(path, wanted)?,
        };
        Ok(Zeroizing::new(bytes))
    }
}

fn stdin(wanted: &Wanted) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    let stdin = std::io::stdin().lock().take(MAX_FILE_BYTES);
    { stdin }.read_to_end(&mut bytes).map_err(|error| {
        let message = format!("{} cannot be read from standard input", wanted.name);
        CommandError::usage(wanted.code, message).because(error)
    })?;
    Ok(bytes)
}

fn file(path: &Path, wanted: &Wanted) -> Result<Vec<u8>, CommandError> {
    files::read_given_private(path, MAX_FILE_BYTES)?.ok_or_else(|| {
        // The path is not repeated: it may be the secret itself.
        let message = format!("there is no such file with {}", wanted.name);
        CommandError::usage(wanted.code, message)
            .hint("name a file, or pass - and give the secret on standard input")
    })
}
