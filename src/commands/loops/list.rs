//! `paseo loop ls`.

use serde_json::json;

use super::round;
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, exact, feature};
use crate::output::{Column, Output, Row, Table};
use crate::protocol::loops::{ListLoops, ListedLoop};

const DOING: Doing = Doing {
    code: "LOOP_LIST_FAILED",
    what: "Failed to list loops",
};

/// Arguments of `paseo loop ls`
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Lists the loops, those that are over included.
pub(super) fn run(context: &Context, _: &Args) -> CommandResult {
    let loops = context.with_daemon(async |daemon| {
        feature::require_old(daemon, super::LOOPS)?;
        let reply = daemon.call(&ListLoops {}).await;
        let reply = reply.map_err(|error| DOING.error(error))?;
        match reply.error {
            Some(why) => Err(DOING.refused(&why)),
            None => Ok(reply.loops),
        }
    })?;
    Ok(Output::List(Table {
        columns: vec![
            Column("LOOP ID", 10),
            Column("NAME", 20),
            Column("STATUS", 10),
            Column("ITER", 8),
            Column("CWD", 40),
            Column("UPDATED", 24),
        ],
        rows: loops.into_iter().map(row).collect(),
    })
    .into())
}

fn row(listed: ListedLoop) -> Row {
    let round = round(listed.active_iteration);
    let data = json!({ "id": listed.id, "name": listed.name, "status": listed.status, "cwd": listed.cwd,
        "updated": listed.updated_at, "activeIteration": round, "cwdPath": exact::path(&listed.cwd),
        "updatedAt": exact::time(&listed.updated_at), "iterationNumber": listed.active_iteration });
    let cells = vec![
        listed.id.as_str().into(),
        listed.name.unwrap_or_default().into(),
        listed.status.into(),
        round.into(),
        listed.cwd.into(),
        listed.updated_at.into(),
    ];
    Row::new(listed.id, cells, &data)
}
