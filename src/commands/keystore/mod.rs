//! `paseo keystore …`: where the secrets of remotes are kept.

pub mod migrate;
pub mod prune;
pub mod rotate;
pub mod status;

use clap::Subcommand;

use super::{CommandResult, Context};

/// A command about secret stores.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every secret store: whether it can be used, and by how many remotes it is
    Status(status::Args),
    /// Move secrets into another store
    Migrate(migrate::Args),
    /// Delete secrets that no remote uses
    Prune(prune::Args),
    /// Give the vault another passphrase, and fresh keys
    Passwd(rotate::Args),
    /// Give the vault fresh keys under the same passphrase
    Rekey(rotate::Args),
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Status(args) => status::run(context, args),
        Command::Migrate(args) => migrate::run(context, args),
        Command::Prune(args) => prune::run(context, args),
        Command::Passwd(_) => rotate::run(context, true),
        Command::Rekey(_) => rotate::run(context, false),
    }
}
