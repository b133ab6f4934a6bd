//! Projects.

use serde_json::json;

use super::workspaces::{archive_agents, error_code};
use crate::daemon::core::Core;
use crate::daemon::dispatch::{Call, Refusal, Serve};
use crate::protocol::workspaces::{
    AddProject, AddedProject, ListProjects, Project, Projects, RemoveProject, RemovedProject,
    RenameProject, RenamedProject,
};

impl Serve for ListProjects {
    async fn serve(self, call: &Call) -> Result<Projects, Refusal> {
        let workspaces = call.core.workspaces();
        let mut placements = workspaces.placements();
        let server_id = call.core.identity.server_id.as_str();
        let projects = workspaces.projects();
        Ok(Projects {
            projects: projects.map(|p| placements.project(p, server_id)).collect(),
        })
    }
}

impl Serve for AddProject {
    async fn serve(self, call: &Call) -> Result<AddedProject, Refusal> {
        let added = call
            .core
            .change_workspaces(|all| all.add_project(&self.cwd));
        Ok(match added.await? {
            Ok(project) => AddedProject {
                project: tell(&call.core, &project.id),
                ..AddedProject::default()
            },
            Err(error) => AddedProject {
                error_code: error_code(&error),
                error: Some(error.to_string()),
                ..AddedProject::default()
            },
        })
    }
}

/// Tells who knows of projects that one is there or has changed, and returns it.
pub(super) fn tell(core: &Core, id: &str) -> Option<Project> {
    let project = project_shown(core, id)?;
    let update = json!({ "kind": "upsert", "project": project });
    core.hub.project_changed(&update);
    Some(project)
}

/// A project as clients see it.
pub(super) fn project_shown(core: &Core, id: &str) -> Option<Project> {
    let workspaces = core.workspaces();
    let project = workspaces.project(id)?;
    let server_id = core.identity.server_id.as_str();
    Some(workspaces.placements().project(project, server_id))
}

impl Serve for RenameProject {
    async fn serve(self, call: &Call) -> Result<RenamedProject, Refusal> {
        let id = self.project_id;
        let name = self.custom_name.filter(|name| !name.trim().is_empty());
        let renamed = call
            .core
            .change_workspaces(|all| all.rename_project(&id, name.clone()));
        let accepted = renamed.await?;
        tell(&call.core, &id);
        Ok(RenamedProject {
            error: (!accepted).then(|| format!("Project not found: {id}")),
            custom_name: name.filter(|_| accepted),
            accepted,
            project_id: id,
        })
    }
}

impl Serve for RemoveProject {
    async fn serve(self, call: &Call) -> Result<RemovedProject, Refusal> {
        let removed = call
            .core
            .change_workspaces(|all| all.remove_project(&self.project_id));
        let removed = removed.await?;
        for workspace in &removed {
            archive_agents(call, workspace).await?;
        }
        let update = json!({ "kind": "remove", "projectId": self.project_id });
        call.core.hub.project_changed(&update);
        Ok(RemovedProject {
            project_id: self.project_id,
            accepted: true,
            removed_workspace_ids: removed,
            error: None,
        })
    }
}
