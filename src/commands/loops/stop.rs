//! `paseo loop stop`.

use serde_json::json;

use super::{OneArgs, one, round};
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, feature};
use crate::output::{Column, Output, Row, Table};
use crate::protocol::loops::StopLoop;

const DOING: Doing = Doing {
    code: "LOOP_STOP_FAILED",
    what: "Failed to stop loop",
};

/// Stops a loop, and the agents of its round.
pub(super) fn run(context: &Context, args: &OneArgs) -> CommandResult {
    let request = StopLoop {
        id: args.id.on(context).to_owned(),
    };
    let stopped = context.with_daemon(async |daemon| {
        feature::require_old(daemon, super::LOOPS)?;
        one(daemon.call(&request).await, DOING)
    })?;
    let round = round(stopped.active_iteration);
    let data = json!({ "id": stopped.id, "status": stopped.status, "activeIteration": round,
        "iterationNumber": stopped.active_iteration });
    let cells = vec![
        stopped.id.as_str().into(),
        stopped.status.into(),
        round.into(),
    ];
    Ok(Output::Item(Table {
        columns: vec![
            Column("LOOP ID", 10),
            Column("STATUS", 10),
            Column("ITER", 8),
        ],
        rows: vec![Row::new(stopped.id, cells, &data)],
    })
    .into())
}
