//! Where agents work: workspaces, projects, worktrees, clones (`docs/protocol.md`, "Workspaces").

mod projects;
mod worktrees;

pub use projects::{
    AddProject, AddedProject, CloneRepository, ClonedRepository, ListProjects, OpenProject,
    OpenedProject, Project, Projects, RemoveProject, RemovedProject, RenameProject, RenamedProject,
};
pub use worktrees::{
    ArchiveWorktree, ArchivedWorktree, CheckoutError, CreateWorktree, ListWorktrees, Worktree,
    Worktrees,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::agents::{Page, PageInfo, Sort, Subscribe};

/// A directory, or a worktree, in which agents and terminals run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    /// `wks_` and 16 hexadecimal digits.
    pub id: String,
    /// The project it belongs to.
    pub project_id: String,
    /// Name for people.
    pub project_display_name: String,
    /// What the user calls it.
    #[serde(default)]
    pub project_custom_name: Option<String>,
    /// Revision of the user's picture for it.
    #[serde(default)]
    pub project_custom_icon_revision: Option<String>,
    /// Directory of the project.
    pub project_root_path: String,
    /// Directory of the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_directory: Option<String>,
    /// Short name of the worktree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree_slug: Option<String>,
    /// `git`, `non_git` or `directory`.
    pub project_kind: String,
    /// `directory`, `local_checkout`, `checkout` or `worktree`.
    pub workspace_kind: String,
    /// Title, branch or directory.
    pub name: String,
    /// What the user calls it.
    #[serde(default)]
    pub title: Option<String>,
    /// ISO 8601, UTC.
    #[serde(default)]
    pub pinned_at: Option<String>,
    /// The user's labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// ISO 8601, UTC; set while it is being archived.
    #[serde(default)]
    pub archiving_at: Option<String>,
    /// `needs_input`, `failed`, `running`, `attention` or `done`.
    pub status: String,
    /// ISO 8601, UTC.
    #[serde(default)]
    pub status_entered_at: Option<String>,
    /// ISO 8601, UTC.
    #[serde(default)]
    pub activity_at: Option<String>,
    /// Lines added and removed.
    #[serde(default)]
    pub diff_stat: Option<Value>,
    /// Its scripts.
    #[serde(default)]
    pub scripts: Vec<super::scripts::Script>,
    /// State of git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_runtime: Option<Value>,
    /// Its place in the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Value>,
}

/// `fetch_workspaces_request`: a page of the directory of workspaces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchWorkspaces {
    /// All given conditions must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<WorkspaceFilter>,
    /// First key first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<Vec<Sort>>,
    /// Which page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
    /// Ask for `workspace_update` messages from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscribe: Option<Subscribe>,
}

/// Conditions on workspaces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceFilter {
    /// Part of id, name or path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Its project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// Beginning of its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_prefix: Option<String>,
}

/// Reply to [`FetchWorkspaces`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspacePage {
    /// Names the subscription, when one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<String>,
    /// The workspaces of this page.
    pub entries: Vec<Workspace>,
    /// Projects without workspaces; absent in 0.1.65.
    #[serde(default)]
    pub empty_projects: Vec<Project>,
    /// Where the page stands.
    pub page_info: PageInfo,
}

/// `workspace_update`: a workspace changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum WorkspaceUpdate {
    /// New or changed.
    Upsert {
        /// How it looks.
        workspace: Box<Workspace>,
    },
    /// Gone.
    Remove {
        /// Its id.
        id: String,
    },
}

/// `workspace.create.request`: always makes a new one. Not in 0.1.65.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateWorkspace {
    /// What the user calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What names are derived from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_agent_context: Option<Value>,
    /// Where it comes from.
    pub source: WorkspaceSource,
}

/// Where a workspace comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum WorkspaceSource {
    /// A directory as it is.
    Directory {
        /// Absolute.
        path: String,
        /// Its project.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        project_id: Option<String>,
    },
    /// A new worktree of a repository.
    Worktree {
        /// A directory in the repository.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cwd: Option<String>,
        /// Its project.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        project_id: Option<String>,
        /// `branch-off` or `checkout`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        action: Option<String>,
        /// What to check out, or to branch from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ref_name: Option<String>,
        /// What to branch from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base_branch: Option<String>,
        /// The new branch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        branch_name: Option<String>,
        /// What to check out, when it is no branch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checkout_source: Option<ChangeRequest>,
        /// A pull request on GitHub; older form of `checkout_source`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        github_pr_number: Option<u64>,
        /// Short name of the worktree.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        worktree_slug: Option<String>,
    },
}

/// A pull request, or what a forge calls so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum ChangeRequest {
    /// By its number.
    ChangeRequest {
        /// Such as `github`; the daemon finds out when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        forge: Option<String>,
        /// Its number.
        number: u64,
    },
}

/// Reply to [`CreateWorkspace`] and [`CreateWorktree`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreatedWorkspace {
    /// The workspace, or `None` with `error` set.
    pub workspace: Option<Workspace>,
    /// Terminal in which its set-up runs.
    #[serde(default)]
    pub setup_terminal_id: Option<String>,
    /// Why there is none.
    #[serde(default)]
    pub error: Option<String>,
    /// A word for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
}

/// `workspace.title.set.request`. Not in 0.1.65.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenameWorkspace {
    /// Full id.
    pub workspace_id: String,
    /// `None` resets.
    pub title: Option<String>,
}

/// Reply to [`RenameWorkspace`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenamedWorkspace {
    /// Full id.
    pub workspace_id: String,
    /// Whether it was done.
    pub accepted: bool,
    /// The title now.
    pub title: Option<String>,
    /// Why not.
    pub error: Option<String>,
}

/// `archive_workspace_request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveWorkspace {
    /// Full id.
    pub workspace_id: String,
}

/// Reply to [`ArchiveWorkspace`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchivedWorkspace {
    /// Full id.
    pub workspace_id: String,
    /// ISO 8601, UTC; `None` with `error` set.
    pub archived_at: Option<String>,
    /// Why not.
    pub error: Option<String>,
}

requests! {
    reads FetchWorkspaces: "fetch_workspaces_request" => "fetch_workspaces_response" WorkspacePage;
    changes CreateWorkspace: "workspace.create.request" => "workspace.create.response" CreatedWorkspace;
    changes RenameWorkspace: "workspace.title.set.request" => "workspace.title.set.response" RenamedWorkspace;
    changes ArchiveWorkspace: "archive_workspace_request" => "archive_workspace_response" ArchivedWorkspace;
}
