//! `paseo workspace rename`: the title that people see.

use serde_json::json;

use crate::commands::{CommandResult, Context, Reference, failure, rename};
use crate::output::{Column, Output, Row, Table};
use crate::protocol::workspaces::RenameWorkspace;

/// Arguments of `paseo workspace rename`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the workspace
    pub workspace_id: Reference,

    /// The new title
    pub title: Option<String>,

    /// Go back to the name of the branch or directory
    #[arg(long)]
    pub reset: bool,
}

const CODE: &str = "WORKSPACE_RENAME_FAILED";

const RULES: rename::Rules = rename::Rules {
    both: (
        "--reset and a title exclude each other",
        "leave one of them out; --reset brings the daemon's own title back",
    ),
    missing: ("MISSING_TITLE", "Title cannot be empty"),
    usage: "paseo workspace rename ID TITLE, or paseo workspace rename ID --reset",
};

/// Titles a workspace, or takes its title away.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = RenameWorkspace {
        workspace_id: args.workspace_id.on(context).to_owned(),
        title: RULES.check(args.title.as_deref(), args.reset)?,
    };
    let reply = context
        .with_daemon(async |daemon| Ok(daemon.call(&request).await?))
        .map_err(failure::of(CODE))?;
    if !reply.accepted {
        return Err(failure::says(CODE, reply.error));
    }
    let json = json!({ "workspaceId": reply.workspace_id, "title": reply.title });
    let cells = vec![
        reply.workspace_id.as_str().into(),
        reply.title.unwrap_or_default().into(),
    ];
    Ok(Output::Item(Table {
        columns: vec![Column("WORKSPACE ID", 20), Column("TITLE", 30)],
        rows: vec![Row::new(reply.workspace_id, cells, &json)],
    })
    .into())
}
