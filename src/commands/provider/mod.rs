//! `paseo provider …`: what runs agents.

pub mod diagnostic;
pub mod login;
pub mod ls;
pub mod models;

use clap::Subcommand;

use super::{CommandResult, Context};

/// A command about providers.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List providers and whether they can be used
    Ls(ls::Args),
    /// Show what a provider can run
    Models(models::Args),
    /// Show how a provider is installed, and why it cannot be used
    Diagnostic(diagnostic::Args),
    /// Log in to an agent on the daemon's machine
    Login(login::Args),
}

impl Command {
    /// Returns whether somebody sits before it.
    pub(super) fn is_session(&self) -> bool {
        matches!(self, Self::Login(_))
    }
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Ls(args) => ls::run(context, args),
        Command::Models(args) => models::run(context, args),
        Command::Diagnostic(args) => diagnostic::run(context, args),
        Command::Login(args) => login::run(context, args),
    }
}
