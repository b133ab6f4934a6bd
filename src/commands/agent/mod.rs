//! `paseo agent …`: agents and their work. The common ones also stand at the top level.

pub mod ls;

use clap::Subcommand;

use super::{CommandResult, Context};

/// A command about agents.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List agents
    Ls(ls::Args),
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Ls(args) => ls::run(context, args),
    }
}
