//! `paseo remote edit`: the file of remotes in an editor, checked before it replaces the old one.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::commands::{CommandResult, Context};
use crate::env;
use crate::error::{CommandError, Exit};
use crate::output::{self, Output};
use crate::remote::{ConfigError, RemotesFile};
use crate::subprocess;

/// Arguments of `paseo remote edit`
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Opens a copy of the file in `$VISUAL` or `$EDITOR`, and takes it over when it is valid and nobody
/// else has changed the file meanwhile. While it is edited the file is not locked.
pub fn run(context: &Context, _args: &Args) -> CommandResult {
    if context.is_batch() {
        let message = "an editor needs a terminal";
        let hint = "change one setting with: paseo remote set NAME KEY=VALUE";
        return Err(CommandError::usage("NOT_A_TERMINAL", message).hint(hint));
    }
    let dir = context.env.config_dir();
    // A file that is invalid is just what somebody may want to edit.
    let mut before = RemotesFile::read_text(dir.as_deref())?;
    let remotes_before = RemotesFile::load(dir.as_deref()).ok();
    let mut copy = copy_of(&before)?;
    loop {
        open_editor(context, copy.path())?;
        let error = match RemotesFile::read_copy(copy.path()) {
            Ok(after) if after == before => {
                output::note("nothing has changed");
                return Ok(Output::Nothing.into());
            }
            Ok(after) => match RemotesFile::replace(dir.as_deref(), &before, after) {
                Ok(remotes) => {
                    if let Some(before) = &remotes_before {
                        context.relabel(before, &remotes);
                    }
                    return Ok(Output::Nothing.into());
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        output::note(&error.to_string());
        if !output::ask_unless_no("Edit again?").map_err(failed)? {
            // What was typed must not be lost. What is wrong with it has been told.
            let hint = format!("your version is in {}", kept(copy)?.display());
            return Err(CommandError::from(error).cancelled().hint(hint));
        }
        if matches!(error, ConfigError::Changed(_)) {
            // What somebody else wrote must not be lost either, so it is what is edited now.
            before = RemotesFile::read_text(dir.as_deref())?;
            let mine = std::mem::replace(&mut copy, copy_of(&before)?);
            output::note(&format!(
                "the editor shows what the file holds now; your version is in {}",
                kept(mine)?.display()
            ));
        }
    }
}

/// Returns a file with this text, which goes when it is dropped.
fn copy_of(text: &str) -> Result<NamedTempFile, CommandError> {
    let copy = tempfile::Builder::new()
        .prefix("remotes.")
        .suffix(".toml")
        .tempfile();
    copy.and_then(|mut copy| copy.write_all(text.as_bytes()).map(|()| copy))
        .map_err(failed)
}

/// Leaves the file where it is, and returns its path.
fn kept(copy: NamedTempFile) -> Result<PathBuf, CommandError> {
    let (_, path) = copy.keep().map_err(|kept| failed(kept.error))?;
    Ok(path)
}

fn open_editor(context: &Context, path: &Path) -> Result<(), CommandError> {
    let editor = [env::VISUAL, env::EDITOR]
        .iter()
        .find_map(|name| context.env.text(name));
    // Editors are given as command lines, such as `code --wait`.
    let mut command = subprocess::command("sh");
    let line = format!("{} \"$1\"", editor.unwrap_or("vi"));
    command.args(["-c", &line, "sh"]).arg(path);
    let status = command.status().map_err(failed)?;
    if status.success() {
        return Ok(());
    }
    Err(CommandError::new(
        "EDITOR_FAILED",
        Exit::Failed,
        "the editor failed; nothing has changed",
    )
    .hint("set VISUAL or EDITOR to an editor that waits until you are done"))
}

fn failed(error: io::Error) -> CommandError {
    CommandError::new("EDITOR_FAILED", Exit::Failed, "the file cannot be edited").because(error)
}
