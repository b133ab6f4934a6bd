//! `paseo worktree archive`: a worktree that is no longer needed.

use serde_json::json;

use super::ls;
use crate::commands::{CommandResult, Context, Reference, failure, place};
use crate::error::{CommandError, Exit};
use crate::output::{Column, Output, Row, Table};
use crate::protocol::workspaces::{ArchiveWorktree, ListWorktrees};

/// Arguments of `paseo worktree archive`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its directory's name, or its branch
    #[arg(value_name = "name")]
    pub name: Reference,

    /// A directory in the repository; the current one when absent
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
}

const CODE: &str = "WORKTREE_ARCHIVE_FAILED";

/// Archives all workspaces in a worktree, and removes its directory.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    if args.name.is_blank() {
        let message = "Worktree name is required";
        return Err(CommandError::usage("MISSING_WORKTREE_NAME", message)
            .hint("paseo worktree ls shows the names"));
    }
    let wanted = args.name.on(context);
    let cwd = place::named(context, args.cwd.as_deref(), "worktree archive …", "--cwd")?;
    let list = ListWorktrees {
        cwd: Some(cwd),
        repo_root: None,
    };
    let (path, reply) = context
        .with_daemon_and(&list, async |daemon, listed| {
            if let Some(error) = listed.error {
                let message = format!("Failed to list worktrees: {}", error.message);
                return Err(failure::says(ls::CODE, Some(message)));
            }
            let path = listed
                .worktrees
                .into_iter()
                .find(|worktree| {
                    super::name(&worktree.worktree_path) == wanted
                        || worktree.branch_name.as_deref() == Some(wanted)
                })
                .map(|worktree| worktree.worktree_path)
                .ok_or_else(|| unknown(wanted))?;
            let request = ArchiveWorktree {
                worktree_path: Some(path.clone()),
                scope: Some("worktree".to_owned()),
                ..ArchiveWorktree::default()
            };
            Ok((path, daemon.call(&request).await?))
        })
        .map_err(failure::of(CODE))?;
    if let Some(error) = reply.error {
        let message = format!("Failed to archive worktree: {}", error.message);
        return Err(failure::says(CODE, Some(message)));
    }
    let name = super::name(&path);
    let removed = reply.removed_agents;
    let json = json!({ "name": name, "status": "archived", "removedAgents": removed });
    let agents = match removed.as_slice() {
        [] => "-".to_owned(),
        ids => ids.join(", "),
    };
    Ok(Output::Item(Table {
        columns: vec![
            Column("NAME", 0),
            Column("STATUS", 0),
            Column("REMOVED AGENTS", 0),
        ],
        rows: vec![Row::new(
            name,
            vec![name.into(), "archived".into(), agents.into()],
            &json,
        )],
    })
    .into())
}

fn unknown(name: &str) -> CommandError {
    let message = format!("Worktree not found: {name}");
    CommandError::new("WORKTREE_NOT_FOUND", Exit::NotFound, message)
        .hint("see them with: paseo worktree ls")
}
