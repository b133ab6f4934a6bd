//! `paseo loop …`: one prompt for a fresh agent again and again, until a check is content. Daemons of 0.1.65 have
//! loops; a newer one is refused, with exit 14.

mod inspect;
mod list;
mod logs;
mod run;
mod stop;

use clap::Subcommand;

use super::{CommandResult, Context, Reference};
use crate::client::CallError;
use crate::commands::failure::Doing;
use crate::error::CommandError;
use crate::protocol::loops::{Loop, OneLoop};

/// What a newer daemon lacks.
const LOOPS: &str = "loops";

/// A command about loops.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start a loop
    Run(Box<run::Args>),
    /// List the loops
    Ls(list::Args),
    /// Show all about a loop, and its rounds
    Inspect(OneArgs),
    /// Print what a loop did, and go on while it runs
    Logs(logs::Args),
    /// Stop a loop
    Stop(OneArgs),
}

/// Arguments of commands about one loop
#[derive(Debug, clap::Args)]
pub struct OneArgs {
    /// Id of the loop
    pub id: Reference,
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Run(args) => run::run(context, args),
        Command::Ls(args) => list::run(context, args),
        Command::Inspect(args) => inspect::run(context, args),
        Command::Logs(args) => logs::run(context, args),
        Command::Stop(args) => stop::run(context, args),
    }
}

/// Returns the loop of a reply.
fn one(reply: Result<OneLoop, CallError>, doing: Doing) -> Result<Loop, CommandError> {
    let reply = reply.map_err(|error| doing.error(error))?;
    reply.r#loop.ok_or_else(|| missing(doing, reply.error))
}

/// Makes the error of a reply without a loop.
fn missing(doing: Doing, why: Option<String>) -> CommandError {
    doing.refused(why.as_deref().unwrap_or("the daemon did not say why"))
}

/// Shows which round goes on.
fn round(active: Option<u64>) -> String {
    active.map_or_else(|| "-".to_owned(), |round| round.to_string())
}
