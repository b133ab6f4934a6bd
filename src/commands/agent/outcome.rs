//! How a wait for an agent ended: the words, the exit status, and what to do next.

use serde::Serialize;

use crate::commands::permission::{Asked, fitting};
use crate::commands::{Context, Outcome, suggestion};
use crate::error::Exit;
use crate::output::{self, Cell, Column, Output, Row, Table};
use crate::protocol::lifecycle::{WaitStatus, Waited};

/// Returns the exit status that tells of the agent.
pub(super) fn exit(waited: &Waited) -> Exit {
    match waited.status {
        WaitStatus::Idle => Exit::Ok,
        WaitStatus::Permission => Exit::Attention,
        WaitStatus::Timeout => Exit::Timeout,
        WaitStatus::Error => match waited.error.as_deref() {
            Some(why) if waited.agent.is_none() && why.starts_with("Agent not found") => {
                Exit::NotFound
            }
            Some(why) if waited.agent.is_none() && why.contains(" is ambiguous (") => {
                Exit::Ambiguous
            }
            _ => Exit::Failed,
        },
    }
}

/// Returns the sentence of a turn that failed.
pub(super) fn failure(waited: &Waited) -> String {
    let fallback = || "Agent finished with error".to_owned();
    waited.error.clone().unwrap_or_else(fallback)
}

/// Says on stderr which command answers an agent that waits for a permission.
pub(super) fn name_the_answer(context: &Context, waited: &Waited) {
    let Some(agent) = waited
        .agent
        .as_ref()
        .filter(|_| waited.status == WaitStatus::Permission)
    else {
        return;
    };
    let paseo = suggestion::program(context);
    for request in &agent.pending_permissions {
        let asked = Asked::from(request);
        let head = format!("The agent is waiting for permission: {}", asked.tool);
        let lines = std::iter::once(head).chain(asked.lines_and_choices());
        for line in fitting(lines.collect(), output::note_columns()) {
            output::note(&line);
        }
    }
    output::note(&format!(
        "Answer with: {paseo} permit allow {id}   or: {paseo} permit deny --all {id}",
        id = output::shell_operand(&super::ls::short_id(&agent.id))
    ));
}

/// The row of `wait` and `send`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    pub(super) agent_id: String,
    pub(super) status: &'static str,
    pub(super) message: String,
    /// `None` where nobody knows it.
    pub(super) full_agent_id: Option<String>,
}

impl Told {
    /// Makes the outcome of the command.
    pub(super) fn with(self, exit: Exit) -> Outcome {
        let cells = vec![
            self.agent_id.as_str().into(),
            self.status.into(),
            Cell::of_lines(&self.message),
        ];
        let columns = vec![
            Column("AGENT ID", 12),
            Column("STATUS", 12),
            Column("MESSAGE", 40),
        ];
        let rows = vec![Row::new(self.agent_id.clone(), cells, &self)];
        Outcome {
            output: Output::Item(Table { columns, rows }),
            exit,
            ..Outcome::default()
        }
    }
}
