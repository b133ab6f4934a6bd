//! Checkouts that the daemon makes beside a repository.

use serde::{Deserialize, Serialize};

use super::CreatedWorkspace;

/// `create_paseo_worktree_request`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateWorktree {
    /// A directory in the repository.
    pub cwd: String,
    /// Short name; made safe by the daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree_slug: Option<String>,
    /// What to check out, or to branch from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ref_name: Option<String>,
    /// `branch-off` or `checkout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// A pull request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github_pr_number: Option<u64>,
}

/// `paseo_worktree_list_request`; needs one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListWorktrees {
    /// A directory in the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo_root: Option<String>,
}

/// Reply to [`ListWorktrees`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worktrees {
    /// Those that the daemon made.
    pub worktrees: Vec<Worktree>,
    /// Why there are none.
    pub error: Option<CheckoutError>,
}

/// A worktree that the daemon made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Worktree {
    /// Absolute.
    pub worktree_path: String,
    /// ISO 8601, UTC.
    pub created_at: String,
    /// Its branch.
    #[serde(default)]
    pub branch_name: Option<String>,
    /// Its commit.
    #[serde(default)]
    pub head: Option<String>,
}

/// Why git did not do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutError {
    /// `NOT_GIT_REPO`, `NOT_ALLOWED`, `MERGE_CONFLICT` or `UNKNOWN`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// `paseo_worktree_archive_request`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveWorktree {
    /// Absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree_path: Option<String>,
    /// The repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo_root: Option<String>,
    /// Its branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch_name: Option<String>,
    /// Its workspace; not in 0.1.65.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// `workspace` or `worktree`; not in 0.1.65.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Not in 0.1.65.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_worktree_from_disk: Option<bool>,
}

/// Reply to [`ArchiveWorktree`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchivedWorktree {
    /// Whether it was done; unknown paths succeed.
    pub success: bool,
    /// Agents that went with it.
    #[serde(default)]
    pub removed_agents: Vec<String>,
    /// Why not.
    pub error: Option<CheckoutError>,
}

requests! {
    changes CreateWorktree: "create_paseo_worktree_request" => "create_paseo_worktree_response" CreatedWorkspace;
    reads ListWorktrees: "paseo_worktree_list_request" => "paseo_worktree_list_response" Worktrees;
    changes ArchiveWorktree: "paseo_worktree_archive_request" => "paseo_worktree_archive_response" ArchivedWorktree;
}
