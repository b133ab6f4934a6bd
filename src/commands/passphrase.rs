//! Where passphrases come from, that of the vault and those of bundles: a variable, a file, a program that
//! asks, or the terminal.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::env::{self, Env};
use crate::error::{CommandError, Exit, LONGER_PASSPHRASE};
use crate::files::{self, FileError};
use crate::output::{self, Hidden};
use crate::secret::{Passphrase, Secret, StoreError, StoreKind};
use crate::subprocess;

/// Longest passphrase in bytes.
const MAX_BYTES: usize = 1024;

/// Fewest characters of a new passphrase, blanks around it not counted. Whoever gets the file guesses as long as they like:
/// eight lower-case letters are 38 bits at most, and at 64 MiB a guess some weeks; three random words have twelve. Shorter
/// ones that exist go on to open what they open.
const MIN_CHARS: usize = 12;

/// What a passphrase is for.
#[derive(Debug)]
pub(super) struct Purpose {
    /// Variable with the passphrase itself.
    given: &'static str,
    /// Variable that names a private file.
    file: &'static str,
    /// How one that is there is asked for.
    existing: &'static str,
    /// How one to be made is asked for.
    new: &'static str,
}

/// The vault.
pub(super) const VAULT: Purpose = Purpose {
    given: env::PASEO_VAULT_PASSPHRASE,
    file: env::PASEO_VAULT_PASSPHRASE_FILE,
    existing: "Passphrase of the vault",
    new: "New passphrase for the vault",
};

/// Bundles of remotes.
pub(super) const BUNDLE: Purpose = Purpose {
    given: env::PASEO_BUNDLE_PASSPHRASE,
    file: env::PASEO_BUNDLE_PASSPHRASE_FILE,
    existing: "Passphrase of the bundle",
    new: "Passphrase for the bundle",
};

/// Gets passphrases.
#[derive(Debug)]
pub(super) struct Asker {
    source: Source,
    purpose: &'static Purpose,
}

/// The first of these that is there is asked, and no other.
#[derive(Debug)]
enum Source {
    /// A variable.
    Given(Secret<String>),
    /// A file.
    File(PathBuf),
    /// `PASEO_ASKPASS`: a program that gets the question as its argument and writes the answer to stdout.
    Program(PathBuf),
    /// The terminal.
    Terminal,
    /// There is nobody to ask.
    Nobody,
}

/// Why a passphrase cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoPassphrase {
    /// Nobody is there to be asked.
    #[error("nobody is there to be asked")]
    Nobody,
    /// Something else.
    #[error("{0}")]
    Because(String),
    /// A new one is too easy to guess.
    #[error("the passphrase is too short: give at least {MIN_CHARS} characters")]
    Short,
    /// Its file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Source {
    fn new(env: &Env, batch: bool, purpose: &Purpose) -> Self {
        if let Some(passphrase) = env.passphrase(purpose.given) {
            return Self::Given(passphrase.into());
        }
        let file = env.path(purpose.file);
        let program = env.path(env::PASEO_ASKPASS);
        match (file, program) {
            (Some(file), _) => Self::File(file),
            (None, Some(program)) => Self::Program(program),
            (None, None) if batch => Self::Nobody,
            (None, None) => Self::Terminal,
        }
    }

    fn ask(&self, question: &str) -> Result<Secret<String>, NoPassphrase> {
        match self {
            Self::Given(passphrase) => Ok(passphrase.clone()),
            Self::File(path) => read(path),
            Self::Program(path) => run(path, question),
            Self::Terminal => match output::ask_hidden(question, &Hidden::Line) {
                Ok(typed) => Ok(Secret::from(typed.as_str())),
                Err(_) => Err(none("the terminal cannot be asked")),
            },
            Self::Nobody => Err(NoPassphrase::Nobody),
        }
        .and_then(|passphrase| match passphrase.expose().is_empty() {
            true => Err(none("it is empty")),
            false => Ok(passphrase),
        })
    }
}

impl Asker {
    /// Finds out who knows it. In a batch nobody is at the terminal.
    pub(super) fn new(env: &Env, batch: bool, purpose: &'static Purpose) -> Self {
        Self {
            source: Source::new(env, batch, purpose),
            purpose,
        }
    }

