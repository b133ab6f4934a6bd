//! `paseo permit …`: what agents ask before they go on.

pub mod allow;
pub(super) mod answer;
pub mod deny;
pub mod ls;

use clap::Subcommand;

use super::{CommandResult, Context};

/// A command about permissions.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List what agents wait for
    Ls(ls::Args),
    /// Let an agent go on
    Allow(allow::Args),
    /// Refuse what an agent asks
    Deny(deny::Args),
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Ls(args) => ls::run(context, args),
        Command::Allow(args) => allow::run(context, args),
        Command::Deny(args) => deny::run(context, args),
    }
}
