//! `paseo keystore …`: where the secrets of remotes are kept.

#[cfg(unix)]
pub mod hold;
#[cfg(unix)]
pub(super) mod key_process;
#[cfg(unix)]
pub mod lock;
pub mod migrate;
pub mod prune;
pub mod rotate;
pub mod status;
#[cfg(unix)]
pub mod unlock;
mod until;

use clap::Subcommand;

use super::{CommandResult, Context};

/// A command about secret stores.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every secret store: whether it can be used, and by how many remotes it is
    Status(status::Args),
    /// Ask for the vault's passphrase once, for a while
    #[cfg(unix)]
    Unlock(unlock::Args),
    /// Forget the vault's key, so that commands ask again
    #[cfg(unix)]
    Lock(lock::Args),
    /// Move secrets into another store
    Migrate(migrate::Args),
    /// Delete secrets that no remote uses
    Prune(prune::Args),
    /// Give the vault another passphrase, and fresh keys
    Passwd(rotate::Args),
    /// Give the vault fresh keys under the same passphrase
    Rekey(rotate::Args),
    /// Hold the vault's key. Commands start this by themselves.
    #[cfg(unix)]
    #[command(hide = true)]
    Hold(hold::Args),
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Status(args) => status::run(context, args),
        #[cfg(unix)]
        Command::Unlock(args) => unlock::run(context, args),
        #[cfg(unix)]
        Command::Lock(args) => lock::run(context, args),
        #[cfg(unix)]
        Command::Hold(args) => hold::run(context, args),
        Command::Migrate(args) => migrate::run(context, args),
        Command::Prune(args) => prune::run(context, args),
        Command::Passwd(_) => rotate::run(context, true),
        Command::Rekey(_) => rotate::run(context, false),
    }
}
