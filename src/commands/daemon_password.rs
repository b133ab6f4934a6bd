//! The password of a daemon that is to be kept: from a file, standard input, the environment, or asked for.

use super::Context;
use super::secret_source::{SecretSource, Wanted};
use crate::env;
use crate::error::{CommandError, Exit, Hop};
use crate::output::{self, Hidden};
use crate::secret::Secret;

const WANTED: Wanted = Wanted {
    code: "PASSWORD_FILE",
    name: "the password",
};
/// How often a person may mistype it.
const ATTEMPTS: usize = 3;
/// Longest password, in bytes. bcrypt reads 72 of them.
const MAX_BYTES: usize = 1024;

impl SecretSource {
    /// Reads a password: the whole text but for the line end.
    pub(super) fn password(&self) -> Result<Secret<String>, CommandError> {
        let bytes = self.read(&WANTED)?;
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        usable(text.trim_end_matches(['\r', '\n']))
            .ok_or_else(|| CommandError::usage(WANTED.code, UNUSABLE))
    }
}

const UNUSABLE: &str = "a password is UTF-8 text of 1 to 1024 bytes, and not blank";

fn usable(text: &str) -> Option<Secret<String>> {
    let fits = !text.trim().is_empty() && text.len() <= MAX_BYTES;
    fits.then(|| text.into())
}

/// Passwords to try with a daemon that requires one.
#[derive(Debug)]
pub(super) struct Passwords {
    /// That of the environment: tried once.
    given: Option<Secret<String>>,
    /// How often somebody may be asked.
    questions: usize,
}

impl Passwords {
    /// Returns those of this command: none where one was named already, else that of the environment, and then what a
    /// person types.
    pub(super) fn new(context: &Context, is_named: bool) -> Self {
        let asks = !is_named && !context.is_batch();
        let variable = context.env.text(env::PASEO_PASSWORD);
        Self {
            given: variable.filter(|_| !is_named).and_then(usable),
            questions: if asks { ATTEMPTS } else { 0 },
        }
    }

    /// Returns the next one; `None`: there is no other.
    pub(super) fn next(&mut self) -> Result<Option<Secret<String>>, CommandError> {
        if let Some(given) = self.given.take() {
            return Ok(Some(given));
        }
        while self.questions > 0 {
            self.questions -= 1;
            let typed = output::ask_hidden("Password of the daemon (not shown)", &Hidden::Line);
            let typed = typed.map_err(|error| {
                CommandError::new(
                    "PROMPT_FAILED",
                    Exit::Failed,
                    "the terminal cannot be asked",
                )
                .because(error)
            })?;
            match usable(&typed) {
                Some(password) => return Ok(Some(password)),
                None => output::note(UNUSABLE),
            }
        }
        Ok(None)
    }
}

/// Returns whether another password may help.
pub(super) fn is_about_password(error: &CommandError) -> bool {
    error.hop == Some(Hop::Auth)
        && matches!(
            error.code.as_ref(),
            "PASSWORD_REQUIRED" | "PASSWORD_INCORRECT"
        )
}

/// A daemon requires a password, and nobody can be asked for it.
pub(super) fn not_given(error: CommandError) -> CommandError {
    error.hint("add --password-file FILE (- for standard input), or set PASEO_PASSWORD")
}
