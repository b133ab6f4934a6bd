//! `paseo permit ls`: what agents wait for.

use serde_json::json;

use super::answer::short_request;
use crate::commands::agent::known::{self, Known};
use crate::commands::agent::{directory, ls::short_id};
use crate::commands::permission::{self, Asked, fitting};
use crate::commands::{CommandResult, Context};
use crate::output::{self, Cell, Column, Output, Row, Table};
use crate::protocol::agents::{AgentFilter, AgentSnapshot, FetchAgents, PermissionRequest};

/// Arguments of `paseo permit ls`
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Lists the permissions that agents wait for, archived agents included.
pub fn run(context: &Context, _: &Args) -> CommandResult {
    let request = FetchAgents {
        filter: Some(AgentFilter {
            include_archived: Some(true),
            ..AgentFilter::default()
        }),
        page: directory::first_page(),
        ..FetchAgents::default()
    };
    let (mut rows, mut seen) = (Vec::new(), Vec::new());
    context
        .with_daemon_and(&request, async |daemon, first| {
            let take = |agent: AgentSnapshot| {
                seen.push(Known::from(&agent));
                let pending = agent.pending_permissions.iter();
                rows.extend(pending.map(|request| row(&agent, request, context.output.terminal)));
            };
            Ok(directory::each(daemon, &request, first, take).await?)
        })
        .map_err(|error| error.or_code("LIST_PERMISSIONS_FAILED"))?;
    known::remember_waiting(context, &seen);
    Ok(Output::List(Table {
        columns: vec![
            Column("AGENT", 12),
            Column("REQ_ID", 12),
            Column("TOOL", 20),
            Column("DESCRIPTION", 50),
        ],
        rows,
    })
    .into())
}

/// The official CLI shows a description, which official agents of Claude do not send. A person at a terminal sees what
/// would happen instead, and the choices.
fn row(agent: &AgentSnapshot, request: &PermissionRequest, terminal: bool) -> Row {
    let (id, agent_short) = (short_request(&request.id), short_id(&agent.id));
    let description = request.description.as_deref().unwrap_or("-");
    let official = json!({ "id": id, "agentId": agent.id, "agentShortId": agent_short, "name": request.name,
        "description": description });
    let mut data = official.as_object().cloned().unwrap_or_default();
    data.extend(permission::data(request));
    data.insert("fullAgentId".to_owned(), json!(agent.id));
    let last = match terminal {
        true => {
            let lines = Asked::from(request).lines_and_choices();
            let lines = fitting(lines, output::terminal_columns());
            // Below the row, where each of them has the whole width.
            Cell::of_lines(format!("\n{}", lines.join("\n")))
        }
        false => description.into(),
    };
    let cells = vec![
        agent_short.into(),
        id.as_str().into(),
        request.name.as_str().into(),
        last,
    ];
    Row::new(id, cells, &data)
}
