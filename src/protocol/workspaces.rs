//! Where agents work: workspaces, projects, worktrees, clones (`docs/protocol.md`, "Workspaces").

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

/// A directory, or repository, with its workspaces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Project {
    /// `prj_` and 16 hexadecimal digits.
    pub project_id: String,
    /// The same on every machine that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_key: Option<String>,
    /// Name for people.
    pub project_display_name: String,
    /// What the user calls it.
    #[serde(default)]
    pub project_custom_name: Option<String>,
    /// Revision of the user's picture for it.
    #[serde(default)]
    pub project_custom_icon_revision: Option<String>,
    /// Revision of its picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_icon_revision: Option<String>,
    /// Its directory.
    pub project_root_path: String,
    /// `git`, `non_git` or `directory`.
    pub project_kind: String,
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

/// `open_project_request`: the workspace of a directory, made when there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenProject {
    /// Absolute.
    pub cwd: String,
}

/// Reply to [`OpenProject`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenedProject {
    /// The workspace, or `None` with `error` set.
    pub workspace: Option<Workspace>,
    /// Why there is none.
    #[serde(default)]
    pub error: Option<String>,
    /// `directory_not_found`.
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

/// `project.list.request`. Not in 0.1.65.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListProjects {}

/// Reply to [`ListProjects`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Projects {
    /// All of them.
    pub projects: Vec<Project>,
}

/// `project.add.request`. Not in 0.1.65.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddProject {
    /// Absolute.
    pub cwd: String,
}

/// Reply to [`AddProject`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddedProject {
    /// The project, or `None` with `error` set.
    pub project: Option<Project>,
    /// Why there is none.
    #[serde(default)]
    pub error: Option<String>,
    /// `directory_not_found`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
}

/// `project.rename.request`. Not in 0.1.65.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenameProject {
    /// Full id.
    pub project_id: String,
    /// `None` resets.
    pub custom_name: Option<String>,
}

/// Reply to [`RenameProject`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenamedProject {
    /// Full id.
    pub project_id: String,
    /// Whether it was done.
    pub accepted: bool,
    /// The name now.
    pub custom_name: Option<String>,
    /// Why not.
    pub error: Option<String>,
}

/// `project.remove.request`: forgets it, touches no file. Succeeds for unknown ids. Not in 0.1.65.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveProject {
    /// Full id.
    pub project_id: String,
}

/// Reply to [`RemoveProject`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemovedProject {
    /// Full id.
    pub project_id: String,
    /// Whether it was done.
    pub accepted: bool,
    /// Workspaces that went with it.
    #[serde(default)]
    pub removed_workspace_ids: Vec<String>,
    /// Why not.
    pub error: Option<String>,
}

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

/// `project.github.clone.request`. Not in 0.1.65.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloneRepository {
    /// A URL, or `owner/name`.
    pub repo: String,
    /// `https` or `ssh`, for `owner/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone_protocol: Option<String>,
    /// Absolute; the checkout becomes a directory in it.
    pub target_directory: String,
}

/// Reply to [`CloneRepository`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClonedRepository {
    /// Name of the repository.
    pub repo: String,
    /// Where it is now.
    pub checkout_path: Option<String>,
    /// Its project.
    pub project: Option<Project>,
    /// Why it is not.
    pub error: Option<String>,
}

requests! {
    reads FetchWorkspaces: "fetch_workspaces_request" => "fetch_workspaces_response" WorkspacePage;
    changes CreateWorkspace: "workspace.create.request" => "workspace.create.response" CreatedWorkspace;
    changes OpenProject: "open_project_request" => "open_project_response" OpenedProject;
    changes RenameWorkspace: "workspace.title.set.request" => "workspace.title.set.response" RenamedWorkspace;
    changes ArchiveWorkspace: "archive_workspace_request" => "archive_workspace_response" ArchivedWorkspace;
    reads ListProjects: "project.list.request" => "project.list.response" Projects;
    changes AddProject: "project.add.request" => "project.add.response" AddedProject;
    changes RenameProject: "project.rename.request" => "project.rename.response" RenamedProject;
    changes RemoveProject: "project.remove.request" => "project.remove.response" RemovedProject;
    changes CreateWorktree: "create_paseo_worktree_request" => "create_paseo_worktree_response" CreatedWorkspace;
    reads ListWorktrees: "paseo_worktree_list_request" => "paseo_worktree_list_response" Worktrees;
    changes ArchiveWorktree: "paseo_worktree_archive_request" => "paseo_worktree_archive_response" ArchivedWorktree;
    changes CloneRepository: "project.github.clone.request" => "project.github.clone.response" ClonedRepository;
}
