//! `paseo schedule …`: prompts that run by the clock, each time in a new agent.

mod cadence;
pub mod create;
pub mod inspect;
pub mod logs;
pub mod ls;
pub mod one;
pub mod show;
pub mod update;

use clap::Subcommand;

use super::{CommandResult, Context};

/// A command about schedules.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a prompt by the clock
    Create(Box<create::Args>),
    /// List schedules
    Ls(ls::Args),
    /// Show all about a schedule
    Inspect(one::Args),
    /// Show what a schedule did
    Logs(one::Args),
    /// Let a schedule rest
    Pause(one::Args),
    /// Let a schedule go on
    Resume(one::Args),
    /// Run a schedule now, beside its cadence
    RunOnce(one::Args),
    /// Change a schedule
    Update(Box<update::Args>),
    /// Delete a schedule
    Delete(one::Args),
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Create(args) => create::run(context, args),
        Command::Ls(args) => ls::run(context, args),
        Command::Inspect(args) => inspect::run(context, args),
        Command::Logs(args) => logs::run(context, args),
        Command::Pause(args) => one::pause(context, args),
        Command::Resume(args) => one::resume(context, args),
        Command::RunOnce(args) => one::run_once(context, args),
        Command::Update(args) => update::run(context, args),
        Command::Delete(args) => one::delete(context, args),
    }
}

pub(super) use cadence::{expires_at, max_runs};
