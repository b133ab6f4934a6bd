//! Which workspace a command about scripts means.

use crate::client::DaemonClient;
use crate::commands::workspace::ls;
use crate::commands::{Context, Reference, feature, place};
use crate::error::{CommandError, Exit};
use crate::protocol::workspaces::Workspace;

/// A script of a workspace
#[derive(Debug, clap::Args)]
pub struct Named {
    /// Its name in paseo.json
    pub name: Reference,

    /// Which workspace
    #[command(flatten)]
    pub workspace: Which,
}

/// Where the workspace is named
#[derive(Debug, clap::Args)]
pub struct Which {
    /// Its directory; the current one when absent
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,

    /// Its id, for a directory with several workspaces
    #[arg(long, value_name = "ID")]
    pub workspace: Option<String>,
}

/// The arguments, with the directory looked up before the connection.
pub(super) enum Wanted {
    Id(String),
    Directory(String),
}

impl Which {
    pub(super) fn wanted(&self, context: &Context) -> Result<Wanted, CommandError> {
        match &self.workspace {
            Some(id) => Ok(Wanted::Id(id.clone())),
            None => place::resolved(context, self.cwd.as_deref(), "script …", "--cwd")
                .map(Wanted::Directory),
        }
    }
}

impl Wanted {
    /// Returns the id of the workspace on a daemon that has scripts.
    pub(super) async fn id(self, daemon: &DaemonClient) -> Result<String, CommandError> {
        feature::require(
            daemon,
            "workspaceScriptManagement",
            "DAEMON_UPDATE_REQUIRED",
            "run workspace scripts",
        )?;
        let cwd = match self {
            Self::Id(id) => return Ok(id),
            Self::Directory(cwd) => cwd,
        };
        let first = daemon.call(&ls::first_page()).await?;
        let workspaces = ls::with_the_rest(daemon, first).await?;
        pick(&workspaces, &cwd)
    }
}

fn pick(workspaces: &[Workspace], cwd: &str) -> Result<String, CommandError> {
    let wanted = trimmed(cwd);
    let is_there = |workspace: &&Workspace| {
        workspace.workspace_directory.as_deref().map(trimmed) == Some(wanted)
    };
    let fitting: Vec<_> = workspaces.iter().filter(is_there).collect();
    match fitting.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => Err(CommandError::new(
            "WORKSPACE_NOT_FOUND",
            Exit::NotFound,
            format!("the daemon has no workspace in {cwd}"),
        )
        .hint("make one with paseo workspace create, or name another: --workspace ID")),
        several => Err(CommandError::new(
            "WORKSPACE_AMBIGUOUS",
            Exit::Ambiguous,
            format!("Multiple workspaces use {cwd}"),
        )
        .hint(format!(
            "take one of these with --workspace ID:\n{}",
            listed(several)
        ))),
    }
}

fn listed(workspaces: &[&Workspace]) -> String {
    let lines = workspaces
        .iter()
        .map(|workspace| format!("{}  {}", workspace.id, workspace.name));
    lines.collect::<Vec<_>>().join("\n")
}

fn trimmed(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(id: &str, directory: &str) -> Workspace {
        Workspace {
            id: id.to_owned(),
            workspace_directory: Some(directory.to_owned()),
            ..Workspace::default()
        }
    }

    #[test]
    fn the_one_of_the_directory() {
        let workspaces = [
            workspace("wks_1", "/a"),
            workspace("wks_2", "/b"),
            workspace("wks_3", "/b"),
        ];
        assert_eq!(pick(&workspaces, "/a/").unwrap(), "wks_1");
        let several = pick(&workspaces, "/b").unwrap_err();
        assert_eq!(
            (several.code.as_ref(), several.exit),
            ("WORKSPACE_AMBIGUOUS", Exit::Ambiguous)
        );
        assert!(several.hint.unwrap().contains("wks_3"));
        assert_eq!(
            pick(&workspaces, "/c").unwrap_err().code,
            "WORKSPACE_NOT_FOUND"
        );
    }
}
