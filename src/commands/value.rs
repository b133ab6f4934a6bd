//! Values that stand elsewhere than in `remotes.toml`: in a variable, or in what a command prints.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use zeroize::Zeroize;

use super::Context;
use crate::error::{CommandError, Exit, Hop};
use crate::remote::ValueSource;
use crate::secret::Secret;
use crate::subprocess;

/// How long a command may take: somebody may have to touch a key or type a passphrase.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest value in bytes.
const MAX_VALUE: u64 = 8 * 1024;

impl Context {
    /// Looks a value up; `what` names it in errors.
    pub(super) fn value(
        &self,
        what: &str,
        source: &ValueSource,
    ) -> Result<Secret<String>, CommandError> {
        match source {
            ValueSource::Text(text) => Ok(Secret::from(text.as_str())),
            ValueSource::Env(name) => self.env.text(name).map(Secret::from).ok_or_else(|| {
                failed(format!(
                    "{what} is in the variable {name}, which is not set"
                ))
            }),
            ValueSource::Command(argv) => {
                let (program, args) = argv
                    .split_first()
                    .ok_or_else(|| failed(format!("the command of {what} is empty")))?;
                let mut command = subprocess::command(program);
                command.args(args);
                output(command).map_err(|why| failed(format!("the command of {what} {why}")))
            }
        }
    }
}

fn failed(message: String) -> CommandError {
    CommandError::new("VALUE_MISSING", Exit::Config, message).at(Hop::Config)
}

/// Runs a command and returns what it prints, without the line feed at the end.
fn output(mut command: Command) -> Result<Secret<String>, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot be run: {error}"))?;
    let (sender, printed) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let read = stdout.take(MAX_VALUE + 1).read_to_end(&mut text);
            let _ = sender.send(read.map(|_| Secret::new(text)));
        });
    }
    let Ok(text) = printed.recv_timeout(PATIENCE) else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("took longer than {} s", PATIENCE.as_secs()));
    };
    let text = text.map_err(|error| format!("cannot be read: {error}"))?;
    let status = child.wait().map_err(|error| error.to_string())?;
    if !status.success() {
        return Err("failed".to_owned());
    }
    if text.expose().len() as u64 > MAX_VALUE {
        return Err("printed too much".to_owned());
    }
    let mut text = match String::from_utf8(text.expose().clone()) {
        Ok(text) => text,
        Err(error) => {
            error.into_bytes().zeroize();
            return Err("printed no text".to_owned());
        }
    };
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(Secret::new(text))
}
