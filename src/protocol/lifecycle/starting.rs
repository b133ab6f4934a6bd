//! New agents: created, or taken over from a provider.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::mcp::McpServer;
use crate::protocol::agents::AgentSnapshot;
use crate::protocol::picture::Picture;

/// What a new agent is to be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentConfig {
    /// Id of the provider.
    pub provider: String,
    /// Absolute directory on the daemon's machine.
    pub cwd: String,
    /// Mode to start in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode_id: Option<String>,
    /// Model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Thinking option.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking_option_id: Option<String>,
    /// Name for people; derived from the prompt when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// MCP servers by their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp_servers: Option<BTreeMap<String, McpServer>>,
    /// Anything else: `featureValues`, system prompt, …
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl AgentConfig {
    /// Returns `featureValues`: options that only this provider has, by their ids.
    pub fn features(&self) -> BTreeMap<String, Value> {
        let values = self.other.get("featureValues").and_then(Value::as_object);
        let values = values.into_iter().flatten();
        values
            .map(|(id, value)| (id.clone(), value.clone()))
            .collect()
    }
}

/// A picture beside a prompt.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// The file, as it is.
    pub data: Picture,
    /// For example `image/png`.
    pub mime_type: String,
}

/// `create_agent_request`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateAgent {
    /// What it is to be.
    pub config: AgentConfig,
    /// Environment of the agent's process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<BTreeMap<String, String>>,
    /// Workspace to run in. 0.1.65 has none; without it the daemon finds or makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// The agent that asks; the new one becomes its child.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_agent_id: Option<String>,
    /// Name of a worktree to make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree_name: Option<String>,
    /// First prompt; its turn starts at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_prompt: Option<String>,
    /// Becomes the id of the first user message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<String>,
    /// JSON schema that the answer is to follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// Pictures beside the first prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<Image>>,
    /// How to set up git in 0.1.65.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Value>,
    /// `WorktreeTarget` of 0.5.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<Value>,
    /// Archive it when its turn is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_archive: Option<bool>,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// Reply to [`CreateAgent`] and [`ImportAgent`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "status",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum AgentStarted {
    /// It is there.
    AgentCreated {
        /// Its UUID.
        agent_id: String,
        /// How it looks.
        agent: Box<AgentSnapshot>,
    },
    /// An existing session of the provider was taken over.
    AgentResumed {
        /// Its UUID.
        agent_id: String,
        /// How it looks.
        agent: Box<AgentSnapshot>,
        /// Items that its timeline holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeline_size: Option<u64>,
    },
    /// It is not there.
    AgentCreateFailed {
        /// A sentence for people.
        error: String,
        /// A word for programs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error_code: Option<String>,
    },
}

/// `import_agent_request`: take over a session that the provider has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportAgent {
    /// Id of the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Newer name of `provider`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// The provider's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Newer name of `session_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_handle_id: Option<String>,
    /// Working directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
}
