//! `paseo remote …`: saved remotes.

pub mod add;
pub mod block;
pub mod check;
pub mod edit;
mod effective;
pub mod export;
pub mod import;
pub mod ls;
mod parcel;
pub mod qr;
pub mod recipient;
pub mod rename;
pub mod repair;
pub mod rm;
pub mod set;
pub mod show;
mod source;
pub mod use_;

use clap::Subcommand;

use super::{CommandResult, Context};
use crate::output;
use crate::remote::{Keeper, RemotesFile};

/// A command about saved remotes.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Save a daemon under a name
    Add(add::Args),
    /// List the saved remotes
    #[command(visible_alias = "list")]
    Ls(ls::Args),
    /// Show one remote
    Show(show::Args),
    /// Connect to remotes and see whether they work: all of them, or those that are named
    Check(check::Args),
    /// Make a remote the default
    Use(use_::Args),
    /// Forget a remote, and delete its secret
    #[command(visible_alias = "remove")]
    Rm(rm::Args),
    /// Change settings of a remote
    Set(set::Args),
    /// Take settings of a remote away
    Unset(set::UnsetArgs),
    /// Give a remote another name
    Rename(rename::Args),
    /// Give a remote a new pairing offer
    Repair(repair::Args),
    /// Show the pairing offer of a remote as a QR code, for a phone
    Qr(qr::Args),
    /// Put remotes and their secrets into a sealed bundle, for another machine or somebody else
    Export(export::Args),
    /// Add the remotes of a bundle, of files with offers, or of a list of links: all of them or none
    Import(import::Args),
    /// Show the public key that bundles for this machine are sealed for
    Recipient(recipient::Args),
    /// Refuse every connection to a daemon, by its key
    Block(block::Args),
    /// Take that back
    Unblock(block::Args),
    /// Open the file of remotes in your editor, and check it before it is taken over
    Edit(edit::Args),
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Add(args) => add::run(context, args),
        Command::Ls(args) => ls::run(context, args),
        Command::Show(args) => show::run(context, args),
        Command::Check(args) => check::run(context, args),
        Command::Use(args) => use_::run(context, args),
        Command::Rm(args) => rm::run(context, args),
        Command::Set(args) => set::run(context, args),
        Command::Unset(args) => set::unset(context, args),
        Command::Rename(args) => rename::run(context, args),
        Command::Repair(args) => repair::run(context, args),
        Command::Qr(args) => qr::run(context, args),
        Command::Export(args) => export::run(context, args),
        Command::Import(args) => import::run(context, args),
        Command::Recipient(args) => recipient::run(context, args),
        Command::Block(args) => block::run(context, args),
        Command::Unblock(args) => block::unblock(context, args),
        Command::Edit(args) => edit::run(context, args),
    }
}

impl Context {
    /// Returns what adds and removes remotes with their secrets.
    pub(super) fn keeper(&self) -> Keeper<'_> {
        let (config, state) = (self.env.config_dir(), self.env.state_dir());
        Keeper::new(&self.stores, config.as_deref(), state.as_deref())
    }

    /// Has tools of the keyring show the new names of remotes.
    fn relabel(&self, before: &RemotesFile, after: &RemotesFile) {
        for (secret, labelled) in self.keeper().relabel(before, after) {
            if let Err(error) = labelled {
                output::note(&format!(
                    "tools of the keyring go on showing the old name for {secret}: {error}"
                ));
            }
        }
    }
}
