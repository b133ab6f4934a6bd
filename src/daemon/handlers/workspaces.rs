//! Workspaces.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::agents::named;
use crate::daemon::agents::AgentError;
use crate::daemon::core::{Core, rank, shown};
use crate::daemon::dispatch::{Call, Refusal, Serve};
use crate::daemon::paging;
use crate::daemon::store::StoreError;
use crate::daemon::workspaces::{NewWorktree, WorkspaceError, WorkspaceRecord};
use crate::order;
use crate::protocol::agents::{MAX_PAGE, PageInfo, Sort, SortDirection};
use crate::protocol::workspaces::{
    ArchiveWorkspace, ArchivedWorkspace, CreateWorkspace, CreatedWorkspace, FetchWorkspaces,
    OpenProject, OpenedProject, RenameWorkspace, RenamedWorkspace, Workspace, WorkspaceFilter,
    WorkspacePage, WorkspaceSource,
};

/// A cursor: how many came before, of which order. Workspaces change seldom.
#[derive(Serialize, Deserialize)]
struct Place {
    sort: Vec<Sort>,
    after: usize,
}

impl Serve for FetchWorkspaces {
    async fn serve(self, call: &Call) -> Result<WorkspacePage, Refusal> {
        let limit = self.page.as_ref().map_or(MAX_PAGE, |page| page.limit);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Refusal::Schema);
        }
        let sort = self.sort.unwrap_or_default();
        let cursor = self.page.and_then(|page| page.cursor);
        let start = match cursor {
            None => 0,
            Some(cursor) => match paging::decode::<Place>(&cursor) {
                Ok(place) if place.sort == sort => place.after,
                _ => {
                    let error = "Invalid fetch_workspaces cursor".to_owned();
                    return Err(Refusal::Coded("invalid_cursor", error));
                }
            },
        };
        let mut entries = all(&call.core);
        let used: Vec<String> = entries.iter().map(|w| w.project_id.clone()).collect();
        let filter = self.filter.unwrap_or_default();
        entries.retain(|workspace| matches(workspace, &filter));
        order::sort_by(&mut entries, |a, b| compare(a, b, &sort));
        let total = entries.len();
        let end = total.min(start.saturating_add(limit as usize));
        let entries = entries.drain(start.min(end)..end).collect();
        let subscription_id = self.subscribe.map(|subscribe| {
            call.core.hub.watch_workspaces(&call.socket.client_id);
            named(subscribe.subscription_id)
        });
        let workspaces = call.core.workspaces();
        let mut placements = workspaces.placements();
        let server_id = call.core.identity.server_id.as_str();
        Ok(WorkspacePage {
            subscription_id,
            entries,
            empty_projects: workspaces
                .projects()
                .filter(|project| !used.contains(&project.id))
                .map(|project| placements.project(project, server_id))
                .collect(),
            page_info: PageInfo {
                next_cursor: (end < total).then(|| paging::encode(&Place { sort, after: end })),
                prev_cursor: None,
                has_more: end < total,
            },
        })
    }
}

fn all(core: &Core) -> Vec<Workspace> {
    let statuses = core.workspace_statuses();
    let workspaces = core.workspaces();
    let mut placements = workspaces.placements();
    let show = |record: &WorkspaceRecord| {
        let status = statuses.get(&record.id).copied().unwrap_or("done");
        placements.workspace(record, status)
    };
    workspaces.active().map(show).collect()
}

fn matches(workspace: &Workspace, filter: &WorkspaceFilter) -> bool {
    let query = filter.query.as_ref().map(|query| query.to_lowercase());
    let dir = workspace.workspace_directory.as_deref().unwrap_or_default();
    query.is_none_or(|query| {
        [workspace.id.as_str(), &workspace.name, dir]
            .iter()
            .any(|text| text.to_lowercase().contains(&query))
    }) && filter
        .project_id
        .as_ref()
        .is_none_or(|id| *id == workspace.project_id)
        && filter
            .id_prefix
            .as_ref()
            .is_none_or(|prefix| workspace.id.starts_with(prefix))
}

