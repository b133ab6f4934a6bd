//! `paseo script ls`: the scripts of a workspace.

use super::{COLUMNS, row, workspace};
use crate::commands::{CommandResult, Context, failure};
use crate::output::{Output, Table};
use crate::protocol::scripts::ListScripts;

/// Arguments of `paseo script ls`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which workspace
    #[command(flatten)]
    pub workspace: workspace::Which,
}

const CODE: &str = "WORKSPACE_SCRIPT_LIST_FAILED";

/// Lists the scripts of a workspace.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let wanted = args.workspace.wanted(context)?;
    let reply = context
        .with_daemon(async |daemon| {
            let workspace_id = wanted.id(daemon).await?;
            Ok(daemon.call(&ListScripts { workspace_id }).await?)
        })
        .map_err(failure::of(CODE))?;
    if let Some(error) = reply.error {
        let message = format!("no list of scripts: {error}");
        return Err(failure::says(CODE, Some(message)));
    }
    Ok(Output::List(Table {
        columns: COLUMNS.to_vec(),
        rows: reply.scripts.iter().flatten().map(row).collect(),
    })
    .into())
}
