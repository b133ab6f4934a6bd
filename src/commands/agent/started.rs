//! The row of a new agent, as `run` and `import` show it.

use serde::Serialize;

use super::exact::Exact;
use crate::output::{Column, Output, Row, Table};
use crate::protocol::agents::AgentSnapshot;

/// A new agent: the official fields, and the exact ones. Both have the title.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Started<'a> {
    agent_id: &'a str,
    status: &'a str,
    provider: &'a str,
    cwd: &'a str,
    title: Option<&'a str>,
    #[serde(flatten)]
    exact: Exact,
}

/// Shows an agent with a status of its own, such as `completed`.
pub(super) fn show(agent: &AgentSnapshot, status: &str) -> Output {
    let AgentSnapshot {
        id,
        provider,
        cwd,
        title,
        ..
    } = agent;
    let data = Started {
        agent_id: id,
        status,
        provider,
        cwd,
        title: title.as_deref(),
        exact: Exact::from(agent),
    };
    let cells = vec![
        id.as_str().into(),
        status.into(),
        provider.as_str().into(),
        cwd.as_str().into(),
        title.as_deref().unwrap_or_default().into(),
    ];
    Output::Item(Table {
        columns: vec![
            Column("AGENT ID", 12),
            Column("STATUS", 10),
            Column("PROVIDER", 10),
            Column("CWD", 30),
            Column("TITLE", 20),
        ],
        rows: vec![Row::new(id.clone(), cells, &data)],
    })
}

/// Returns the status of an agent that nobody waited for.
pub(super) fn status(agent: &AgentSnapshot) -> &'static str {
    match agent.status.as_str() {
        "running" => "running",
        _ => "created",
    }
}