fn compare(a: &Workspace, b: &Workspace, sort: &[Sort]) -> Ordering {
    for sort in sort {
        let order = match sort.key.as_str() {
            "status_priority" => rank(&a.status).cmp(&rank(&b.status)),
            "name" => a.name.to_lowercase().cmp(&b.name.to_lowercase()),
            "project_id" => a.project_id.cmp(&b.project_id),
            _ => a.activity_at.cmp(&b.activity_at),
        };
        let order = match sort.direction {
            SortDirection::Asc => order,
            SortDirection::Desc => order.reverse(),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    a.id.cmp(&b.id)
}

impl Serve for CreateWorkspace {
    async fn serve(self, call: &Call) -> Result<CreatedWorkspace, Refusal> {
        match self.source {
            WorkspaceSource::Directory { path, .. } => {
                let title = self.title;
                let made = call
                    .core
                    .change_workspaces(|all| all.create(&path, title, None));
                let made = made.await?;
                Ok(created(call, made))
            }
            WorkspaceSource::Worktree {
                cwd,
                project_id,
                action,
                ref_name,
                base_branch,
                branch_name,
                worktree_slug,
                ..
            } => {
                let root = project_id.and_then(|id| {
                    let workspaces = call.core.workspaces();
                    Some(workspaces.project(&id)?.root.clone())
                });
                let worktree = NewWorktree {
                    cwd: cwd.or(root).unwrap_or_default(),
                    checkout: action.as_deref() == Some("checkout"),
                    base: ref_name.or(base_branch),
                    branch: branch_name,
                    slug: worktree_slug,
                };
                super::worktrees::make(call, worktree, self.title).await
            }
        }
    }
}

/// Tells who watches of a new workspace, and shows it.
pub(super) fn created(
    call: &Call,
    made: Result<WorkspaceRecord, WorkspaceError>,
) -> CreatedWorkspace {
    match made {
        Ok(record) => CreatedWorkspace {
            workspace: Some(tell(call, &record)),
            ..CreatedWorkspace::default()
        },
        Err(error) => CreatedWorkspace {
            error_code: error_code(&error),
            error: Some(error.to_string()),
            ..CreatedWorkspace::default()
        },
    }
}

fn tell(call: &Call, record: &WorkspaceRecord) -> Workspace {
    let core = &call.core;
    core.stir(&record.id);
    super::projects::tell(core, &record.project_id);
    let statuses = core.workspace_statuses();
    shown(&core.workspaces(), record, &statuses)
}

pub(super) fn error_code(error: &WorkspaceError) -> Option<String> {
    matches!(error, WorkspaceError::NoDirectory(_)).then(|| "directory_not_found".to_owned())
}

impl Serve for OpenProject {
    async fn serve(self, call: &Call) -> Result<OpenedProject, Refusal> {
        let directory = call.core.directory(&self.cwd);
        let opened = call.core.change_workspaces(|all| all.open(&directory));
        Ok(match opened.await? {
            Ok(record) => OpenedProject {
                workspace: Some(tell(call, &record)),
                ..OpenedProject::default()
            },
            Err(error) => OpenedProject {
                error_code: error_code(&error),
                error: Some(error.to_string()),
                ..OpenedProject::default()
            },
        })
    }
}

impl Serve for RenameWorkspace {
    async fn serve(self, call: &Call) -> Result<RenamedWorkspace, Refusal> {
        let core = &call.core;
        let id = self.workspace_id;
        let title = self.title.filter(|title| !title.trim().is_empty());
        let renamed = core.change_workspaces(|all| all.rename(&id, title.clone()));
        let accepted = renamed.await?;
        core.stir(&id);
        Ok(RenamedWorkspace {
            error: (!accepted).then(|| format!("Workspace not found: {id}")),
            title: title.filter(|_| accepted),
            accepted,
            workspace_id: id,
        })
    }
}

impl Serve for ArchiveWorkspace {
    async fn serve(self, call: &Call) -> Result<ArchivedWorkspace, Refusal> {
        let id = self.workspace_id;
        let archived = call.core.change_workspaces(|all| all.archive(&id));
        let archived_at = archived.await?;
        if archived_at.is_some() {
            call.core.terminals.kill_all_of(&id);
            archive_agents(call, &id).await?;
        }
        Ok(ArchivedWorkspace {
            error: archived_at
                .is_none()
                .then(|| format!("Workspace not found: {id}")),
            workspace_id: id,
            archived_at,
        })
    }
}

/// Archives the agents of a workspace that is archived; returns their ids.
pub(super) async fn archive_agents(
    call: &Call,
    workspace: &str,
) -> Result<Vec<String>, StoreError> {
    let core = &call.core;
    core.stop_scripts(workspace);
    let ids: Vec<String> = core
        .agents()
        .iter()
        .map(|agent| &agent.record)
        .filter(|r| r.workspace_id.as_deref() == Some(workspace) && r.archived_at.is_none())
        .map(|record| record.id.clone())
        .collect();
    for id in &ids {
        // One that was deleted meanwhile needs no archiving.
        if let Err(AgentError::Store(error)) = core.archive(id).await {
            return Err(error);
        }
    }
    core.stir(workspace);
    Ok(ids)
}
