//! `paseo relay …`: run the meeting point of daemons and clients.

mod address;
mod allocator;
pub mod check;
#[cfg(test)]
mod layers;
pub mod serve;
mod settings;
mod system;

use clap::Subcommand;

use super::{CommandResult, Context};

/// A command about relays.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a relay
    Serve(Box<serve::Args>),
    /// Check a relay from here
    Check(check::Args),
}

impl Command {
    pub(super) fn logs_by_settings(&self) -> bool {
        matches!(self, Self::Serve(_))
    }
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Serve(args) => serve::run(context, args),
        Command::Check(args) => check::run(context, args),
    }
}
