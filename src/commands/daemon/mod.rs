//! `paseo daemon …`: the daemon of this machine.

pub mod pair;

use clap::Subcommand;

use super::{CommandResult, Context};

/// A command about the daemon of this machine.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show how other machines reach the daemon: QR code, link and fingerprint
    ///
    /// With `--relay`, and no offer behind it, the relay of the running daemon is turned on first.
    Pair(pair::Args),
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Pair(args) => pair::run(context, args),
    }
}
