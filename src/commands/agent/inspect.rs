//! `paseo inspect`: all about one agent.

use serde::Serialize;
use serde_json::{Value, json};

use super::exact::Exact;
use super::ls::{below_home, model};
use super::resolve;
use crate::commands::failure::Doing;
use crate::commands::permission::{self, Asked, fitting};
use crate::commands::{CommandResult, Context, Reference};
use crate::complete;
use crate::env;
use crate::output::{self, Output};
use crate::protocol::agents::{AgentSnapshot, PermissionRequest};

const DOING: Doing = Doing {
    code: "INSPECT_FAILED",
    what: "Failed to inspect agent",
};

/// Labels with a meaning.
const PARENT: &str = "paseo.parent-agent-id";
const WORKTREE: &str = "paseo.worktree";

/// Cells before the values.
const KEYS: usize = 20;

/// The row that names what an agent asks.
const PENDING: &str = "PendingPermissions";

/// Arguments of `paseo inspect`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the agent, the beginning of it, or its title
    #[arg(value_name = "id", add = complete::agents())]
    pub id: Reference,
}

/// Shows all about one agent.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = resolve::named(args.id.on(context))?;
    let agent = context.with_daemon_and(&request, async |_, reply| resolve::found(reply, DOING))?;
    let inspected = Inspected::new(&agent);
    let home = context.env.text(env::HOME).unwrap_or_default();
    let json = serde_json::to_value(&inspected).expect("a struct with string keys");
    let mut rows = inspected.rows(home);
    // In a pipe the keys are those of the official CLI.
    if context.output.terminal && !context.output.quiet {
        let below = rows
            .iter()
            .position(|(key, _)| key == PENDING)
            .map_or(rows.len(), |at| at + 1);
        rows.splice(
            below..below,
            agent.pending_permissions.iter().flat_map(what),
        );
    }
    Ok(Output::Record { rows, json }.into())
}

/// Returns the rows about what an agent asks.
fn what(request: &PermissionRequest) -> Vec<(String, String)> {
    let asked = Asked::from(request);
    let lines = std::iter::once(asked.tool.clone()).chain(asked.lines_and_choices());
    let columns = output::terminal_columns().map(|columns| columns.saturating_sub(KEYS));
    let lines = fitting(lines.collect(), columns).into_iter();
    lines.map(|line| (String::new(), line)).collect()
}

/// An agent as `paseo inspect` shows it: the official fields, and the exact ones.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected<'a> {
    id: &'a str,
    name: &'a str,
    provider: &'a str,
    model: &'a str,
    thinking: &'a str,
    status: &'a str,
    archived: bool,
    archived_at: Option<&'a str>,
    mode: &'a str,
    cwd: &'a str,
    created_at: &'a str,
    updated_at: &'a str,
    last_usage: Option<Usage>,
    capabilities: Option<Capabilities>,
    available_modes: Vec<Value>,
    pending_permissions: Vec<Value>,
    worktree: Option<&'a str>,
    parent_agent_id: Option<&'a str>,
    #[serde(flatten)]
    exact: Exact,
    /// As the provider gave it; the official field has 0 for what it did not give.
    #[serde(rename = "lastUsage")]
    usage: Option<&'a Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Usage {
    input_tokens: Value,
    output_tokens: Value,
    cached_tokens: Value,
    cost_usd: Value,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Capabilities {
    streaming: bool,
    persistence: bool,
    dynamic_modes: bool,
    mcp_servers: bool,
}

