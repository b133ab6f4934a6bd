//! The workspace of a run: one that is there, the caller's, or a new one.

use std::time::Duration;

use serde_json::json;

use super::plan::Caller;
use super::{Args, DOING};
use crate::client::{CallError, DaemonClient};
use crate::commands::agent::directory;
use crate::commands::failure::Doing;
use crate::error::{CommandError, Exit};
use crate::output;
use crate::protocol::lifecycle::CreateAgent;
use crate::protocol::workspaces::{
    CreateWorkspace, FetchWorkspaces, Workspace, WorkspaceFilter, WorkspaceSource,
};

const CREATING: Doing = Doing {
    code: "WORKSPACE_CREATE_FAILED",
    what: "Failed to create workspace",
};

/// How long a look for a workspace may take: without an answer, one is made.
const LOOK_LIMIT: Duration = Duration::from_secs(2);

/// Where an agent is to live.
pub(super) enum Home {
    /// In a workspace that is there.
    Existing(String),
    /// In that of the agent that calls; the daemon knows it.
    Caller { cwd: String },
    /// In a new one, or where `shared` in the one of the directory, if there is one. `old` is how a daemon without
    /// workspaces makes the worktree.
    New {
        cwd: String,
        shared: bool,
        source: Box<WorkspaceSource>,
        old: Option<OldWorktree>,
    },
}

/// A worktree for 0.1.65, which knows only this much.
pub(super) struct OldWorktree {
    slug: String,
    base: Option<String>,
}

impl Home {
    /// Checks that the flags fit together.
    pub(super) fn check(args: &Args) -> Result<(), CommandError> {
        let wrong = |message: String| CommandError::usage("INVALID_OPTIONS", message);
        if let Some(kind) = &args.new_workspace
            && !matches!(kind.as_str(), "local" | "worktree")
        {
            return Err(
                wrong(format!("no kind of workspace: {kind}")).hint("it is local or worktree")
            );
        }
        if args.new_workspace.is_some() && args.worktree.is_some() {
            let error = wrong("--new-workspace and --worktree exclude each other".to_owned());
            let hint = "leave --worktree out, and name it with --worktree-slug";
            return Err(error.hint(hint));
        }
        let worktree = is_worktree(args);
        if !worktree && (args.worktree_mode.is_some() || args.worktree_flags.any()) {
            let error = wrong("flags of a worktree, but none is to be made".to_owned());
            return Err(error.hint("add --new-workspace worktree"));
        }
        if worktree {
            source(args, String::new())?;
        }
        if args.workspace.is_some() && args.new_workspace.is_some() {
            let error = wrong("--new-workspace and --workspace exclude each other".to_owned());
            let hint = "leave one of them out";
            return Err(error.hint(hint));
        }
        if args.workspace.is_some() && args.worktree.is_some() {
            let error = wrong("--worktree and --workspace exclude each other".to_owned());
            let hint = "leave one of them out";
            return Err(error.hint(hint));
        }
        Ok(())
    }

    /// Decides: `--workspace`, `--new-workspace`, the caller's, `PASEO_WORKSPACE_ID`, a new one.
    pub(super) fn of(
        args: &Args,
        caller: &Caller,
        cwd: impl FnOnce() -> Result<String, CommandError>,
    ) -> Result<Self, CommandError> {
        let named = args.workspace.as_deref().map(str::trim);
        if let Some(id) = named.filter(|id| !id.is_empty()) {
            return Ok(Self::Existing(id.to_owned()));
        }
        let new = args.new_workspace.is_some() || args.worktree.is_some();
        if !new && caller.agent.is_some() {
            return Ok(Self::Caller { cwd: cwd()? });
        }
        if let Some(id) = caller.workspace.as_ref().filter(|_| !new) {
            return Ok(Self::Existing(id.clone()));
        }
        let cwd = cwd()?;
        let slug = args
            .worktree
            .as_ref()
            .or(args.worktree_flags.worktree_slug.as_ref());
        let old = slug.filter(|_| is_worktree(args)).map(|slug| OldWorktree {
            slug: slug.clone(),
            base: args.worktree_flags.base.clone(),
        });
        Ok(Self::New {
            source: Box::new(source(args, cwd.clone())?),
            shared: !new,
            cwd,
            old,
        })
    }

    /// Returns whether a workspace may be made.
    pub(super) fn makes_a_workspace(&self, daemon: &DaemonClient) -> bool {
        matches!(self, Self::New { .. }) && has_workspaces(daemon)
    }

    /// Finds or makes the workspace, and enters it into the request. Says on stderr which one it is.
    pub(super) async fn settle(
        &self,
        daemon: &DaemonClient,
        request: &mut CreateAgent,
    ) -> Result<(), CommandError> {
        match self {
            Self::Caller { cwd } => request.config.cwd.clone_from(cwd),
            Self::Existing(id) => {
                output::note(&format!("Using workspace {id}"));
                let workspace = find(daemon, id).await?;
                let directory = workspace.workspace_directory;
                request.config.cwd = directory.unwrap_or(workspace.project_root_path);
                request.workspace_id = Some(workspace.id);
            }
            Self::New {
                cwd,
                shared,
                source,
                old,
            } => match found_or_made(daemon, shared.then_some(cwd), source).await? {
                Some(workspace) => {
                    let directory = workspace.workspace_directory;
                    request.config.cwd = directory.unwrap_or_else(|| cwd.clone());
                    request.workspace_id = Some(workspace.id);
                }
                None => without_workspaces(request, cwd, source, old.as_ref())?,
            },
        }
        Ok(())
    }
}

