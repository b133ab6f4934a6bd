//! `paseo project delete`: forget a project.

use serde_json::json;

use crate::commands::{CommandResult, Context, Reference, failure};
use crate::output::{Column, Output, Row, Table};
use crate::protocol::workspaces::RemoveProject;

/// Arguments of `paseo project delete`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the project
    pub project_id: Reference,
}

const CODE: &str = "PROJECT_DELETE_FAILED";

/// Forgets a project with all its workspaces. One that is unknown counts as forgotten.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = RemoveProject {
        project_id: args.project_id.on(context).to_owned(),
    };
    let reply = context
        .with_daemon(async |daemon| Ok(daemon.call(&request).await?))
        .map_err(failure::of(CODE))?;
    if !reply.accepted {
        return Err(failure::says(CODE, reply.error));
    }
    let removed = reply.removed_workspace_ids;
    let json = json!({ "projectId": request.project_id, "removedWorkspaceIds": removed });
    let cells = vec![
        request.project_id.as_str().into(),
        removed.len().to_string().into(),
    ];
    Ok(Output::Item(Table {
        columns: vec![Column("PROJECT ID", 20), Column("REMOVED WORKSPACES", 18)],
        rows: vec![Row::new(request.project_id, cells, &json)],
    })
    .into())
}
