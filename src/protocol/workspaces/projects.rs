//! Directories and repositories, with their workspaces.

use serde::{Deserialize, Serialize};

use super::Workspace;

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
    changes OpenProject: "open_project_request" => "open_project_response" OpenedProject;
    reads ListProjects: "project.list.request" => "project.list.response" Projects;
    changes AddProject: "project.add.request" => "project.add.response" AddedProject;
    changes RenameProject: "project.rename.request" => "project.rename.response" RenamedProject;
    changes RemoveProject: "project.remove.request" => "project.remove.response" RemovedProject;
    changes CloneRepository: "project.github.clone.request" => "project.github.clone.response" ClonedRepository;
}
