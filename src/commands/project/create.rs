//! `paseo project create`: register a directory.

use super::{COLUMNS, row};
use crate::commands::{CommandResult, Context, failure, place};
use crate::error::CommandError;
use crate::output::{Output, Table};
use crate::protocol::workspaces::AddProject;
use crate::remote::{Choice, Rule};

/// Arguments of `paseo project create`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its directory; the current one when absent, for a daemon on this machine
    pub path: Option<String>,
}

const CODE: &str = "PROJECT_CREATE_FAILED";

/// Registers a directory as a project, or returns the one that it is.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = AddProject {
        cwd: directory(context, args.path.as_deref())?,
    };
    let reply = context
        .with_daemon(async |daemon| Ok(daemon.call(&request).await?))
        .map_err(failure::of(CODE))?;
    let project = reply
        .project
        .ok_or_else(|| failure::says(CODE, reply.error))?;
    Ok(Output::Item(Table {
        columns: COLUMNS.to_vec(),
        rows: vec![row(&project)],
    })
    .into())
}

/// A path for a named daemon is sent word for word; else it is one of this machine.
fn directory(context: &Context, given: Option<&str>) -> Result<String, CommandError> {
    let selection = context.selection()?;
    match (given, &selection.choice, &selection.rule) {
        (given, Choice::Local, _) => place::resolved(context, given, "project create", ""),
        (None, Choice::Host(_), Rule::Flag(_) | Rule::Variable(_)) => Err(CommandError::usage(
            "MISSING_PATH",
            "which directory of that machine is it to be?",
        )
        .hint("write it behind the command: paseo project create DIR")),
        (given, ..) => place::named(context, given, "project create", ""),
    }
}