    /// Returns the passphrase of something that is there; `again` after a wrong one.
    pub(super) fn existing(&self, again: bool) -> Result<Secret<String>, NoPassphrase> {
        let question = self.purpose.existing;
        match again {
            false => self.source.ask(question),
            true => self.source.ask(&format!("Wrong. {question}")),
        }
    }

    /// Returns a passphrase for something to be made. A person types it twice.
    pub(super) fn new_one(&self) -> Result<Secret<String>, NoPassphrase> {
        let first = self.source.ask(self.purpose.new)?;
        if first.expose().trim().chars().count() < MIN_CHARS {
            return Err(NoPassphrase::Short);
        }
        // A longer one could not be read from a file.
        if first.expose().len() > MAX_BYTES {
            return Err(none(&format!("it is longer than {MAX_BYTES} bytes")));
        }
        if self.is_interactive() {
            let second = self.source.ask("The same once more")?;
            if !first.is(second.expose()) {
                return Err(none("the two passphrases do not match"));
            }
        }
        Ok(first)
    }

    /// Returns whether a person is asked, or would have to be.
    pub(super) fn is_interactive(&self) -> bool {
        !matches!(self.source, Source::Given(_) | Source::File(_))
    }
}

impl Passphrase for Asker {
    fn existing(&self, again: bool) -> Result<Secret<String>, StoreError> {
        Ok(self.existing(again)?)
    }

    fn new_one(&self) -> Result<Secret<String>, StoreError> {
        Ok(self.new_one()?)
    }

    fn is_interactive(&self) -> bool {
        self.is_interactive()
    }

    fn is_typed(&self) -> bool {
        matches!(self.source, Source::Terminal)
    }
}

/// The vault is a store, and its errors are those of one.
impl From<NoPassphrase> for StoreError {
    fn from(error: NoPassphrase) -> Self {
        let store = StoreKind::Vault;
        match error {
            NoPassphrase::Nobody => Self::Locked { store },
            NoPassphrase::Because(reason) => Self::NoPassphrase { store, reason },
            NoPassphrase::Short => Self::ShortPassphrase {
                store,
                least: MIN_CHARS,
            },
            NoPassphrase::File(error) => Self::File(error),
        }
    }
}

/// A bundle is none.
impl From<NoPassphrase> for CommandError {
    fn from(error: NoPassphrase) -> Self {
        if matches!(error, NoPassphrase::Short) {
            return Self::new("PASSPHRASE_TOO_SHORT", Exit::Usage, error.to_string())
                .hint(LONGER_PASSPHRASE);
        }
        let message = "the passphrase of the bundle cannot be had";
        Self::new("BUNDLE_LOCKED", Exit::Auth, message)
            .because(error)
            .hint("it comes from a terminal, PASEO_BUNDLE_PASSPHRASE_FILE or PASEO_ASKPASS")
    }
}

fn read(path: &Path) -> Result<Secret<String>, NoPassphrase> {
    let bytes = files::read_private(path, MAX_BYTES as u64)?;
    let bytes = bytes.ok_or_else(|| none("its file is not there"))?;
    line(Secret::new(bytes))
}

fn run(program: &Path, question: &str) -> Result<Secret<String>, NoPassphrase> {
    let mut command = subprocess::command(program);
    command
        .arg(question)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let failed = |error: io::Error| none(&error.to_string());
    let mut child = command.spawn().map_err(failed)?;
    let read = child
        .stdout
        .take()
        .map(|stdout| files::to_limit(stdout, MAX_BYTES as u64));
    let answer = match read {
        Some(Ok(Some(answer))) => Secret::new(answer),
        Some(Ok(None)) => {
            // It may go on for ever. That it has ended meanwhile is no fault.
            let _ = child.kill();
            let _ = child.wait();
            return Err(none(&format!(
                "the answer is longer than {MAX_BYTES} bytes"
            )));
        }
        Some(Err(error)) => return Err(failed(error)),
        None => return Err(none("the program that asks for it failed")),
    };
    match child.wait().map_err(failed)?.success() {
        true => line(answer),
        false => Err(none("the program that asks for it failed")),
    }
}

/// Takes the line end away, which files and programs add.
fn line(bytes: Secret<Vec<u8>>) -> Result<Secret<String>, NoPassphrase> {
    let text = std::str::from_utf8(bytes.expose()).map_err(|_| none("it is not UTF-8"))?;
    Ok(env::without_line_end(text).into())
}

fn none(reason: &str) -> NoPassphrase {
    NoPassphrase::Because(reason.to_owned())
}
