//! `paseo mux …`: connections that are kept ready, so that a command costs one round trip.

pub mod check;
pub mod hold;
mod holder;
pub mod ls;
pub mod stop;

use clap::Subcommand;

use super::{CommandResult, Context};

/// A command about holders.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the remotes whose connections are kept ready
    Ls(ls::Args),
    /// Check that connections of a remote are ready (exit 7: no)
    Check(check::Args),
    /// Close the connections that are kept ready, of one remote or all
    Stop(stop::Args),
    /// Keep connections of a remote ready. Commands start this by themselves.
    #[command(hide = true)]
    Hold(hold::Args),
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Ls(args) => ls::run(context, args),
        Command::Check(args) => check::run(context, args),
        Command::Stop(args) => stop::run(context, args),
        Command::Hold(args) => hold::run(context, args),
    }
}
