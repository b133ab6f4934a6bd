//! `paseo agent …`: agents and their work. The common ones also stand at the top level.

pub(super) mod answering;
pub mod archive;
pub mod attach;
mod attach_text;
pub mod delete;
pub mod detach;
pub(super) mod directory;
mod exact;
pub mod feature;
mod filter;
mod images;
pub mod import;
pub mod inspect;
pub(super) mod known;
mod live;
mod log_text;
pub mod logs;
pub mod ls;
mod many;
pub mod mode;
mod outcome;
pub(super) mod prompted;
mod questions;
pub mod reload;
pub(super) mod resolve;
pub mod run;
pub mod send;
mod started;
pub mod stop;
pub(in crate::commands) mod streaming;
mod timeline;
mod tool_line;
mod transcript;
pub mod update;
pub mod wait;
mod watching;

use clap::Subcommand;

use super::{CommandResult, Context};

/// A command about agents.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List agents
    Ls(ls::Args),
    /// Start an agent on a prompt
    Run(Box<run::Args>),
    /// Take over a session that a provider already has
    Import(import::Args),
    /// See what an agent does, as it does it
    Attach(attach::Args),
    /// Print what an agent said and did
    Logs(logs::Args),
    /// Send another prompt to an agent
    Send(send::Args),
    /// Wait until an agent is no longer running
    Wait(wait::Args),
    /// Interrupt running agents
    Stop(stop::Args),
    /// Remove agents for good
    Delete(delete::Args),
    /// Show all about an agent
    Inspect(inspect::Args),
    /// Show or set how an agent works
    Mode(mode::Args),
    /// Show or set the features of an agent
    Feature(feature::Args),
    /// Put an agent out of the way; it can be brought back
    Archive(archive::Args),
    /// Load an agent afresh
    Reload(reload::Args),
    /// Make a child an agent of its own
    Detach(detach::Args),
    /// Change the name, labels or thinking option of an agent
    Update(update::Args),
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Ls(args) => ls::run(context, args),
        Command::Run(args) => run::run(context, args),
        Command::Import(args) => import::run(context, args),
        Command::Attach(args) => attach::run(context, args),
        Command::Logs(args) => logs::run(context, args),
        Command::Send(args) => send::run(context, args),
        Command::Wait(args) => wait::run(context, args),
        Command::Stop(args) => stop::run(context, args),
        Command::Delete(args) => delete::run(context, args),
        Command::Inspect(args) => inspect::run(context, args),
        Command::Mode(args) => mode::run(context, args),
        Command::Feature(args) => feature::run(context, args),
        Command::Archive(args) => archive::run(context, args),
        Command::Reload(args) => reload::run(context, args),
        Command::Detach(args) => detach::run(context, args),
        Command::Update(args) => update::run(context, args),
    }
}
