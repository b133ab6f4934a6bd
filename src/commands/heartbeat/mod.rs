//! `paseo heartbeat …`: prompts that come back to the agent that asks for them.

pub mod create;
pub mod delete;
pub mod update;

use clap::Subcommand;

use super::{CommandResult, Context, failure};
use crate::env;
use crate::error::CommandError;
use crate::protocol::schedules::{OneSchedule, ScheduleTarget};

/// A command about heartbeats.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prompt this agent by the clock
    Create(create::Args),
    /// Change when a heartbeat comes
    Update(update::Args),
    /// Delete a heartbeat
    Delete(delete::Args),
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Create(args) => create::run(context, args),
        Command::Update(args) => update::run(context, args),
        Command::Delete(args) => delete::run(context, args),
    }
}

/// Returns the agent that this runs in.
fn caller(context: &Context) -> Result<String, CommandError> {
    match context.env.text(env::PASEO_AGENT_ID) {
        Some(id) => Ok(id.trim().to_owned()),
        None => Err(CommandError::usage(
            "UNKNOWN_ERROR",
            "a heartbeat is the agent's own: only an agent can do this",
        )
        .hint("PASEO_AGENT_ID is not set")),
    }
}

/// Returns the expression of `--cron`.
fn cron(text: &str) -> Result<String, CommandError> {
    match text.trim() {
        "" => Err(CommandError::usage("UNKNOWN_ERROR", "--cron is required")),
        cron => Ok(cron.to_owned()),
    }
}

/// Refuses a schedule that is not a heartbeat of this agent.
fn owned(
    reply: OneSchedule,
    id: &str,
    agent: &str,
    (code, what): (&'static str, &str),
) -> Result<(), CommandError> {
    let schedule = super::schedule::show::found(reply, code, what)?;
    match schedule.target {
        ScheduleTarget::Agent { agent_id } if agent_id == agent => Ok(()),
        _ => Err(failure::says(
            code,
            Some(format!("Failed to {what}: {id} is no heartbeat of {agent}")),
        )),
    }
}
