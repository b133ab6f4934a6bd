//! `paseo agent update`: its name, its labels, how much it thinks.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::exact::Exact;
use super::resolve;
use crate::client::DaemonClient;
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, Reference, pairs};
use crate::complete;
use crate::error::{CommandError, Exit};
use crate::output::{Column, Output, Row, Table};
use crate::protocol::agents::AgentSnapshot;
use crate::protocol::lifecycle::{AgentChanged, FetchAgent, SetThinking, UpdateAgent};

const DOING: Doing = Doing {
    code: "UPDATE_FAILED",
    what: "Failed to update agent",
};

/// Arguments of `paseo agent update`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the agent, the beginning of it, or its title
    #[arg(value_name = "id", add = complete::agents())]
    pub id: Reference,

    /// New title
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Set labels; repeat for more, or separate them by commas
    #[arg(long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,

    /// Set the thinking option
    #[arg(long, value_name = "ID")]
    pub thinking: Option<String>,
}

/// What is to change.
enum Change {
    Thinking(String),
    Metadata {
        name: Option<String>,
        labels: BTreeMap<String, String>,
    },
}

impl Args {
    fn change(&self) -> Result<Change, CommandError> {
        let texts = self.label.iter().flat_map(|label| label.split(','));
        let texts = texts.map(str::trim).filter(|text| !text.is_empty());
        let labels = pairs::parse(texts, pairs::LABEL)?;
        let name = self.name.as_deref().map(str::trim);
        if name == Some("") {
            return Err(CommandError::usage("INVALID_NAME", "Name cannot be empty")
                .hint("give --name a text"));
        }
        match self.thinking.as_deref().map(str::trim) {
            Some("") => Err(blank_thinking()),
            Some(_) if name.is_some() || !labels.is_empty() => Err(CommandError::usage(
                "INVALID_OPTIONS",
                "--thinking cannot be combined with --name or --label",
            )
            .hint("use two commands, one for each")),
            Some(thinking) => Ok(Change::Thinking(thinking.to_owned())),
            None if name.is_none() && labels.is_empty() => Err(CommandError::usage(
                "NO_CHANGES_PROVIDED",
                "Nothing to update",
            )
            .hint("give --name, --label or --thinking")),
            None => Ok(Change::Metadata {
                name: name.map(str::to_owned),
                labels,
            }),
        }
    }
}

/// The error of a blank `--thinking`.
pub(super) fn blank_thinking() -> CommandError {
    CommandError::usage("INVALID_THINKING_OPTION", "--thinking cannot be empty")
        .hint("see the options with: paseo provider models PROVIDER --thinking")
}

/// Changes an agent, and shows how it is then.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = resolve::named(args.id.on(context))?;
    let change = args.change()?;
    let (agent, notice) = context.with_daemon_and(&request, async |daemon, reply| {
        let id = resolve::found(reply, DOING)?.id;
        let changed = apply(daemon, &id, change).await?;
        let request = FetchAgent { agent_id: id };
        let reply = daemon.call(&request).await.map_err(|e| DOING.error(e))?;
        Ok((resolve::found(reply, DOING)?, changed.notice))
    })?;
    Ok(updated(&agent, &notice.unwrap_or_default()).into())
}

async fn apply(
    daemon: &DaemonClient,
    id: &str,
    change: Change,
) -> Result<AgentChanged, CommandError> {
    let agent_id = id.to_owned();
    let reply = match change {
        Change::Thinking(_) if !daemon.server().has("agentThinkingUpdate") => {
            return Err(CommandError::new(
                "DAEMON_UPDATE_REQUIRED",
                Exit::Incompatible,
                "the daemon cannot change the thinking option of an agent",
            )
            .hint("update the daemon"));
        }
        Change::Thinking(thinking) => {
            let thinking_option_id = Some(thinking);
            let request = SetThinking {
                agent_id,
                thinking_option_id,
            };
            daemon.call(&request).await
        }
        Change::Metadata { name, labels } => {
            let labels = (!labels.is_empty()).then_some(labels);
            let request = UpdateAgent {
                agent_id,
                name,
                labels,
            };
            daemon.call(&request).await
        }
    };
    resolve::accepted(reply.map_err(|error| DOING.error(error))?, DOING)
}

/// A changed agent: the official fields, and the exact ones. Both have the thinking option.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Updated<'a> {
    agent_id: &'a str,
    name: &'a str,
    labels: &'a str,
    thinking_option_id: Option<&'a String>,
    notice_type: &'a Value,
    notice: &'a Value,
    #[serde(flatten)]
    exact: Exact,
}

fn updated(agent: &AgentSnapshot, notice: &Value) -> Output {
    let labels: Vec<String> = agent
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let labels = match &labels[..] {
        [] => "-".to_owned(),
        labels => labels.join(","),
    };
    let name = agent.title.as_deref().unwrap_or("-");
    let thinking = agent
        .effective_thinking_option_id
        .as_ref()
        .or(agent.thinking_option_id.as_ref());
    let (kind, text) = (&notice["type"], &notice["message"]);
    let data = Updated {
        agent_id: &agent.id,
        name,
        labels: &labels,
        thinking_option_id: thinking,
        notice_type: kind,
        notice: text,
        exact: Exact::from(agent),
    };
    let cells = vec![
        agent.id.as_str().into(),
        name.into(),
        labels.as_str().into(),
        thinking.cloned().unwrap_or_default().into(),
        text.as_str().unwrap_or_default().into(),
    ];
    Output::Item(Table {
        columns: ["AGENT ID", "NAME", "LABELS", "THINKING", "NOTICE"]
            .map(|header| Column(header, 0))
            .to_vec(),
        rows: vec![Row::new(agent.id.clone(), cells, &data)],
    })
}
