//! `paseo project rename`: the name that people see.

use serde_json::json;

use crate::commands::{CommandResult, Context, Reference, failure, rename};
use crate::output::{Column, Output, Row, Table};
use crate::protocol::workspaces::RenameProject;

/// Arguments of `paseo project rename`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the project
    pub project_id: Reference,

    /// The new name
    pub name: Option<String>,

    /// Go back to the name of the directory
    #[arg(long)]
    pub reset: bool,
}

const CODE: &str = "PROJECT_RENAME_FAILED";

const RULES: rename::Rules = rename::Rules {
    both: (
        "--reset and a name exclude each other",
        "pass a name, or --reset to go back to that of the directory",
    ),
    missing: ("MISSING_NAME", "a project needs a name"),
    usage: "paseo project rename ID NAME, or paseo project rename ID --reset",
};

/// Names a project, or takes its name away.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = RenameProject {
        project_id: args.project_id.on(context).to_owned(),
        custom_name: RULES.check(args.name.as_deref(), args.reset)?,
    };
    let reply = context
        .with_daemon(async |daemon| Ok(daemon.call(&request).await?))
        .map_err(failure::of(CODE))?;
    if !reply.accepted {
        return Err(failure::says(CODE, reply.error));
    }
    let name = reply.custom_name;
    let json = json!({ "projectId": request.project_id, "name": name });
    let cells = vec![
        request.project_id.as_str().into(),
        name.unwrap_or_default().into(),
    ];
    Ok(Output::Item(Table {
        columns: vec![Column("PROJECT ID", 20), Column("NAME", 30)],
        rows: vec![Row::new(request.project_id, cells, &json)],
    })
    .into())
}