/// Returns the workspace of a directory, or makes one, and says which; `None` when the daemon has none (0.1.65).
async fn found_or_made(
    daemon: &DaemonClient,
    shared: Option<&String>,
    source: &WorkspaceSource,
) -> Result<Option<Workspace>, CommandError> {
    if let Some(cwd) = shared
        && let Some(workspace) = of_directory(daemon, cwd).await
    {
        output::note(&format!(
            "Using workspace {} - {}",
            workspace.id, workspace.name
        ));
        return Ok(Some(workspace));
    }
    let made = create(daemon, source).await?;
    if let Some(workspace) = &made {
        announce(workspace);
    }
    Ok(made)
}

/// Returns the workspace that is this directory itself, and no worktree made from it; `None` too when the daemon does
/// not say soon.
async fn of_directory(daemon: &DaemonClient, cwd: &str) -> Option<Workspace> {
    if !has_workspaces(daemon) {
        return None;
    }
    let request = FetchWorkspaces {
        filter: Some(WorkspaceFilter {
            query: Some(cwd.to_owned()),
            ..WorkspaceFilter::default()
        }),
        page: directory::first_page(),
        ..FetchWorkspaces::default()
    };
    let page = daemon.call_within(&request, Some(LOOK_LIMIT)).await.ok()?;
    let plain = |path: &'_ str| path.trim_end_matches('/').to_owned();
    page.entries.into_iter().find(|workspace| {
        workspace.workspace_directory.as_deref().map(plain) == Some(plain(cwd))
            && workspace.workspace_kind != "worktree"
            && workspace.archiving_at.is_none()
    })
}

fn is_worktree(args: &Args) -> bool {
    args.worktree.is_some() || args.new_workspace.as_deref() == Some("worktree")
}

fn source(args: &Args, cwd: String) -> Result<WorkspaceSource, CommandError> {
    if !is_worktree(args) {
        return Ok(WorkspaceSource::Directory {
            path: cwd,
            project_id: None,
        });
    }
    let mut flags = args.worktree_flags.clone();
    flags.worktree_slug = flags.worktree_slug.or_else(|| args.worktree.clone());
    flags
        .source(args.worktree_mode.as_deref(), Some(cwd), None)
        .map_err(|message| CommandError::usage("INVALID_OPTIONS", message))
}

async fn find(daemon: &DaemonClient, id: &str) -> Result<Workspace, CommandError> {
    let request = FetchWorkspaces {
        filter: Some(WorkspaceFilter {
            query: Some(id.to_owned()),
            ..WorkspaceFilter::default()
        }),
        page: directory::first_page(),
        ..FetchWorkspaces::default()
    };
    let page = daemon.call(&request).await.map_err(|e| DOING.error(e))?;
    let found = page.entries.into_iter().find(|entry| entry.id == id);
    found.ok_or_else(|| {
        let message = format!("Workspace not found: {id}");
        CommandError::new("WORKSPACE_NOT_FOUND", Exit::NotFound, message)
            .hint("see the workspaces with: paseo workspace ls")
    })
}

/// Returns whether the daemon keeps workspaces; 0.1.65 does not.
fn has_workspaces(daemon: &DaemonClient) -> bool {
    daemon.server().has("workspaceMultiplicity")
}

/// Makes a workspace; `None` when the daemon has none (0.1.65).
async fn create(
    daemon: &DaemonClient,
    source: &WorkspaceSource,
) -> Result<Option<Workspace>, CommandError> {
    if !has_workspaces(daemon) {
        return Ok(None);
    }
    let request = CreateWorkspace {
        title: None,
        first_agent_context: None,
        source: source.clone(),
    };
    let created = match daemon.call(&request).await {
        Err(CallError::Refused(error)) if error.code.as_deref() == Some("unknown_schema") => {
            return Ok(None);
        }
        other => other.map_err(|error| CREATING.error(error))?,
    };
    match (created.workspace, created.error) {
        (Some(workspace), _) => Ok(Some(workspace)),
        (None, error) => {
            let fallback = || "the daemon made no workspace, and gave no reason".to_owned();
            let message = error.unwrap_or_else(fallback);
            Err(CommandError::new(CREATING.code, Exit::Failed, message))
        }
    }
}

fn announce(workspace: &Workspace) {
    let branch = workspace
        .git_runtime
        .as_ref()
        .and_then(|git| git["currentBranch"].as_str());
    let branch = branch
        .map(|branch| format!(" ({branch})"))
        .unwrap_or_default();
    output::note(&format!(
        "Created workspace {} - {}{branch}\n\
         An existing one is taken with --workspace ID, or PASEO_WORKSPACE_ID.",
        workspace.id, workspace.name
    ));
}

/// Enters what a daemon of 0.1.65 understands.
fn without_workspaces(
    request: &mut CreateAgent,
    cwd: &str,
    source: &WorkspaceSource,
    old: Option<&OldWorktree>,
) -> Result<(), CommandError> {
    request.config.cwd = cwd.to_owned();
    match (source, old) {
        (WorkspaceSource::Directory { .. }, _) => Ok(()),
        (WorkspaceSource::Worktree { action, .. }, Some(old))
            if action.as_deref() == Some("branch-off") =>
        {
            let mut git = json!({ "createWorktree": true, "worktreeSlug": old.slug });
            if let Some(base) = &old.base {
                git["baseBranch"] = json!(base);
            }
            request.git = Some(git);
            request.worktree_name = Some(old.slug.clone());
            Ok(())
        }
        (WorkspaceSource::Worktree { .. }, _) => {
            let message = "the daemon is too old for this kind of worktree";
            Err(
                CommandError::new(CREATING.code, Exit::Incompatible, message)
                    .hint("name it with --worktree-slug, or update the daemon"),
            )
        }
    }
}
