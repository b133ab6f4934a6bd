//! What is done to one agent: create, send, wait, cancel, archive, … (`docs/protocol.md`, "Agent
//! lifecycle").

mod mcp;
mod starting;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::agents::{AgentEntry, AgentSnapshot};

pub use mcp::McpServer;
pub use starting::{AgentConfig, AgentStarted, CreateAgent, Image, ImportAgent};

/// `fetch_agent_request`: one agent, by its id, the beginning of one, or its title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchAgent {
    /// Id, prefix or title.
    pub agent_id: String,
}

/// Reply to [`FetchAgent`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FetchedAgent {
    /// The agent, or `None` with `error` set.
    pub agent: Option<AgentSnapshot>,
    /// Its `ProjectPlacement`.
    #[serde(default)]
    pub project: Option<Value>,
    /// Why there is none.
    #[serde(default)]
    pub error: Option<String>,
}

/// `wait_for_finish_request`. The agent is named by its id, the beginning of one, or its title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitForFinish {
    /// Id, prefix or title.
    pub agent_id: String,
    /// Milliseconds; absent waits for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitStatus {
    /// The agent is not running.
    Idle,
    /// Its turn failed, or there is no such agent.
    Error,
    /// It waits for a person.
    Permission,
    /// The time is over and it still runs.
    Timeout,
}

/// Reply to [`WaitForFinish`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waited {
    /// How it ended.
    pub status: WaitStatus,
    /// The agent at that time.
    #[serde(rename = "final")]
    pub agent: Option<AgentSnapshot>,
    /// Why, when `status` is `error`.
    #[serde(default)]
    pub error: Option<String>,
    /// The last whole message of the agent.
    #[serde(default)]
    pub last_message: Option<String>,
}

/// `send_agent_message_request`. The agent is named by its id, the beginning of one, or its title.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendMessage {
    /// Id, prefix or title.
    pub agent_id: String,
    /// The prompt.
    pub text: String,
    /// Becomes the id of the user message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// `interrupt` (the default) or `steer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_turn_behavior: Option<String>,
    /// Pictures beside the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<Image>>,
}

/// Reply to the requests that change one agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentChanged {
    /// The full id.
    pub agent_id: String,
    /// Whether it was done.
    pub accepted: bool,
    /// Why not.
    pub error: Option<String>,
    /// A remark of the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Value>,
}

/// `cancel_agent_request`: end the running turn. Full id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelAgent {
    /// Full id.
    pub agent_id: String,
}

/// Reply to [`CancelAgent`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CanceledAgent {
    /// The id of the request.
    pub agent_id: String,
    /// The agent afterwards.
    pub agent: Option<AgentSnapshot>,
    /// Why nothing was done; absent in 0.1.65.
    #[serde(default)]
    pub error: Option<String>,
}

/// `archive_agent_request`: out of the way, kept on disk. Full id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchiveAgent {
    /// Full id.
    pub agent_id: String,
}

/// Reply to [`ArchiveAgent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArchivedAgent {
    /// Full id.
    pub agent_id: String,
    /// ISO 8601, UTC.
    pub archived_at: String,
}

/// `delete_agent_request`: gone for good. Full id; succeeds for unknown ones too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteAgent {
    /// Full id.
    pub agent_id: String,
}

/// Reply to [`DeleteAgent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletedAgent {
    /// The id of the request.
    pub agent_id: String,
}

/// `update_agent_request`: title and labels. Full id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateAgent {
    /// Full id.
    pub agent_id: String,
    /// New title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Merged into the labels that are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
}

/// `set_agent_mode_request`. Full id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetMode {
    /// Full id.
    pub agent_id: String,
    /// Which mode.
    pub mode_id: String,
}

/// `set_agent_thinking_request`. Full id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetThinking {
    /// Full id.
    pub agent_id: String,
    /// Which option; `None` is the provider's default.
    pub thinking_option_id: Option<String>,
}

/// `set_agent_feature_request`: change an option of the agent's own. Full id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetFeature {
    /// Full id.
    pub agent_id: String,
    /// Which option.
    pub feature_id: String,
    /// True or false for a switch, else the id of a value.
    pub value: Value,
}

/// `refresh_agent_request`: load it afresh, with a new timeline epoch. Full id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefreshAgent {
    /// Full id.
    pub agent_id: String,
}

/// Reply to [`RefreshAgent`]: a `status` message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename = "agent_refreshed", rename_all = "camelCase")]
pub struct RefreshedAgent {
    /// Full id.
    pub agent_id: String,
    /// Items that its timeline holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline_size: Option<u64>,
}

/// `agent.detach.request`: a child becomes an agent of its own. Full id; not in 0.1.65.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DetachAgent {
    /// Full id.
    pub agent_id: String,
}

/// `clear_agent_attention`: nobody need look any more. Full ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClearAttention {
    /// Which.
    pub agent_id: OneOrMany,
}

/// Reply to [`ClearAttention`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClearedAttention {
    /// As asked.
    pub agent_id: OneOrMany,
    /// Those that there are.
    pub agents: Vec<AgentSnapshot>,
}

/// One id, or a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// A list.
    Many(Vec<String>),
}

/// `agent_update`: an agent of a subscribed directory changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum AgentUpdate {
    /// New or changed.
    Upsert(Box<AgentEntry>),
    /// Gone from the directory.
    Remove {
        /// Full id.
        agent_id: String,
    },
}

requests! {
    changes CreateAgent: "create_agent_request" => "status" AgentStarted;
    changes ImportAgent: "import_agent_request" => "status" AgentStarted;
    reads FetchAgent: "fetch_agent_request" => "fetch_agent_response" FetchedAgent;
    reads WaitForFinish: "wait_for_finish_request" => "wait_for_finish_response" Waited;
    changes SendMessage: "send_agent_message_request" => "send_agent_message_response" AgentChanged;
    changes CancelAgent: "cancel_agent_request" => "cancel_agent_response" CanceledAgent;
    changes ArchiveAgent: "archive_agent_request" => "agent_archived" ArchivedAgent;
    changes DeleteAgent: "delete_agent_request" => "agent_deleted" DeletedAgent;
    changes UpdateAgent: "update_agent_request" => "update_agent_response" AgentChanged;
    changes SetMode: "set_agent_mode_request" => "set_agent_mode_response" AgentChanged;
    changes SetThinking: "set_agent_thinking_request" => "set_agent_thinking_response" AgentChanged;
    changes SetFeature: "set_agent_feature_request" => "set_agent_feature_response" AgentChanged;
    changes RefreshAgent: "refresh_agent_request" => "status" RefreshedAgent;
    changes ClearAttention: "clear_agent_attention" => "clear_agent_attention_response" ClearedAttention;
    changes DetachAgent: "agent.detach.request" => "agent.detach.response" AgentChanged;
}
