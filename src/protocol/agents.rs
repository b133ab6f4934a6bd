//! Agents: their snapshots and the requests of `paseo ls` (`docs/protocol.md`, "Agents").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most agents that one page may hold.
pub const MAX_PAGE: u32 = 200;

/// An agent as the daemon shows it. Fields that a daemon always sends are required only where the
/// client cannot do without them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentSnapshot {
    /// A UUID.
    pub id: String,
    /// Id of the provider: `claude`, `codex`, a custom one.
    pub provider: String,
    /// Working directory on the daemon's machine.
    pub cwd: String,
    /// The workspace it runs in; absent in 0.1.65.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// The chosen model.
    #[serde(default)]
    pub model: Option<String>,
    /// The chosen thinking option.
    #[serde(default)]
    pub thinking_option_id: Option<String>,
    /// The thinking option in force.
    #[serde(default)]
    pub effective_thinking_option_id: Option<String>,
    /// What the provider itself reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_info: Option<RuntimeInfo>,
    /// ISO 8601, UTC.
    pub created_at: String,
    /// ISO 8601, UTC.
    #[serde(default)]
    pub updated_at: String,
    /// ISO 8601, UTC.
    #[serde(default)]
    pub last_user_message_at: Option<String>,
    /// `initializing`, `idle`, `running`, `error`, `closed`.
    pub status: String,
    /// The running turn: `None` when absent (an agent that is only stored), `Some(Null)` when idle.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub active_turn: Option<Value>,
    /// What the provider can do.
    #[serde(default)]
    pub capabilities: Value,
    /// The mode in force.
    #[serde(default)]
    pub current_mode_id: Option<String>,
    /// The modes to choose from.
    #[serde(default)]
    pub available_modes: Vec<Mode>,
    /// Switches of the provider, such as accepting every request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Value>,
    /// Requests that wait for a person.
    #[serde(default)]
    pub pending_permissions: Vec<PermissionRequest>,
    /// How the provider finds its session again.
    #[serde(default)]
    pub persistence: Option<Value>,
    /// Tokens and cost of the last turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_usage: Option<Value>,
    /// Why the last turn failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Name for people.
    #[serde(default)]
    pub title: Option<String>,
    /// The user's labels, and internal ones such as `paseo.parent-agent-id`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Something happened that nobody has looked at.
    #[serde(default)]
    pub requires_attention: bool,
    /// `finished`, `error` or `permission`.
    #[serde(default)]
    pub attention_reason: Option<String>,
    /// ISO 8601, UTC.
    #[serde(default)]
    pub attention_timestamp: Option<String>,
    /// ISO 8601, UTC; null unless archived.
    #[serde(default)]
    pub archived_at: Option<String>,
}

/// Tells null from absent.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

/// An option of an agent that has no place of its own in the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Feature {
    /// It is on or off.
    Toggle {
        /// What requests name.
        id: String,
        /// Name for people.
        label: String,
        /// A sentence for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// Whether it is on.
        value: bool,
    },
    /// It is one of several.
    Select {
        /// What requests name.
        id: String,
        /// Name for people.
        label: String,
        /// A sentence for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        /// Which it is.
        #[serde(default)]
        value: Option<String>,
        /// The values to choose from.
        #[serde(default)]
        options: Vec<FeatureOption>,
    },
}

/// A value of a [`Feature`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureOption {
    /// What requests name.
    pub id: String,
    /// Name for people.
    pub label: String,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Feature {
    /// Returns what requests name.
    pub fn id(&self) -> &str {
        let (Self::Toggle { id, .. } | Self::Select { id, .. }) = self;
        id
    }

    /// Returns its name for people.
    pub fn label(&self) -> &str {
        let (Self::Toggle { label, .. } | Self::Select { label, .. }) = self;
        label
    }

    /// Returns its value.
    pub fn value(&self) -> Value {
        match self {
            Self::Toggle { value, .. } => Value::Bool(*value),
            Self::Select { value, .. } => Value::from(value.clone()),
        }
    }

    /// Changes its value; one that it cannot have changes nothing.
    pub fn set(&mut self, to: Value) {
        match (self, to) {
            (Self::Toggle { value, .. }, Value::Bool(to)) => *value = to,
            (Self::Select { value, .. }, Value::String(to)) => *value = Some(to),
            _ => {}
        }
    }

    /// Returns whether it can have this value.
    pub fn takes(&self, wanted: &Value) -> bool {
        match self {
            Self::Toggle { .. } => wanted.is_boolean(),
            Self::Select { options, .. } => {
                let mut ids = options.iter().map(|option| option.id.as_str());
                wanted.as_str().is_some_and(|id| ids.any(|it| it == id))
            }
        }
    }

    /// Returns the values to choose from, as people write them.
    pub fn choices(&self) -> Vec<String> {
        match self {
            Self::Toggle { .. } => ["on", "off"].map(str::to_owned).to_vec(),
            Self::Select { options, .. } => options.iter().map(|it| it.id.clone()).collect(),
        }
    }
}

