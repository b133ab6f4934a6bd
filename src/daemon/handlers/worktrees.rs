//! Worktrees and clones: what needs git.

use std::path::Path;

use super::projects::project_shown;
use super::workspaces::{archive_agents, created};
use crate::daemon::dispatch::{Call, Refusal, Serve};
use crate::daemon::workspaces::{self, Checkout, NewWorktree};
use crate::files::FileName;
use crate::protocol::workspaces::{
    ArchiveWorktree, ArchivedWorktree, CheckoutError, CloneRepository, ClonedRepository,
    CreateWorktree, CreatedWorkspace, ListWorktrees, Worktree, Worktrees,
};

/// Makes a worktree and its workspace.
pub(super) async fn make(
    call: &Call,
    worktree: NewWorktree,
    title: Option<String>,
) -> Result<CreatedWorkspace, Refusal> {
    let made = match worktree.make(&call.core.home).await {
        Ok(made) => made,
        Err(error) => {
            return Ok(CreatedWorkspace {
                error: Some(error.to_string()),
                ..CreatedWorkspace::default()
            });
        }
    };
    Ok(created(call, call.core.workspace_of(made, title).await?))
}

impl Serve for CreateWorktree {
    async fn serve(self, call: &Call) -> Result<CreatedWorkspace, Refusal> {
        let worktree = NewWorktree {
            cwd: self.cwd,
            checkout: self.action.as_deref() == Some("checkout"),
            base: self.ref_name,
            branch: None,
            slug: self.worktree_slug,
        };
        make(call, worktree, None).await
    }
}

impl Serve for ListWorktrees {
    async fn serve(self, call: &Call) -> Result<Worktrees, Refusal> {
        let refused = |code: &str, message: &str| Worktrees {
            worktrees: Vec::new(),
            error: Some(CheckoutError {
                code: code.to_owned(),
                message: message.to_owned(),
            }),
        };
        let Some(dir) = self.repo_root.or(self.cwd) else {
            return Ok(refused(
                "UNKNOWN",
                "which repository? cwd and repoRoot are missing",
            ));
        };
        let Some(checkout) = Checkout::of(Path::new(&dir)) else {
            return Ok(refused("NOT_GIT_REPO", "Not a git repository"));
        };
        let workspaces = call.core.workspaces();
        let ours = workspaces.active().filter(|workspace| {
            let worktree = workspace.worktree.as_ref();
            worktree.is_some_and(|worktree| worktree.repo_root == checkout.main_root)
        });
        Ok(Worktrees {
            worktrees: ours
                .map(|workspace| Worktree {
                    branch_name: Checkout::of(Path::new(&workspace.directory))
                        .and_then(|checkout| checkout.branch),
                    worktree_path: workspace.directory.clone(),
                    created_at: workspace.created_at.clone(),
                    head: None,
                })
                .collect(),
            error: None,
        })
    }
}

impl Serve for ArchiveWorktree {
    async fn serve(self, call: &Call) -> Result<ArchivedWorktree, Refusal> {
        let found = {
            let workspaces = call.core.workspaces();
            let mut active = workspaces.active().filter(|w| w.worktree.is_some());
            active
                .find(|workspace| {
                    self.workspace_id.as_ref() == Some(&workspace.id)
                        || self.worktree_path.as_ref() == Some(&workspace.directory)
                })
                .cloned()
        };
        let Some(workspace) = found else {
            return Ok(ArchivedWorktree {
                success: true,
                removed_agents: Vec::new(),
                error: None,
            });
        };
        let archived = call
            .core
            .change_workspaces(|all| all.archive(&workspace.id));
        archived.await?;
        let removed_agents = archive_agents(call, &workspace.id).await?;
        // 0.1.65 knows no such field, and removes the worktree.
        let from_disk = self.delete_worktree_from_disk.unwrap_or(false);
        let worktree = workspace.worktree.as_ref().filter(|_| from_disk);
        let gone = match worktree {
            Some(worktree) => workspaces::remove(&worktree.repo_root, &workspace.directory).await,
            None => Ok(()),
        };
        Ok(ArchivedWorktree {
            success: gone.is_ok(),
            removed_agents,
            error: gone.err().map(|error| CheckoutError {
                code: "UNKNOWN".to_owned(),
                message: error.to_string(),
            }),
        })
    }
}

impl Serve for CloneRepository {
    async fn serve(self, call: &Call) -> Result<ClonedRepository, Refusal> {
        let repo = self.repo.trim().trim_end_matches('/');
        let base = repo.rsplit(['/', ':']).next().unwrap_or_default();
        let name = base.strip_suffix(".git").unwrap_or(base).to_owned();
        let failed = |error: String| ClonedRepository {
            repo: name.clone(),
            checkout_path: None,
            project: None,
            error: Some(error),
        };
        let Some(file_name) = FileName::parse(&name) else {
            return Ok(failed("The repository has no usable name".to_owned()));
        };
        let url = match (
            repo.contains(':') || repo.starts_with('/'),
            &self.clone_protocol,
        ) {
            (true, _) => repo.to_owned(),
            (false, Some(ssh)) if ssh == "ssh" => format!("git@github.com:{repo}.git"),
            (false, _) => format!("https://github.com/{repo}.git"),
        };
        let parent = Path::new(&self.target_directory);
        if !parent.is_absolute() {
            return Ok(failed(format!(
                "Not an absolute path: {}",
                parent.display()
            )));
        }
        if let Err(error) = std::fs::create_dir_all(parent) {
            return Ok(failed(format!(
                "Cannot create {}: {error}",
                parent.display()
            )));
        }
        let target = file_name.within(parent);
        if let Err(error) = workspaces::clone(&url, &target).await {
            return Ok(failed(error.to_string()));
        }
        let path = target.to_string_lossy().into_owned();
        let added = call.core.change_workspaces(|all| all.add_project(&path));
        let project = added
            .await?
            .map(|project| project_shown(&call.core, &project.id));
        Ok(ClonedRepository {
            repo: name,
            checkout_path: Some(path),
            project: project.unwrap_or_default(),
            error: None,
        })
    }
}
