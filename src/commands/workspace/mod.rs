//! `paseo workspace …`: the directories and worktrees in which agents work.

pub mod archive;
pub mod create;
pub mod ls;
pub mod rename;

use clap::Subcommand;
use serde::Serialize;

use super::{CommandResult, Context, exact};
use crate::output::{Column, Row};
use crate::protocol::workspaces::Workspace;

/// A command about workspaces.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a workspace
    Create(Box<create::Args>),
    /// List workspaces
    Ls(ls::Args),
    /// Give a workspace a title
    Rename(rename::Args),
    /// Archive a workspace and all that runs in it
    Archive(archive::Args),
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Create(args) => create::run(context, args),
        Command::Ls(args) => ls::run(context, args),
        Command::Rename(args) => rename::run(context, args),
        Command::Archive(args) => archive::run(context, args),
    }
}

const COLUMNS: [Column; 5] = [
    Column("WORKSPACE ID", 20),
    Column("PROJECT", 20),
    Column("NAME", 22),
    Column("ISOLATION", 10),
    Column("CWD", 42),
];

/// A workspace as it is shown: the official fields, and the exact ones.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    workspace_id: &'a str,
    project: &'a str,
    name: &'a str,
    isolation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<&'a str>,
    cwd_path: Option<&'a str>,
    project_id: &'a str,
}

fn row(workspace: &Workspace) -> Row {
    let listed = Listed {
        workspace_id: &workspace.id,
        project: &workspace.project_display_name,
        name: &workspace.name,
        isolation: match workspace.workspace_kind.as_str() {
            "worktree" => "worktree",
            _ => "local",
        },
        cwd: workspace.workspace_directory.as_deref(),
        cwd_path: workspace
            .workspace_directory
            .as_deref()
            .and_then(exact::path),
        project_id: &workspace.project_id,
    };
    let cells = vec![
        listed.workspace_id.into(),
        listed.project.into(),
        listed.name.into(),
        listed.isolation.into(),
        listed.cwd.unwrap_or_default().into(),
    ];
    Row::new(listed.workspace_id, cells, &listed)
}