impl<'a> Inspected<'a> {
    fn new(agent: &'a AgentSnapshot) -> Self {
        let label = |name: &str| agent.labels.get(name).map(String::as_str);
        let permission = |request: &PermissionRequest| {
            let mut fields = permission::data(request);
            fields.insert("id".to_owned(), json!(request.id));
            fields.insert("tool".to_owned(), json!(request.name));
            Value::Object(fields)
        };
        Self {
            id: &agent.id,
            name: agent.title.as_deref().unwrap_or("-"),
            provider: &agent.provider,
            model: model(agent).unwrap_or("-"),
            thinking: agent
                .effective_thinking_option_id
                .as_deref()
                .unwrap_or("auto"),
            status: &agent.status,
            archived: agent.archived_at.is_some(),
            archived_at: agent.archived_at.as_deref(),
            mode: agent.current_mode_id.as_deref().unwrap_or("default"),
            cwd: &agent.cwd,
            created_at: &agent.created_at,
            updated_at: &agent.updated_at,
            last_usage: agent.last_usage.as_ref().and_then(Usage::new),
            capabilities: Capabilities::new(&agent.capabilities),
            available_modes: agent
                .available_modes
                .iter()
                .map(|mode| json!({ "id": mode.id, "label": mode.label }))
                .collect(),
            pending_permissions: agent.pending_permissions.iter().map(permission).collect(),
            worktree: label(WORKTREE),
            parent_agent_id: label(PARENT),
            exact: Exact::from(agent),
            usage: agent.last_usage.as_ref(),
        }
    }

    fn rows(&self, home: &str) -> Vec<(String, String)> {
        let or_null = |value: Option<&str>| value.unwrap_or("null").to_owned();
        let mut rows = vec![
            ("Id", self.id.to_owned()),
            ("Name", self.name.to_owned()),
            ("Provider", self.provider.to_owned()),
            ("Model", self.model.to_owned()),
            ("Thinking", self.thinking.to_owned()),
            ("Status", self.status.to_owned()),
            ("Archived", self.archived.to_string()),
            ("ArchivedAt", or_null(self.archived_at)),
            ("Mode", self.mode.to_owned()),
            ("Cwd", below_home(self.cwd, home)),
            ("CreatedAt", self.created_at.to_owned()),
            ("UpdatedAt", self.updated_at.to_owned()),
        ];
        if let Some(usage) = &self.last_usage {
            rows.push(("LastUsage", usage.line()));
        }
        if let Some(capabilities) = &self.capabilities {
            rows.push(("Capabilities", capabilities.line()));
        }
        if !self.available_modes.is_empty() {
            rows.push((
                "AvailableModes",
                in_brackets(&self.available_modes, "label"),
            ));
        }
        let pending = match &self.pending_permissions[..] {
            [] => "[]".to_owned(),
            pending => in_brackets(pending, "tool"),
        };
        rows.push((PENDING, pending));
        rows.push(("Worktree", or_null(self.worktree)));
        rows.push(("ParentAgentId", or_null(self.parent_agent_id)));
        rows.into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }
}

impl Usage {
    fn new(usage: &Value) -> Option<Self> {
        let number = |key: &str| match &usage[key] {
            Value::Number(number) => Value::Number(number.clone()),
            _ => json!(0),
        };
        usage.is_object().then(|| Self {
            input_tokens: number("inputTokens"),
            output_tokens: number("outputTokens"),
            cached_tokens: number("cachedInputTokens"),
            cost_usd: number("totalCostUsd"),
        })
    }

    fn line(&self) -> String {
        let cost = self.cost_usd.as_f64().unwrap_or_default();
        let cost = match cost {
            cost if cost != 0.0 && cost < 0.01 => format!("${cost:.4}"),
            cost => format!("${cost:.2}"),
        };
        format!(
            "InputTokens: {}, OutputTokens: {}, CachedTokens: {}, CostUsd: {cost}",
            self.input_tokens, self.output_tokens, self.cached_tokens
        )
    }
}

impl Capabilities {
    fn new(capabilities: &Value) -> Option<Self> {
        let can = |key: &str| capabilities[key] == Value::Bool(true);
        capabilities.is_object().then(|| Self {
            streaming: can("supportsStreaming"),
            persistence: can("supportsSessionPersistence"),
            dynamic_modes: can("supportsDynamicModes"),
            mcp_servers: can("supportsMcpServers"),
        })
    }

    fn line(&self) -> String {
        let Self {
            streaming,
            persistence,
            dynamic_modes,
            mcp_servers,
        } = self;
        format!(
            "Streaming: {streaming}, Persistence: {persistence}, DynamicModes: {dynamic_modes}, \
             McpServers: {mcp_servers}"
        )
    }
}

/// Returns `id (label), id (label)`.
fn in_brackets(values: &[Value], second: &str) -> String {
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let each: Vec<String> = values
        .iter()
        .map(|value| format!("{} ({})", text(value, "id"), text(value, second)))
        .collect();
    each.join(", ")
}
