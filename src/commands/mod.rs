//! The commands: the enum of them, and dispatch. One file per verb: its arguments, then `run`.

pub mod agent;
mod context;
pub mod daemon;
pub mod relay;
pub mod remote;
mod selection;
pub mod which;

use clap::Subcommand;

pub use context::Context;

use crate::error::{CommandError, Exit};
use crate::output::Output;

/// What a command ends with.
pub type CommandResult = Result<Outcome, CommandError>;

/// The data of a command that did its work, and the exit status that tells of the agent.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The data.
    pub output: Output,
    /// [`Exit::Ok`], unless the agent it was about failed or waits for somebody.
    pub exit: Exit,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            output,
            exit: Exit::Ok,
        }
    }
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List agents
    Ls(agent::ls::Args),
    /// Manage agents
    #[command(subcommand)]
    Agent(agent::Command),
    /// Look after the daemon of this machine
    #[command(subcommand)]
    Daemon(daemon::Command),
    /// Run the meeting point of daemons and clients
    #[command(subcommand)]
    Relay(relay::Command),
    /// Manage saved remotes: daemons by name
    #[command(subcommand)]
    Remote(remote::Command),
    /// Show which daemon a command would talk to, and why
    Which(which::Args),
}

impl Command {
    /// Returns whether it runs until it is stopped, and tells meanwhile what happens.
    pub fn is_server(&self) -> bool {
        match self {
            Self::Relay(command) => command.is_server(),
            _ => false,
        }
    }
}

/// Runs a command.
pub fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Ls(args) => agent::ls::run(context, args),
        Command::Agent(command) => agent::dispatch(context, command),
        Command::Daemon(command) => daemon::dispatch(context, command),
        Command::Relay(command) => relay::dispatch(context, command),
        Command::Remote(command) => remote::dispatch(context, command),
        Command::Which(args) => which::run(context, args),
    }
}
