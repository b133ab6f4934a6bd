//! `paseo terminal create`: start a terminal.

use super::{COLUMNS, row};
use crate::client::DaemonClient;
use crate::commands::{CommandResult, Context, failure, place};
use crate::error::CommandError;
use crate::output::{Output, Table};
use crate::protocol::terminals::{CreateTerminal, Size, Terminal};
use crate::protocol::workspaces::OpenProject;

/// Arguments of `paseo terminal create`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where it starts; the current directory when absent
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,

    /// Name for people
    #[arg(long)]
    pub name: Option<String>,
}

const CODE: &str = "TERMINAL_CREATE_FAILED";

/// Starts a shell in the workspace of a directory.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let cwd = place::named(context, args.cwd.as_deref(), "terminal create", "--cwd")?;
    let terminal =
        context.with_daemon(async |daemon| start(daemon, &cwd, args.name.clone(), None).await)?;
    let cwd = terminal.cwd.as_deref().unwrap_or(&cwd);
    Ok(Output::Item(Table {
        columns: COLUMNS.to_vec(),
        rows: vec![row(&terminal.id, &terminal.name, cwd)],
    })
    .into())
}

/// Starts a shell. Terminals belong to workspaces, so the directory's own is opened first.
pub(super) async fn start(
    daemon: &DaemonClient,
    cwd: &str,
    name: Option<String>,
    size: Option<Size>,
) -> Result<Terminal, CommandError> {
    let open = OpenProject {
        cwd: cwd.to_owned(),
    };
    let opened = daemon
        .call(&open)
        .await
        .map_err(|error| failure::of("WORKSPACE_OPEN_FAILED")(error.into()))?;
    let workspace = opened
        .workspace
        .ok_or_else(|| failure::says("WORKSPACE_OPEN_FAILED", opened.error))?;
    // The daemon knows what `~` is there.
    let directory = workspace
        .workspace_directory
        .filter(|_| cwd.starts_with('~'));
    let create = CreateTerminal {
        cwd: directory.unwrap_or_else(|| cwd.to_owned()),
        workspace_id: Some(workspace.id),
        name,
        size,
        ..CreateTerminal::default()
    };
    let created = daemon
        .call(&create)
        .await
        .map_err(|error| failure::of(CODE)(error.into()))?;
    created
        .terminal
        .ok_or_else(|| failure::says(CODE, created.error))
}
