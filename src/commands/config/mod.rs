//! `paseo config …`: the settings as a whole.

pub mod check;
pub(super) mod lint;

use clap::Subcommand;

use super::{CommandResult, Context};

/// A command about the settings.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check the file of remotes; every problem is shown with its place
    Check(check::Args),
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Check(args) => check::run(context, args),
    }
}
