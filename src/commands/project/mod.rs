//! `paseo project …`: directories and repositories that a daemon knows.

pub mod create;
pub mod delete;
pub mod ls;
pub mod rename;

use clap::Subcommand;
use serde::Serialize;

use super::{CommandResult, Context};
use crate::output::{Column, Row};
use crate::protocol::workspaces::Project;

/// A command about projects.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register a directory as a project
    Create(create::Args),
    /// List projects
    Ls(ls::Args),
    /// Give a project a name
    Rename(rename::Args),
    /// Forget a project with all its workspaces; no file is touched
    Delete(delete::Args),
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Create(args) => create::run(context, args),
        Command::Ls(args) => ls::run(context, args),
        Command::Rename(args) => rename::run(context, args),
        Command::Delete(args) => delete::run(context, args),
    }
}

const COLUMNS: [Column; 4] = [
    Column("PROJECT ID", 20),
    Column("NAME", 24),
    Column("KIND", 10),
    Column("PATH", 42),
];

/// A project as it is shown; field names and order are those of the official JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    project_id: &'a str,
    name: &'a str,
    kind: &'a str,
    path: &'a str,
}

fn row(project: &Project) -> Row {
    let listed = Listed {
        project_id: &project.project_id,
        name: &project.project_display_name,
        kind: &project.project_kind,
        path: &project.project_root_path,
    };
    let cells = vec![
        listed.project_id.into(),
        listed.name.into(),
        listed.kind.into(),
        listed.path.into(),
    ];
    Row::new(listed.project_id, cells, &listed)
}
