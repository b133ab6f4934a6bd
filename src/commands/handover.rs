//! Commands of the official CLI that work on this machine only: handed to an official `paseo` further along
//! PATH, with arguments, streams and exit status as they are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{CommandResult, Context, Outcome};
use crate::env::{self, Env};
use crate::error::{CommandError, Exit};

/// Anything: what is passed on are the arguments of this process, global ones and their order included
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Passed on as they are
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub rest: Vec<OsString>,
}

/// Runs the official CLI in our place. On Unix it replaces this process, so that signals, the terminal and
/// the exit status are its own.
pub fn run(context: &Context, words: &[&str], _: &Args) -> CommandResult {
    let official = official(&context.env).ok_or_else(|| {
        let words = words.join(" ");
        let message = format!(
            "`paseo {words}` works on this machine only and is a command of the official CLI, which is not \
             on PATH behind this program"
        );
        CommandError::usage("OFFICIAL_CLI_MISSING", message)
            .hint("install the official paseo, or run its own binary by its path")
    })?;
    let mut command = Command::new(&official);
    command.args(std::env::args_os().skip(1));
    // A remote's offer is ours alone. What the official CLI reads itself stays.
    command.env_remove(env::PASEO_RELAY_OFFER);
    replace(command).map_err(|error| {
        let message = format!("{} cannot be run", official.display());
        CommandError::new("OFFICIAL_CLI_FAILED", Exit::Failed, message).because(error)
    })
}

#[cfg(unix)]
fn replace(mut command: Command) -> Result<Outcome, std::io::Error> {
    use std::os::unix::process::CommandExt;
    Err(command.exec())
}

#[cfg(not(unix))]
fn replace(mut command: Command) -> Result<Outcome, std::io::Error> {
    let status = command.status()?;
    Ok(Outcome {
        exit: if status.success() {
            Exit::Ok
        } else {
            Exit::Failed
        },
        ..Outcome::default()
    })
}

/// Finds the first `paseo` on PATH that is not this program, under whatever name or link.
fn official(env: &Env) -> Option<PathBuf> {
    let ours = std::env::current_exe().ok()?.canonicalize().ok()?;
    let path = env.path(env::PATH)?;
    std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(if cfg!(windows) { "paseo.cmd" } else { "paseo" }))
        .find(|candidate| {
            is_program(candidate) && candidate.canonicalize().is_ok_and(|file| file != ours)
        })
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}
