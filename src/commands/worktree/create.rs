//! `paseo worktree create`: a new worktree.

use serde_json::json;

use crate::commands::{CommandResult, Context, failure, place};
use crate::error::CommandError;
use crate::output::{Column, Output, Row, Table};
use crate::protocol::workspaces::CreateWorktree;

/// Arguments of `paseo worktree create`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// branch-off, checkout-branch or checkout-pr
    #[arg(long)]
    pub mode: Option<String>,

    /// branch-off: the new branch
    #[arg(long, value_name = "NAME")]
    pub new_branch: Option<String>,

    /// branch-off: what to branch from
    #[arg(long, value_name = "REF")]
    pub base: Option<String>,

    /// checkout-branch: the branch
    #[arg(long, value_name = "NAME")]
    pub branch: Option<String>,

    /// checkout-pr: number of the pull request
    #[arg(long, value_name = "N")]
    pub pr_number: Option<String>,

    /// A directory in the repository; the current one when absent
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
}

const CODE: &str = "WORKTREE_CREATE_FAILED";

/// Makes a worktree.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let mut request = args.request()?;
    request.cwd = place::named(context, args.cwd.as_deref(), "worktree create …", "--cwd")?;
    let reply = context
        .with_daemon(async |daemon| Ok(daemon.call(&request).await?))
        .map_err(failure::of(CODE))?;
    let made = reply.workspace.filter(|_| reply.error.is_none());
    let Some((name, Some(path))) = made.map(|made| (made.name, made.workspace_directory)) else {
        let why = reply.error.as_deref().unwrap_or("no workspace returned");
        let message = format!("Failed to create worktree: {why}");
        return Err(failure::says(CODE, Some(message)));
    };
    let short = super::name(&path);
    let json = json!({ "name": short, "branchName": name, "worktreePath": path });
    let cells = vec![short.into(), name.into(), path.as_str().into()];
    Ok(Output::Item(Table {
        columns: vec![Column("NAME", 24), Column("BRANCH", 28), Column("PATH", 50)],
        rows: vec![Row::new(path.as_str(), cells, &json)],
    })
    .into())
}

impl Args {
    fn request(&self) -> Result<CreateWorktree, CommandError> {
        const MODES: &str = "it is branch-off, checkout-branch or checkout-pr";
        let needs = |code: &'static str, flag: &str, mode: &str| {
            CommandError::usage(code, format!("{mode} needs {flag}"))
        };
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        match self.mode.as_deref() {
            None | Some("") => {
                Err(CommandError::usage("MISSING_MODE", "--mode is required").hint(MODES))
            }
            Some(mode @ "branch-off") => {
                let branch = given(&self.new_branch);
                let branch =
                    branch.ok_or_else(|| needs("MISSING_NEW_BRANCH", "--new-branch", mode))?;
                Ok(CreateWorktree {
                    worktree_slug: Some(branch),
                    action: Some("branch-off".to_owned()),
                    ref_name: given(&self.base),
                    ..CreateWorktree::default()
                })
            }
            Some(mode @ "checkout-branch") => {
                let branch = given(&self.branch);
                Ok(CreateWorktree {
                    action: Some("checkout".to_owned()),
                    ref_name: Some(
                        branch.ok_or_else(|| needs("MISSING_BRANCH", "--branch", mode))?,
                    ),
                    ..CreateWorktree::default()
                })
            }
            Some(mode @ "checkout-pr") => {
                let number = given(&self.pr_number);
                let number =
                    number.ok_or_else(|| needs("MISSING_PR_NUMBER", "--pr-number", mode))?;
                let parsed = number.trim().parse().ok().filter(|number| *number > 0);
                let invalid = || {
                    let message = format!("Invalid --pr-number: {number}");
                    CommandError::usage("INVALID_PR_NUMBER", message)
                        .hint("Expected a positive integer")
                };
                Ok(CreateWorktree {
                    action: Some("checkout".to_owned()),
                    github_pr_number: Some(parsed.ok_or_else(invalid)?),
                    ..CreateWorktree::default()
                })
            }
            Some(other) => {
                let message = format!("Invalid --mode: {other}");
                Err(CommandError::usage("INVALID_MODE", message).hint(MODES))
            }
        }
    }
}
