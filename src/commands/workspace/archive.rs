//! `paseo workspace archive`: put a workspace out of the way.

use serde_json::json;

use crate::commands::{CommandResult, Context, Reference, failure};
use crate::output::{Column, Output, Row, Table};
use crate::protocol::workspaces::ArchiveWorkspace;

/// Arguments of `paseo workspace archive`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the workspace
    pub workspace_id: Reference,
}

const CODE: &str = "WORKSPACE_ARCHIVE_FAILED";

/// Archives a workspace. One that is archived stays as it is.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = ArchiveWorkspace {
        workspace_id: args.workspace_id.on(context).to_owned(),
    };
    let reply = context
        .with_daemon(async |daemon| Ok(daemon.call(&request).await?))
        .map_err(failure::of(CODE))?;
    let archived_at = reply
        .archived_at
        .ok_or_else(|| failure::says(CODE, reply.error))?;
    let id = reply.workspace_id;
    let json = json!({ "workspaceId": id, "status": "archived", "archivedAt": archived_at });
    let cells = vec![id.as_str().into(), "archived".into(), archived_at.into()];
    Ok(Output::Item(Table {
        columns: vec![
            Column("WORKSPACE ID", 20),
            Column("STATUS", 10),
            Column("ARCHIVED AT", 24),
        ],
        rows: vec![Row::new(id, cells, &json)],
    })
    .into())
}
