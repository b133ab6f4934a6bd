//! Projects and workspaces: which directories agents and terminals run in.

mod git;
mod show;
mod worktree;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub(super) use git::Checkout;
pub(super) use show::Placements;
pub(super) use worktree::{NewWorktree, clone, remove};

use super::clock::now;
use super::store::undo;

/// Workspaces that one daemon keeps.
const MAX_WORKSPACES: usize = 10_000;

/// Why a workspace was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum WorkspaceError {
    /// There is no such directory.
    #[error("Directory not found: {0}")]
    NoDirectory(String),
    /// There are too many.
    #[error("this daemon keeps at most {MAX_WORKSPACES} workspaces")]
    TooMany,
}

/// All projects and workspaces, as they are kept on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Workspaces {
    projects: BTreeMap<String, ProjectRecord>,
    workspaces: BTreeMap<String, WorkspaceRecord>,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProjectRecord {
    pub(super) id: String,
    pub(super) root: String,
    #[serde(default)]
    pub(super) custom_name: Option<String>,
    /// Removed by the user; comes back when it is opened.
    #[serde(default)]
    pub(super) removed: bool,
}

/// A workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WorkspaceRecord {
    pub(super) id: String,
    pub(super) project_id: String,
    pub(super) directory: String,
    #[serde(default)]
    pub(super) title: Option<String>,
    pub(super) created_at: String,
    #[serde(default)]
    pub(super) archived_at: Option<String>,
    /// Set for a worktree that this daemon made.
    #[serde(default)]
    pub(super) worktree: Option<WorktreeRecord>,
}

/// A worktree that this daemon made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WorktreeRecord {
    pub(super) slug: String,
    pub(super) repo_root: String,
}

impl Workspaces {
    /// Takes back a change; what others have changed since stays.
    pub(super) fn take_back(&mut self, before: &Self, after: &Self) {
        undo(&mut self.projects, &before.projects, &after.projects);
        undo(&mut self.workspaces, &before.workspaces, &after.workspaces);
    }

    /// The workspace with this id.
    pub(super) fn get(&self, id: &str) -> Option<&WorkspaceRecord> {
        self.workspaces.get(id)
    }

    /// All workspaces that are not archived.
    pub(super) fn active(&self) -> impl Iterator<Item = &WorkspaceRecord> {
        self.workspaces.values().filter(|w| w.archived_at.is_none())
    }

    /// All projects that were not removed.
    pub(super) fn projects(&self) -> impl Iterator<Item = &ProjectRecord> {
        self.projects.values().filter(|project| !project.removed)
    }

    /// The project with this id, even if it was removed.
    pub(super) fn project(&self, id: &str) -> Option<&ProjectRecord> {
        self.projects.get(id)
    }

    /// Whether something in this workspace counts as active.
    pub(super) fn is_active(&self, id: Option<&str>) -> bool {
        id.and_then(|id| self.get(id))
            .is_some_and(|workspace| workspace.archived_at.is_none())
    }

    /// The project of a workspace.
    pub(super) fn project_of(&self, id: Option<&str>) -> Option<&str> {
        Some(&self.get(id?)?.project_id)
    }

    /// Adds the project of a directory, or finds it.
    pub(super) fn add_project(&mut self, dir: &str) -> Result<ProjectRecord, WorkspaceError> {
        let dir = existing(dir)?;
        let root = Checkout::of(Path::new(&dir)).map_or(dir, |checkout| checkout.main_root);
        Ok(self.project_at(&root))
    }

    fn project_at(&mut self, root: &str) -> ProjectRecord {
        let known = self.projects.values_mut().find(|p| p.root == root);
        if let Some(project) = known {
            project.removed = false;
            return project.clone();
        }
        let project = ProjectRecord {
            id: fresh_id("prj"),
            root: root.to_owned(),
            custom_name: None,
            removed: false,
        };
        self.projects.insert(project.id.clone(), project.clone());
        project
    }

    /// Makes a workspace of a directory.
    pub(super) fn create(
        &mut self,
        dir: &str,
        title: Option<String>,
        worktree: Option<WorktreeRecord>,
    ) -> Result<WorkspaceRecord, WorkspaceError> {
        if self.workspaces.len() >= MAX_WORKSPACES {
            return Err(WorkspaceError::TooMany);
        }
        let directory = existing(dir)?;
        let project = self.add_project(&directory)?;
        let workspace = WorkspaceRecord {
            id: fresh_id("wks"),
            project_id: project.id,
            directory,
            title: title.filter(|title| !title.trim().is_empty()),
            created_at: now(),
            archived_at: None,
            worktree,
        };
        self.workspaces
            .insert(workspace.id.clone(), workspace.clone());
        Ok(workspace)
    }

    /// Finds the oldest active workspace of a directory, or makes one.
    pub(super) fn open(&mut self, dir: &str) -> Result<WorkspaceRecord, WorkspaceError> {
        match self.at(&existing(dir)?) {
            Some(workspace) => Ok(workspace.clone()),
            None => self.create(dir, None, None),
        }
    }

    /// The oldest active workspace of a directory.
    pub(super) fn at(&self, dir: &str) -> Option<&WorkspaceRecord> {
        let here = self.active().filter(|workspace| workspace.directory == dir);
        here.min_by(|a, b| a.created_at.cmp(&b.created_at))
    }

    /// Changes the title; false when there is no such workspace.
    pub(super) fn rename(&mut self, id: &str, title: Option<String>) -> bool {
        let found = self.workspaces.get_mut(id);
        found.map(|workspace| workspace.title = title).is_some()
    }

    /// Archives a workspace; `None` when there is no such one.
    pub(super) fn archive(&mut self, id: &str) -> Option<String> {
        let workspace = self.workspaces.get_mut(id)?;
        Some(workspace.archived_at.get_or_insert_with(now).clone())
    }

    /// Changes the name of a project; false when there is no such one.
    pub(super) fn rename_project(&mut self, id: &str, name: Option<String>) -> bool {
        let found = self.projects.get_mut(id).filter(|p| !p.removed);
        found.map(|project| project.custom_name = name).is_some()
    }

    /// Removes a project and archives its workspaces; returns their ids.
    pub(super) fn remove_project(&mut self, id: &str) -> Vec<String> {
        if let Some(project) = self.projects.get_mut(id) {
            project.removed = true;
        }
        let ids: Vec<String> = self
            .active()
            .filter(|workspace| workspace.project_id == id)
            .map(|workspace| workspace.id.clone())
            .collect();
        for id in &ids {
            self.archive(id);
        }
        ids
    }

    /// Shows agents among projects and workspaces.
    pub(super) fn placements(&self) -> Placements<'_> {
        Placements::new(self)
    }
}

/// Returns a directory that is there, absolute and without a slash at the end.
fn existing(dir: &str) -> Result<String, WorkspaceError> {
    let missing = || WorkspaceError::NoDirectory(dir.to_owned());
    let path = Path::new(dir);
    if !path.is_absolute() || !path.is_dir() {
        return Err(missing());
    }
    let path = dir.trim_end_matches('/');
    Ok(if path.is_empty() { "/" } else { path }.to_owned())
}

fn fresh_id(kind: &str) -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("{kind}_{}", &id[..16])
}
