//! Commands of the official CLI that work on this machine only: handed to an official `paseo` further along
//! PATH, with arguments, streams and exit status as they are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{CommandResult, Context, Outcome};
use crate::env::{self, Env};
use crate::error::{CommandError, Exit};
use crate::subprocess::{self, is_program};

/// Anything: what is passed on are the arguments of this process, global ones and their order included
#[derive(Debug, Default, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Passed on as they are
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub rest: Vec<OsString>,
}

/// The secrets that the official CLI and daemon read themselves.
const OFFICIAL: [&str; 3] = [env::PASEO_HOST, env::PASEO_PASSWORD, env::PASEO_SERVER_ID];

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
    let mut command = subprocess::command_with(&official, &OFFICIAL);
    command.args(std::env::args_os().skip(1));
    command.env(env::PASEO_HANDED_OVER, marker(&official));
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

/// Finds the first `paseo` on PATH that is not this program, under whatever name or link. A script of that
/// name that only calls this program again comes back here: then the search goes on behind it.
fn official(env: &Env) -> Option<PathBuf> {
    let ours = std::env::current_exe().ok()?.canonicalize().ok()?;
    let path = env.path(env::PATH)?;
    let tried = tried(env);
    let mut candidates: Vec<PathBuf> = std::env::split_paths(&path)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(if cfg!(windows) { "paseo.cmd" } else { "paseo" }))
        .filter(|candidate| {
            is_program(candidate) && candidate.canonicalize().is_ok_and(|file| file != ours)
        })
        .collect();
    if let Some(at) = tried.and_then(|tried| candidates.iter().rposition(|it| *it == tried)) {
        candidates.drain(..=at);
    }
    candidates.into_iter().next()
}

/// Says which program was handed the command, and by which process: what a daemon starts later inherits
/// it, and is not concerned.
fn marker(official: &Path) -> OsString {
    let mut marker = OsString::from(format!("{}:", std::process::id()));
    marker.push(official);
    marker
}

/// Returns the program that this process, or the script that called it, was handed to before.
fn tried(env: &Env) -> Option<PathBuf> {
    let marker = env.path(env::PASEO_HANDED_OVER)?;
    let (pid, tried) = marker.to_str()?.split_once(':')?;
    let concerned = [Some(std::process::id()), parent()];
    let pid: u32 = pid.parse().ok()?;
    concerned.contains(&Some(pid)).then(|| PathBuf::from(tried))
}

#[cfg(unix)]
fn parent() -> Option<u32> {
    let parent = rustix::process::getppid()?;
    u32::try_from(parent.as_raw_nonzero().get()).ok()
}

#[cfg(not(unix))]
fn parent() -> Option<u32> {
    None
}
