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
    let terminal = context.with_daemon(async |daemon| {
        let asked = Asked {
            cwd: &cwd,
            name: args.name.clone(),
            size: None,
            command: None,
        };
        start(daemon, asked).await
    })?;
    let cwd = terminal.cwd.as_deref().unwrap_or(&cwd);
    Ok(Output::Item(Table {
        columns: COLUMNS.to_vec(),
        rows: vec![row(&terminal.id, &terminal.name, Some(cwd))],
    })
    .into())
}

/// What a new terminal is to be like.
pub(super) struct Asked<'a> {
    pub(super) cwd: &'a str,
    pub(super) name: Option<String>,
    pub(super) size: Option<Size>,
    /// A program and its arguments, in place of a shell.
    pub(super) command: Option<Vec<String>>,
}

/// Starts a terminal. Terminals belong to workspaces, so the directory's own is opened first.
pub(super) async fn start(
    daemon: &DaemonClient,
    asked: Asked<'_>,
) -> Result<Terminal, CommandError> {
    let cwd = asked.cwd;
    let mut words = asked.command.into_iter().flatten();
    let command = words.next();
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
        name: asked.name,
        size: asked.size,
        args: command.is_some().then(|| words.collect()),
        command,
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
