//! Where the vault's passphrase comes from: a variable, a file, a program that asks, or the terminal.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::env::{self, Env};
use crate::files;
use crate::output;
use crate::secret::{Passphrase, Secret, StoreError, StoreKind};

/// Longest passphrase in bytes.
const MAX_BYTES: usize = 1024;

/// The first of these that is there is asked, and no other.
#[derive(Debug)]
pub(super) enum Source {
    /// `PASEO_VAULT_PASSPHRASE`.
    Given(Secret<String>),
    /// `PASEO_VAULT_PASSPHRASE_FILE`.
    File(PathBuf),
    /// `PASEO_ASKPASS`: a program that gets the question as its argument and writes the answer to stdout.
    Program(PathBuf),
    /// The terminal.
    Terminal,
    /// There is nobody to ask.
    Nobody,
}

impl Source {
    /// Finds it. In a batch nobody is at the terminal.
    pub(super) fn new(env: &Env, batch: bool) -> Self {
        if let Some(passphrase) = env.text(env::PASEO_VAULT_PASSPHRASE) {
            return Self::Given(passphrase.into());
        }
        let file = env.path(env::PASEO_VAULT_PASSPHRASE_FILE);
        let program = env.path(env::PASEO_ASKPASS);
        match (file, program) {
            (Some(file), _) => Self::File(file),
            (None, Some(program)) => Self::Program(program),
            (None, None) if batch => Self::Nobody,
            (None, None) => Self::Terminal,
        }
    }

    fn ask(&self, question: &str) -> Result<Secret<String>, StoreError> {
        match self {
            Self::Given(passphrase) => Ok(passphrase.clone()),
            Self::File(path) => read(path),
            Self::Program(path) => run(path, question),
            Self::Terminal => match output::ask_hidden(question) {
                Ok(typed) => Ok(Secret::new(typed.to_string())),
                Err(_) => Err(none("the terminal cannot be asked")),
            },
            Self::Nobody => Err(StoreError::Locked {
                store: StoreKind::Vault,
            }),
        }
        .and_then(|passphrase| match passphrase.expose().is_empty() {
            true => Err(none("it is empty")),
            false => Ok(passphrase),
        })
    }
}

impl Passphrase for Source {
    fn existing(&self, again: bool) -> Result<Secret<String>, StoreError> {
        self.ask(match again {
            false => "Passphrase of the vault",
            true => "Wrong. Passphrase of the vault",
        })
    }

    fn new_one(&self) -> Result<Secret<String>, StoreError> {
        let first = self.ask("New passphrase for the vault")?;
        if self.is_interactive() {
            let second = self.ask("The same once more")?;
            if first.expose() != second.expose() {
                return Err(none("the two are not the same"));
            }
        }
        Ok(first)
    }

    fn is_interactive(&self) -> bool {
        matches!(self, Self::Terminal | Self::Program(_) | Self::Nobody)
    }
}

fn read(path: &Path) -> Result<Secret<String>, StoreError> {
    let bytes = files::read_private(path, MAX_BYTES as u64)?;
    let bytes = bytes.ok_or_else(|| none("its file is not there"))?;
    line(Secret::new(bytes))
}

fn run(program: &Path, question: &str) -> Result<Secret<String>, StoreError> {
    let mut command = Command::new(program);
    command
        .arg(question)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    Env::scrub(&mut command);
    let output = command.output().map_err(|error| none(&error.to_string()))?;
    let answer = Secret::new(output.stdout);
    match output.status.success() && answer.expose().len() <= MAX_BYTES {
        true => line(answer),
        false => Err(none("the program that asks for it failed")),
    }
}

/// Takes the line end away, which files and programs add.
fn line(bytes: Secret<Vec<u8>>) -> Result<Secret<String>, StoreError> {
    let text = std::str::from_utf8(bytes.expose()).map_err(|_| none("it is not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(text.strip_suffix('\r').unwrap_or(text).into())
}

fn none(reason: &str) -> StoreError {
    StoreError::NoPassphrase {
        store: StoreKind::Vault,
        reason: reason.to_owned(),
    }
}
