//! Git worktrees that the daemon makes, and clones: the parts that need git itself.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::{Checkout, WorkspaceError, WorkspaceRecord, WorktreeRecord};
use crate::daemon::core::Core;
use crate::daemon::store::StoreError;
use crate::files;
use crate::subprocess;

/// How long git may take.
const DEADLINE: Duration = Duration::from_secs(240);
/// How many worktrees of one repository may have the same short name.
const MAX_SUFFIX: u32 = 100;
/// Bytes of an error of git that are passed on.
const MAX_ERROR_BYTES: usize = 2000;

/// Why there is no worktree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::daemon) enum WorktreeError {
    /// Not in a repository.
    #[error("Not a git repository: {0}")]
    NotGit(String),
    /// Git said no.
    #[error("Git command failed: {0}")]
    Git(String),
    /// There is something in the way.
    #[error("Checkout path already exists: {0}")]
    Exists(String),
}

/// What a new worktree is to be.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct NewWorktree {
    /// A directory in the repository.
    pub(in crate::daemon) cwd: String,
    /// Check out what is there instead of making a branch.
    pub(in crate::daemon) checkout: bool,
    /// What to branch from, or what to check out.
    pub(in crate::daemon) base: Option<String>,
    /// The new branch; the slug when absent.
    pub(in crate::daemon) branch: Option<String>,
    /// Short name; made safe here.
    pub(in crate::daemon) slug: Option<String>,
}

/// Where a worktree was made.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Made {
    pub(in crate::daemon) path: PathBuf,
    pub(in crate::daemon) slug: String,
    pub(in crate::daemon) repo_root: String,
}

impl NewWorktree {
    /// Makes it below `worktrees` in the daemon's home.
    pub(in crate::daemon) async fn make(&self, home: &Path) -> Result<Made, WorktreeError> {
        let checkout = Checkout::of(Path::new(&self.cwd))
            .ok_or_else(|| WorktreeError::NotGit(self.cwd.clone()))?;
        let root = checkout.main_root;
        let named = self.slug.as_ref().or(self.branch.as_ref());
        let named = named.or(self.base.as_ref().filter(|_| self.checkout));
        let slug = match named.map(|name| safe(name)).filter(|slug| !slug.is_empty()) {
            Some(slug) => slug,
            None => uuid::Uuid::new_v4().simple().to_string()[..8].to_owned(),
        };
        let group = home.join("worktrees").join(group(&root));
        let (slug, path) = self.free(&slug, &group, Path::new(&root)).await?;
        let target = path.to_string_lossy().into_owned();
        let branch = self.branch.clone().unwrap_or_else(|| slug.clone());
        let base = self.base.clone().unwrap_or_else(|| "HEAD".to_owned());
        // Names of a peer never stand where git could take them for an option.
        if [&branch, &base].iter().any(|name| name.starts_with('-')) {
            return Err(WorktreeError::Git("a name begins with a dash".to_owned()));
        }
        let args: Vec<&str> = if self.checkout {
            vec!["worktree", "add", "--", &target, &base]
        } else {
            vec!["worktree", "add", "-b", &branch, "--", &target, &base]
        };
        // Ours alone, whatever the umask: git would make it as open as that lets it.
        files::create_private_dir(&group).map_err(|error| WorktreeError::Git(error.to_string()))?;
        git(Path::new(&root), &args).await?;
        Ok(Made {
            path,
            slug,
            repo_root: root,
        })
    }
}

impl NewWorktree {
    /// Returns the first name that is free, and its directory: different branches may have the same short name, as
    /// `fix/login` and `fix-login`. A branch that is named is never another one.
    async fn free(
        &self,
        slug: &str,
        group: &Path,
        root: &Path,
    ) -> Result<(String, PathBuf), WorktreeError> {
        for n in 1..=MAX_SUFFIX {
            let slug = match n {
                1 => slug.to_owned(),
                n => format!("{slug}-{n}"),
            };
            let path = group.join(&slug);
            let named = self.checkout || self.branch.is_some();
            if !path.exists() && (named || !has_branch(root, &slug).await) {
                return Ok((slug, path));
            }
        }
        let path = group.join(slug);
        Err(WorktreeError::Exists(path.to_string_lossy().into_owned()))
    }
}

async fn has_branch(root: &Path, name: &str) -> bool {
    let name = format!("refs/heads/{name}");
    git(root, &["show-ref", "--verify", "--quiet", &name])
        .await
        .is_ok()
}

impl Core {
    /// Makes the workspace of a new worktree. When it cannot be kept, the worktree goes again.
    pub(in crate::daemon) async fn workspace_of(
        &self,
        made: Made,
        title: Option<String>,
    ) -> Result<Result<WorkspaceRecord, WorkspaceError>, StoreError> {
        let path = made.path.to_string_lossy().into_owned();
        let repo = made.repo_root.clone();
        let record = WorktreeRecord {
            slug: made.slug,
            repo_root: made.repo_root,
        };
        let created = self.change_workspaces(|all| all.create(&path, title, Some(record)));
        let created = created.await;
        if !matches!(created, Ok(Ok(_)))
            && let Err(error) = remove(&repo, &path).await
        {
            tracing::warn!(%error, path, "a worktree without a workspace is left");
        }
        created
    }
}

/// Removes a worktree from disk.
pub(in crate::daemon) async fn remove(repo: &str, path: &str) -> Result<(), WorktreeError> {
    git(
        Path::new(repo),
        &["worktree", "remove", "--force", "--", path],
    )
    .await
}

/// Clones a repository into a new directory.
pub(in crate::daemon) async fn clone(url: &str, target: &Path) -> Result<(), WorktreeError> {
    let path = target.to_string_lossy();
    if target.exists() {
        return Err(WorktreeError::Exists(path.into_owned()));
    }
    let parent = target.parent().unwrap_or(Path::new("/"));
    git(parent, &["clone", "--", url, &path]).await
}

async fn git(dir: &Path, args: &[&str]) -> Result<(), WorktreeError> {
    let failed = |error: std::io::Error| WorktreeError::Git(error.to_string());
    let child = Command::from(subprocess::command("git"))
        .args(args)
        .current_dir(dir)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let output = tokio::time::timeout(DEADLINE, child.wait_with_output())
        .await
        .map_err(|_| WorktreeError::Git("it took too long".to_owned()))?
        .map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    let mut said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if said.len() > MAX_ERROR_BYTES {
        let cut = said.floor_char_boundary(MAX_ERROR_BYTES);
        said.truncate(cut);
    }
    Err(WorktreeError::Git(said))
}

/// A name that is safe as a directory and as a branch.
fn safe(name: &str) -> String {
    let kept = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let name: String = name.to_lowercase().chars().map(kept).take(64).collect();
    name.trim_matches('-').to_owned()
}

/// A directory for the worktrees of one repository.
fn group(root: &str) -> String {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(root.as_bytes());
    hash.iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_become_safe(name in "\\PC{0,80}") {
            let slug = safe(&name);
            prop_assert!(!slug.contains(['/', '.', ' ']) && !slug.starts_with('-'));
        }
    }
}
