//! `paseo schedule ls`: the schedules of a daemon.

use super::show;
use crate::commands::{CommandResult, Context, failure};
use crate::protocol::schedules::{ListSchedules, ScheduleTarget};

/// Arguments of `paseo schedule ls`
#[derive(Debug, clap::Args)]
pub struct Args {}

const CODE: &str = "SCHEDULE_LIST_FAILED";

/// Lists the schedules that start new agents; those of one agent are its heartbeats.
pub fn run(context: &Context, _: &Args) -> CommandResult {
    let reply = context
        .with_daemon_and(&ListSchedules {}, async |_, reply| Ok(reply))
        .map_err(failure::of(CODE))?;
    if reply.error.is_some() {
        return Err(failure::says(CODE, reply.error));
    }
    let mine = reply
        .schedules
        .iter()
        .filter(|schedule| matches!(schedule.target, ScheduleTarget::NewAgent { .. }));
    Ok(show::list(mine).into())
}
