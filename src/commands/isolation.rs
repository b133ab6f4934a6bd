//! The flags that say where a new workspace comes from; `run` and `workspace create` share them.

use clap::Args;

use crate::protocol::workspaces::{ChangeRequest, WorkspaceSource};

/// How a worktree is made
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Worktree")]
pub struct WorktreeFlags {
    /// Short name of the worktree
    #[arg(long, value_name = "SLUG")]
    pub worktree_slug: Option<String>,

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

    /// checkout-pr: where it was opened, such as github
    #[arg(long, value_name = "FORGE")]
    pub forge: Option<String>,
}

impl WorktreeFlags {
    /// Returns whether any of them was given.
    pub fn any(&self) -> bool {
        let Self {
            worktree_slug,
            new_branch,
            base,
            branch,
            pr_number,
            forge,
        } = self;
        [worktree_slug, new_branch, base, branch, pr_number, forge]
            .iter()
            .any(|flag| flag.is_some())
    }

    /// Returns the source of a worktree, or why the flags do not fit together.
    ///
    /// `mode` is `branch-off` (the default), `checkout-branch` or `checkout-pr`; `cwd` a directory in the
    /// repository on the daemon's machine.
    pub fn source(
        &self,
        mode: Option<&str>,
        cwd: Option<String>,
        project_id: Option<String>,
    ) -> Result<WorkspaceSource, String> {
        let (action, mut ref_name, mut checkout_source) = (Action::of(mode)?, None, None);
        match action {
            Action::BranchOff => absent(
                [&self.branch, &self.pr_number, &self.forge],
                "branch-off takes no --branch, --pr-number or --forge",
            )?,
            Action::Branch => {
                let branch = self.branch.clone().filter(|branch| !branch.is_empty());
                ref_name = Some(branch.ok_or("checkout-branch needs --branch")?);
                absent(
                    [&self.new_branch, &self.base, &self.pr_number, &self.forge],
                    "checkout-branch takes --branch only, not --new-branch, --base, --pr-number or --forge",
                )?;
            }
            Action::PullRequest => {
                checkout_source = Some(self.change_request()?);
                absent(
                    [&self.new_branch, &self.base, &self.branch],
                    "checkout-pr takes --pr-number and --forge, not --new-branch, --base or --branch",
                )?;
            }
        }
        Ok(WorkspaceSource::Worktree {
            cwd,
            project_id,
            action: Some(action.on_the_wire().to_owned()),
            ref_name,
            base_branch: self.base.clone(),
            branch_name: self.new_branch.clone(),
            checkout_source,
            github_pr_number: None,
            worktree_slug: self.worktree_slug.clone(),
        })
    }

    fn change_request(&self) -> Result<ChangeRequest, String> {
        let number = self.pr_number.as_deref().map(str::trim).unwrap_or_default();
        if number.is_empty() {
            return Err("checkout-pr needs --pr-number".to_owned());
        }
        let number = number.parse().ok().filter(|number| *number > 0);
        Ok(ChangeRequest::ChangeRequest {
            forge: self.forge.clone(),
            number: number.ok_or("--pr-number is a whole number from 1")?,
        })
    }
}

#[derive(Clone, Copy)]
enum Action {
    BranchOff,
    Branch,
    PullRequest,
}

impl Action {
    fn of(mode: Option<&str>) -> Result<Self, String> {
        match mode.unwrap_or("branch-off") {
            "branch-off" => Ok(Self::BranchOff),
            "checkout-branch" => Ok(Self::Branch),
            "checkout-pr" => Ok(Self::PullRequest),
            other => Err(format!("Unsupported worktree mode: {other}")),
        }
    }

    fn on_the_wire(self) -> &'static str {
        match self {
            Self::BranchOff => "branch-off",
            Self::Branch | Self::PullRequest => "checkout",
        }
    }
}

fn absent<const N: usize>(flags: [&Option<String>; N], message: &str) -> Result<(), String> {
    match flags.iter().any(|flag| flag.is_some()) {
        true => Err(message.to_owned()),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(set: impl FnOnce(&mut WorktreeFlags)) -> WorktreeFlags {
        let mut flags = WorktreeFlags::default();
        set(&mut flags);
        flags
    }

    #[test]
    fn each_mode_has_its_source() {
        let off = flags(|f| f.new_branch = Some("feat/x".to_owned()));
        let source = off.source(None, Some("/r".to_owned()), None).unwrap();
        let json = serde_json::to_string(&source).unwrap();
        assert_eq!(
            json,
            r#"{"kind":"worktree","cwd":"/r","action":"branch-off","branchName":"feat/x"}"#
        );
        let pr = flags(|f| f.pr_number = Some("7".to_owned()));
        let source = pr.source(Some("checkout-pr"), None, None).unwrap();
        let json = serde_json::to_string(&source).unwrap();
        assert_eq!(
            json,
            r#"{"kind":"worktree","action":"checkout","checkoutSource":{"kind":"change_request","number":7}}"#
        );
    }

    #[test]
    fn flags_of_another_mode_are_refused() {
        let branch = flags(|f| f.branch = Some("b".to_owned()));
        assert!(branch.source(None, None, None).is_err());
        assert!(branch.source(Some("checkout-branch"), None, None).is_ok());
        assert!(branch.source(Some("nope"), None, None).is_err());
        let pr = flags(|f| f.pr_number = Some("-1".to_owned()));
        assert!(pr.source(Some("checkout-pr"), None, None).is_err());
    }
}
