//! `paseo heartbeat delete`: no more prompts.

use crate::commands::schedule::one;
use crate::commands::{CommandResult, Context, Reference, failure};
use crate::protocol::schedules::{DeleteSchedule, InspectSchedule};

/// Arguments of `paseo heartbeat delete`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its id
    pub id: Reference,
}

const DOING: (&str, &str) = ("HEARTBEAT_DELETE_FAILED", "delete heartbeat");

/// Deletes a heartbeat of this agent.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let agent = super::caller(context)?;
    let id = args.id.on(context);
    let schedule_id = id.to_owned();
    let inspect = InspectSchedule { schedule_id };
    let reply = context
        .with_daemon_and(&inspect, async |daemon, reply| {
            super::owned(reply, id, &agent, DOING)?;
            let schedule_id = id.to_owned();
            Ok(daemon.call(&DeleteSchedule { schedule_id }).await?)
        })
        .map_err(failure::of(DOING.0))?;
    match reply.error {
        None => Ok(one::deleted(reply.schedule_id, [0, 0]).into()),
        error => Err(failure::says(DOING.0, error)),
    }
}
