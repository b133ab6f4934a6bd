//! `paseo inbox --dismiss`: ends that need no look go without a question.

use std::collections::BTreeMap;

use serde_json::json;

use super::Entry;
use super::answer::to_change;
use crate::client::DaemonClient;
use crate::commands::agent::ls::short_id;
use crate::commands::failure::Doing;
use crate::commands::runtime::run_async;
use crate::commands::{CommandResult, Context, Outcome};
use crate::error::{CommandError, Exit};
use crate::output::{Column, Output, Row, Table};
use crate::protocol::lifecycle::{ClearAttention, OneOrMany};

const DOING: Doing = Doing {
    code: "DISMISS_FAILED",
    what: "Failed to dismiss",
};

/// Takes the ends of these agents off the list, or all that there are. Requests stay: they want an answer.
pub(super) fn all(
    context: &Context,
    found: &[Entry],
    ids: &[String],
    listed: Outcome,
) -> CommandResult {
    let ends = || {
        found
            .iter()
            .filter(|(_, waiting)| waiting.request.is_none())
    };
    for id in ids {
        if !ends().any(|(_, waiting)| waiting.agent_id.starts_with(id.as_str())) {
            let message = format!("no end of an agent `{id}` is on the list");
            return Err(CommandError::new("NOT_WAITING", Exit::NotFound, message));
        }
    }
    let is_meant =
        |id: &str| ids.is_empty() || ids.iter().any(|beginning| id.starts_with(beginning));
    let mut by_remote: BTreeMap<&Option<String>, Vec<String>> = BTreeMap::new();
    for (remote, waiting) in ends().filter(|(_, waiting)| is_meant(&waiting.agent_id)) {
        by_remote
            .entry(remote)
            .or_default()
            .push(waiting.agent_id.clone());
    }
    let mut rows = Vec::new();
    for (remote, agents) in by_remote {
        let (there, resolved) = to_change(context, remote.as_deref())?;
        run_async(async {
            let (road, daemon, _) = there.connect(&resolved, None).await?;
            road.finish(daemon, async |daemon| {
                now(daemon, OneOrMany::Many(agents.clone())).await
            })
            .await
        })?;
        rows.extend(agents.iter().map(|agent| row(remote.as_deref(), agent)));
    }
    Ok(Outcome {
        output: Output::List(Table {
            columns: vec![Column("AGENT ID", 12), Column("REMOTE", 20)],
            rows,
        }),
        ..listed
    })
}

/// Takes the ends of these agents off the list of one daemon.
pub(super) async fn now(daemon: &DaemonClient, agent_id: OneOrMany) -> Result<(), CommandError> {
    let reply = daemon.call(&ClearAttention { agent_id }).await;
    reply.map(drop).map_err(|error| DOING.error(error))
}

fn row(remote: Option<&str>, agent: &str) -> Row {
    let short = short_id(agent);
    let cells = vec![short.as_str().into(), remote.unwrap_or_default().into()];
    let data = json!({ "agentId": agent, "agentShortId": short, "fullAgentId": agent,
        "remote": remote });
    Row::new(short.clone(), cells, &data)
}
