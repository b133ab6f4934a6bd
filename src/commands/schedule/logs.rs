//! `paseo schedule logs`: what a schedule did.

use serde::Serialize;

use super::one;
use crate::commands::{CommandResult, Context, failure};
use crate::output::{Column, Output, Row, Table};
use crate::protocol::schedules::{ScheduleLogs, ScheduleRun};

const CODE: &str = "SCHEDULE_LOGS_FAILED";

const COLUMNS: [Column; 6] = [
    Column("RUN ID", 14),
    Column("STATUS", 12),
    Column("STARTED", 24),
    Column("AGENT", 12),
    Column("OUTPUT", 40),
    Column("ERROR", 40),
];

/// Lists the runs of a schedule.
pub fn run(context: &Context, args: &one::Args) -> CommandResult {
    let reply = context
        .with_daemon_and(&args.inspect(context), async |daemon, reply| {
            one::new_agents(reply, args.id.on(context), CODE, "read schedule logs")?;
            let schedule_id = args.id.on(context).to_owned();
            Ok(daemon.call(&ScheduleLogs { schedule_id }).await?)
        })
        .map_err(failure::of(CODE))?;
    if reply.error.is_some() {
        return Err(failure::says(CODE, reply.error));
    }
    Ok(Output::List(Table {
        columns: COLUMNS.to_vec(),
        rows: reply.runs.iter().map(row).collect(),
    })
    .into())
}

/// The official fields, and the exact ones.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    id: &'a str,
    status: &'a str,
    started_at: &'a str,
    agent_id: Option<String>,
    output: Option<&'a str>,
    error: Option<&'a str>,
    full_agent_id: Option<&'a str>,
}

fn row(run: &ScheduleRun) -> Row {
    let listed = Listed {
        id: &run.id,
        status: &run.status,
        started_at: &run.started_at,
        agent_id: run.agent_id.as_ref().map(|id| id.chars().take(7).collect()),
        output: run.output.as_deref(),
        error: run.error.as_deref(),
        full_agent_id: run.agent_id.as_deref(),
    };
    let cells = vec![
        listed.id.into(),
        listed.status.into(),
        listed.started_at.into(),
        listed.agent_id.as_deref().unwrap_or_default().into(),
        listed.output.unwrap_or_default().into(),
        listed.error.unwrap_or_default().into(),
    ];
    Row::new(listed.id, cells, &listed)
}
