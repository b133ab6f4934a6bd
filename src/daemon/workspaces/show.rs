//! Projects and workspaces as clients see them.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{Checkout, ProjectRecord, WorkspaceRecord, Workspaces};
use crate::daemon::agents::Record;
use crate::protocol::workspaces::{Project, Workspace};

/// Shows things among projects and workspaces; looks at each directory once.
#[derive(Debug)]
pub(in crate::daemon) struct Placements<'a> {
    all: &'a Workspaces,
    checkouts: HashMap<String, Option<Checkout>>,
}

impl<'a> Placements<'a> {
    pub(super) fn new(all: &'a Workspaces) -> Self {
        Self {
            all,
            checkouts: HashMap::new(),
        }
    }

    fn checkout(&mut self, dir: &str) -> Option<&Checkout> {
        if !self.checkouts.contains_key(dir) {
            let found = Checkout::of(Path::new(dir));
            self.checkouts.insert(dir.to_owned(), found);
        }
        self.checkouts.get(dir).and_then(Option::as_ref)
    }

    /// The `ProjectPlacement` of an agent.
    pub(in crate::daemon) fn of(&mut self, agent: &Record) -> Value {
        let workspace = agent
            .workspace_id
            .as_deref()
            .and_then(|id| self.all.get(id));
        match workspace {
            Some(workspace) => self.placement(workspace),
            None => {
                let name = base_name(&agent.cwd);
                let checkout = self.checkout_json(&agent.cwd, false);
                json!({ "projectKey": agent.cwd, "projectName": name, "checkout": checkout })
            }
        }
    }

    fn placement(&mut self, workspace: &WorkspaceRecord) -> Value {
        let name = self.workspace_name(workspace);
        let project = self.all.project(&workspace.project_id);
        json!({
            "projectKey": workspace.project_id,
            "projectName": project.map_or_else(String::new, display_name),
            "workspaceName": name,
            "checkout": self.checkout_json(&workspace.directory, workspace.worktree.is_some()),
        })
    }

    fn workspace_name(&mut self, workspace: &WorkspaceRecord) -> String {
        let branch = |checkout: &Checkout| checkout.branch.clone();
        workspace
            .title
            .clone()
            .or_else(|| self.checkout(&workspace.directory).and_then(branch))
            .unwrap_or_else(|| base_name(&workspace.directory))
    }

    fn checkout_json(&mut self, dir: &str, ours: bool) -> Value {
        match self.checkout(dir) {
            Some(checkout) => json!({
                "cwd": dir,
                "isGit": true,
                "currentBranch": checkout.branch,
                "remoteUrl": checkout.remote,
                "worktreeRoot": checkout.root,
                "isPaseoOwnedWorktree": ours,
                "mainRepoRoot": checkout.is_worktree().then_some(&checkout.main_root),
            }),
            None => json!({
                "cwd": dir,
                "isGit": false,
                "currentBranch": null,
                "remoteUrl": null,
                "worktreeRoot": null,
                "isPaseoOwnedWorktree": false,
                "mainRepoRoot": null,
            }),
        }
    }

    /// A workspace with the status that its agents give it.
    pub(in crate::daemon) fn workspace(
        &mut self,
        workspace: &WorkspaceRecord,
        status: &str,
    ) -> Workspace {
        let project = self.all.project(&workspace.project_id);
        let kind = match self.checkout(&workspace.directory) {
            _ if workspace.worktree.is_some() => "worktree",
            Some(checkout) if checkout.is_worktree() => "checkout",
            Some(_) => "local_checkout",
            None => "directory",
        };
        Workspace {
            id: workspace.id.clone(),
            project_id: workspace.project_id.clone(),
            project_display_name: project.map_or_else(String::new, display_name),
            project_custom_name: project.and_then(|project| project.custom_name.clone()),
            project_root_path: project.map_or_else(String::new, |project| project.root.clone()),
            workspace_directory: Some(workspace.directory.clone()),
            worktree_slug: workspace.worktree.as_ref().map(|w| w.slug.clone()),
            project_kind: if kind == "directory" {
                "non_git"
            } else {
                "git"
            }
            .to_owned(),
            workspace_kind: kind.to_owned(),
            name: self.workspace_name(workspace),
            title: workspace.title.clone(),
            status: status.to_owned(),
            project: Some(self.placement(workspace)),
            ..Workspace::default()
        }
    }

    /// A project; `server_id` is part of its key.
    pub(in crate::daemon) fn project(
        &mut self,
        project: &ProjectRecord,
        server_id: &str,
    ) -> Project {
        let git = self.checkout(&project.root).is_some();
        Project {
            project_id: project.id.clone(),
            project_key: Some(format!("host:{server_id}:{}", project.root)),
            project_display_name: display_name(project),
            project_custom_name: project.custom_name.clone(),
            project_custom_icon_revision: None,
            project_icon_revision: Some("automatic:none:v1".to_owned()),
            project_root_path: project.root.clone(),
            project_kind: if git { "git" } else { "non_git" }.to_owned(),
        }
    }
}

fn display_name(project: &ProjectRecord) -> String {
    let named = project.custom_name.clone();
    named.unwrap_or_else(|| base_name(&project.root))
}

fn base_name(path: &str) -> String {
    let name = Path::new(path).file_name();
    name.map_or_else(
        || path.to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}
