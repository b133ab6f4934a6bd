//! `paseo workspace create`: a directory, or a new worktree, in which agents work.

use super::{COLUMNS, row};
use crate::commands::isolation::WorktreeFlags;
use crate::commands::{CommandResult, Context, failure, place};
use crate::error::CommandError;
use crate::output::{Output, Table};
use crate::protocol::workspaces::{CreateWorkspace, WorkspaceSource};

/// Arguments of `paseo workspace create`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A directory as it is (local), or a worktree of its repository (worktree)
    #[arg(long, value_name = "local|worktree")]
    pub isolation: String,

    /// The directory, or one in the repository; the current one when absent
    #[arg(long, value_name = "DIR")]
    pub path: Option<String>,

    /// A project that is known already
    #[arg(long, value_name = "ID")]
    pub project: Option<String>,

    /// Title for people
    #[arg(long)]
    pub title: Option<String>,

    /// branch-off (usual), checkout-branch or checkout-pr
    #[arg(long)]
    pub mode: Option<String>,

    /// How the worktree is made
    #[command(flatten)]
    pub worktree: WorktreeFlags,
}

const CODE: &str = "WORKSPACE_CREATE_FAILED";

/// Makes a workspace, always a new one.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = CreateWorkspace {
        title: args.title.clone().filter(|title| !title.is_empty()),
        first_agent_context: None,
        source: args.source(context)?,
    };
    let reply = context
        .with_daemon(async |daemon| Ok(daemon.call(&request).await?))
        .map_err(failure::of(CODE))?;
    let workspace = reply
        .workspace
        .ok_or_else(|| failure::says(CODE, reply.error))?;
    Ok(Output::Item(Table {
        columns: COLUMNS.to_vec(),
        rows: vec![row(&workspace)],
    })
    .into())
}

impl Args {
    fn source(&self, context: &Context) -> Result<WorkspaceSource, CommandError> {
        let usage = |message: String| CommandError::usage(CODE, message);
        let project_id = self.project.clone();
        match self.isolation.as_str() {
            "local" if self.mode.is_some() || self.worktree.any() => Err(usage(
                "flags of a worktree need --isolation worktree".to_owned(),
            )),
            "local" => Ok(WorkspaceSource::Directory {
                path: place::named(
                    context,
                    self.path.as_deref(),
                    "workspace create …",
                    "--path",
                )?,
                project_id,
            }),
            "worktree" => {
                let mode = self.mode.as_deref();
                // Wrong flags are told before a missing directory.
                self.worktree.source(mode, None, None).map_err(usage)?;
                let cwd = match (&self.path, &self.project) {
                    (None, Some(_)) => None,
                    (path, _) => Some(place::named(
                        context,
                        path.as_deref(),
                        "workspace create …",
                        "--path",
                    )?),
                };
                self.worktree.source(mode, cwd, project_id).map_err(usage)
            }
            other => Err(usage(format!("Unsupported workspace isolation: {other}"))),
        }
    }
}
