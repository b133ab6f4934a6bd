//! `paseo worktree …`: the worktrees that a daemon made. Hidden, as in the official CLI; `workspace` is the
//! newer way.

pub mod archive;
pub mod create;
pub mod ls;

use clap::Subcommand;

use super::{CommandResult, Context};

/// A command about worktrees.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List worktrees of a repository
    Ls(ls::Args),
    /// Make a worktree
    Create(create::Args),
    /// Archive a worktree and remove its directory
    Archive(archive::Args),
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Ls(args) => ls::run(context, args),
        Command::Create(args) => create::run(context, args),
        Command::Archive(args) => archive::run(context, args),
    }
}

/// Returns the last part of a path of either kind of machine.
fn name(path: &str) -> &str {
    let path = path.trim_end_matches(['/', '\\']);
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
