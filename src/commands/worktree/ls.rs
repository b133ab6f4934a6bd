//! `paseo worktree ls`: the worktrees of a repository.

use serde::Serialize;

use crate::commands::agent::directory;
use crate::commands::{CommandResult, Context, exact, failure, place};
use crate::env;
use crate::output::{Column, Output, Row, Table};
use crate::protocol::agents::{AgentFilter, AgentSnapshot, FetchAgents};
use crate::protocol::workspaces::{ListWorktrees, Worktree};

/// Arguments of `paseo worktree ls`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A directory in the repository; the current one when absent
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
}

pub(super) const CODE: &str = "WORKTREE_LIST_FAILED";

const COLUMNS: [Column; 4] = [
    Column("NAME", 20),
    Column("BRANCH", 25),
    Column("CWD", 45),
    Column("AGENT", 10),
];

/// Lists worktrees, and the agent that works in each.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let cwd = place::named(context, args.cwd.as_deref(), "worktree ls", "--cwd")?;
    let request = ListWorktrees {
        cwd: Some(cwd),
        repo_root: None,
    };
    let (reply, agents) = context
        .with_daemon_and(&request, async |daemon, reply| {
            let everybody = FetchAgents {
                filter: Some(AgentFilter {
                    include_archived: Some(true),
                    ..AgentFilter::default()
                }),
                ..FetchAgents::default()
            };
            Ok((reply, directory::all(daemon, everybody).await?))
        })
        .map_err(failure::of(CODE))?;
    if let Some(error) = reply.error {
        let message = format!("Failed to list worktrees: {}", error.message);
        return Err(failure::says(CODE, Some(message)));
    }
    let home = context.env.text(env::HOME).unwrap_or_default();
    let rows = reply.worktrees.iter();
    let rows = rows.map(|worktree| row(worktree, &agents, home));
    Ok(Output::List(Table {
        columns: COLUMNS.to_vec(),
        rows: rows.collect(),
    })
    .into())
}

/// The official fields, and the exact ones.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    name: &'a str,
    branch: &'a str,
    cwd: String,
    agent: String,
    branch_name: Option<&'a str>,
    cwd_path: Option<&'a str>,
    full_agent_id: Option<&'a str>,
}

fn row(worktree: &Worktree, agents: &[AgentSnapshot], home: &str) -> Row {
    let path = worktree.worktree_path.as_str();
    let agent = agents.iter().rev().find(|agent| agent.cwd == path);
    let listed = Listed {
        name: super::name(path),
        branch: worktree.branch_name.as_deref().unwrap_or("-"),
        cwd: match path.strip_prefix(home) {
            Some(below) if !home.is_empty() => format!("~{below}"),
            _ => path.to_owned(),
        },
        agent: agent.map_or_else(
            || "-".to_owned(),
            |agent| agent.id.chars().take(7).collect(),
        ),
        branch_name: worktree.branch_name.as_deref(),
        cwd_path: exact::path(path),
        full_agent_id: agent.map(|agent| agent.id.as_str()),
    };
    let cells = vec![
        listed.name.into(),
        listed.branch.into(),
        listed.cwd.as_str().into(),
        listed.agent.as_str().into(),
    ];
    Row::new(listed.name, cells, &listed)
}