/// What the provider reports of a loaded agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeInfo {
    /// Id of the provider.
    #[serde(default)]
    pub provider: String,
    /// The provider's own session.
    #[serde(default)]
    pub session_id: Option<String>,
    /// The model in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The thinking option in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking_option_id: Option<String>,
    /// The mode in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode_id: Option<String>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Value>,
}

/// A mode of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mode {
    /// What requests name.
    pub id: String,
    /// Name for people.
    pub label: String,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Anything else, such as icons.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// A request of an agent that waits for a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionRequest {
    /// What the answer names.
    pub id: String,
    /// Provider that asks; `acp` for any ACP agent.
    pub provider: String,
    /// The tool, or a word for the kind of request.
    pub name: String,
    /// `tool`, `plan`, `question`, `mode` or `other`.
    pub kind: String,
    /// A line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// More for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The tool's input, or the questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// What the tool would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
    /// The choices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<PermissionAction>>,
    /// Anything else.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// A choice of a permission request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionAction {
    /// What the answer names.
    pub id: String,
    /// Text of the choice.
    pub label: String,
    /// `allow` or `deny`.
    pub behavior: String,
    /// Anything else.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// `fetch_agents_request`: a page of the directory of agents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchAgents {
    /// `active` hides archived agents and those without an active workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// All given conditions must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<AgentFilter>,
    /// First key first; without it `updated_at`, newest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<Vec<Sort>>,
    /// Which page; without it the first 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
    /// Ask for `agent_update` messages from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscribe: Option<Subscribe>,
}

/// A sort order of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sort {
    /// Agents: `status_priority`, `created_at`, `updated_at`, `title`. Workspaces: `status_priority`,
    /// `activity_at`, `name`, `project_id`.
    pub key: String,
    /// Which way.
    pub direction: SortDirection,
}

/// Which way a directory is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SortDirection {
    /// Smallest first.
    Asc,
    /// Largest first.
    Desc,
}

/// A wish for updates of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscribe {
    /// Chosen by the daemon when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<String>,
}

/// Conditions on agents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentFilter {
    /// Pairs that must all be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Any of these projects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_keys: Option<Vec<String>>,
    /// Any of these statuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statuses: Option<Vec<String>>,
    /// Archived agents too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include_archived: Option<bool>,
    /// Only those that want attention, or only those that do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires_attention: Option<bool>,
    /// The thinking option in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking_option_id: Option<String>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// 1 to [`MAX_PAGE`].
    pub limit: u32,
    /// `nextCursor` of the page before; opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Reply to [`FetchAgents`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentPage {
    /// Names the subscription, when one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_id: Option<String>,
    /// The agents of this page.
    pub entries: Vec<AgentEntry>,
    /// Where the page stands.
    pub page_info: PageInfo,
}

/// An agent and the project it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentEntry {
    /// The agent.
    pub agent: AgentSnapshot,
    /// Its `ProjectPlacement`.
    #[serde(default)]
    pub project: Value,
}

/// Where a page stands in its list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PageInfo {
    /// Cursor of the page after.
    #[serde(default)]
    pub next_cursor: Option<String>,
    /// Cursor of the page before.
    #[serde(default)]
    pub prev_cursor: Option<String>,
    /// Whether there is a page after.
    #[serde(default)]
    pub has_more: bool,
}

requests! {
    reads FetchAgents: "fetch_agents_request" => "fetch_agents_response" AgentPage;
}
