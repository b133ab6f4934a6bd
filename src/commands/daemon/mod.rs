//! `paseo daemon …`: the daemon of this machine, and how a selected one is, ends and starts anew.

mod far;
pub mod guard;
mod ignored;
mod local;
pub mod pair;
mod process;
pub mod reload;
pub mod restart;
pub mod run;
pub mod status;
pub mod stop;

use std::path::PathBuf;

use clap::Subcommand;

use super::{CommandResult, Context, handover};
use crate::error::{CommandError, Exit, Hop};
use crate::pairing::Home;

/// A command about the daemon of this machine.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show how other machines reach the daemon: QR code, link and fingerprint
    ///
    /// With `--relay`, and no offer behind it, the relay of the running daemon is turned on first.
    Pair(pair::Args),
    /// Run the built-in daemon, whose agents are commands
    ///
    /// It listens, and dials the relay when there is one: `--relay HOST:PORT`, else the home's config.json.
    Run(run::Args),
    /// Show how a daemon is
    Status(status::Args),
    /// End a daemon
    Stop(stop::Args),
    /// Let a daemon start anew
    Restart(Box<restart::Args>),
    /// Ends the agents of a daemon that was killed; `daemon run` starts it
    #[command(hide = true)]
    Guard,
    /// Read the daemon's configuration again
    Reload(reload::Args),
    /// Start the official daemon (official CLI)
    Start(handover::Args),
    /// Set the password of the official daemon (official CLI)
    #[command(hide = true)]
    SetPassword(handover::Args),
}

impl Command {
    pub(super) fn is_server(&self) -> bool {
        matches!(self, Self::Run(_))
    }
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Pair(args) => pair::run(context, args),
        Command::Run(args) => run::run(context, args),
        Command::Status(args) => status::run(context, args),
        Command::Stop(args) => stop::run(context, args),
        Command::Restart(args) => restart::run(context, args),
        Command::Guard => Ok(guard::run()),
        Command::Reload(args) => reload::run(context, args),
        Command::Start(args) => handover::run(context, &["daemon", "start"], args),
        Command::SetPassword(args) => handover::run(context, &["daemon", "set-password"], args),
    }
}

/// The home of the daemon: the one that is named, else the environment's.
fn home(context: &Context, named: Option<&PathBuf>) -> Result<Home, CommandError> {
    let dir = match named {
        Some(dir) => context.env.expand_home(dir.clone()),
        None => context.env.paseo_home(),
    };
    let no_home = || {
        CommandError::new(
            "HOME_UNKNOWN",
            Exit::Config,
            "the home directory is unknown",
        )
        .at(Hop::Config)
        .hint("set HOME, or name the daemon's home with --home")
    };
    // What the daemon starts has directories of its own, where a relative path would mean another home.
    let dir = dir.and_then(|dir| std::path::absolute(dir).ok());
    dir.map(Home::new).ok_or_else(no_home)
}
