//! `paseo schedule pause`, `resume`, `run-once`, `delete`: an id, and one thing to do with it.

use serde_json::json;

use super::show;
use crate::client::DaemonClient;
use crate::commands::{CommandResult, Context, Reference, failure};
use crate::error::CommandError;
use crate::output::{Column, Output, Row, Table};
use crate::protocol::schedules::{
    DeleteSchedule, InspectSchedule, OneSchedule, PauseSchedule, ResumeSchedule, RunSchedule,
    Schedule, ScheduleTarget,
};
use crate::protocol::session::Request;

/// Arguments of commands about one schedule
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its id
    pub id: Reference,
}

/// Pauses a schedule. One that is paused stays so.
pub fn pause(context: &Context, args: &Args) -> CommandResult {
    let schedule_id = args.id.on(context).to_owned();
    let doing = ("SCHEDULE_PAUSE_FAILED", "pause schedule");
    change(context, args, &PauseSchedule { schedule_id }, doing)
}

/// Resumes a schedule. One that is active stays so.
pub fn resume(context: &Context, args: &Args) -> CommandResult {
    let schedule_id = args.id.on(context).to_owned();
    let doing = ("SCHEDULE_RESUME_FAILED", "resume schedule");
    change(context, args, &ResumeSchedule { schedule_id }, doing)
}

/// Runs a schedule once, and waits for the end of the run, however long it takes.
pub fn run_once(context: &Context, args: &Args) -> CommandResult {
    let schedule_id = args.id.on(context).to_owned();
    let doing = ("SCHEDULE_RUN_ONCE_FAILED", "run schedule once");
    change(context, args, &RunSchedule { schedule_id }, doing)
}

fn change<R: Request<Reply = OneSchedule>>(
    context: &Context,
    args: &Args,
    request: &R,
    (code, what): (&'static str, &str),
) -> CommandResult {
    let schedule = context
        .with_daemon_and(
            &args.inspect(context),
            async |daemon: &DaemonClient, reply| {
                new_agents(reply, args.id.on(context), code, what)?;
                show::found(daemon.call_within(request, None).await?, code, what)
            },
        )
        .map_err(failure::of(code))?;
    Ok(show::line(&schedule).into())
}

impl Args {
    pub(super) fn inspect(&self, context: &Context) -> InspectSchedule {
        InspectSchedule {
            schedule_id: self.id.on(context).to_owned(),
        }
    }
}

/// Takes the schedule out of a reply, if it is one that starts new agents.
pub(super) fn new_agents(
    reply: OneSchedule,
    id: &str,
    code: &'static str,
    what: &str,
) -> Result<Schedule, CommandError> {
    let schedule = show::found(reply, code, what)?;
    match schedule.target {
        ScheduleTarget::NewAgent { .. } => Ok(schedule),
        _ => Err(failure::says(
            code,
            Some(format!("Failed to {what}: Schedule not found: {id}")),
        )),
    }
}

/// Deletes a schedule. One that is unknown counts as deleted.
pub fn delete(context: &Context, args: &Args) -> CommandResult {
    const CODE: &str = "SCHEDULE_DELETE_FAILED";
    let request = DeleteSchedule {
        schedule_id: args.id.on(context).to_owned(),
    };
    let reply = context
        .with_daemon(async |daemon| Ok(daemon.call(&request).await?))
        .map_err(failure::of(CODE))?;
    if reply.error.is_some() {
        return Err(failure::says(CODE, reply.error));
    }
    Ok(deleted(reply.schedule_id, [10, 12]).into())
}

/// Says that a schedule is gone. `widths` are those of the columns.
pub(in crate::commands) fn deleted(id: String, [first, second]: [usize; 2]) -> Output {
    let json = json!({ "id": id, "status": "deleted" });
    let cells = vec![id.as_str().into(), "deleted".into()];
    Output::Item(Table {
        columns: vec![Column("ID", first), Column("STATUS", second)],
        rows: vec![Row::new(id, cells, &json)],
    })
}
