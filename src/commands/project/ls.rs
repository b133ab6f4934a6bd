//! `paseo project ls`: the projects of a daemon.

use super::{COLUMNS, row};
use crate::commands::{CommandResult, Context, failure};
use crate::output::{Output, Table};
use crate::protocol::workspaces::ListProjects;

/// Arguments of `paseo project ls`
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Lists the projects.
pub fn run(context: &Context, _: &Args) -> CommandResult {
    let reply = context
        .with_daemon_and(&ListProjects {}, async |_, reply| Ok(reply))
        .map_err(failure::of("PROJECT_LIST_FAILED"))?;
    Ok(Output::List(Table {
        columns: COLUMNS.to_vec(),
        rows: reply.projects.iter().map(row).collect(),
    })
    .into())
}
