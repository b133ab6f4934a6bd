//! What stands in a timeline.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing in a timeline. Live messages and reasoning arrive in pieces that are to be appended;
/// tool calls and todo lists replace the one before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum TimelineItem {
    /// A prompt.
    UserMessage {
        /// The prompt.
        text: String,
        /// The id that the client chose, else one of the daemon.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message_id: Option<String>,
        /// The id that the client chose.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        client_message_id: Option<String>,
    },
    /// A piece of an answer; pieces with one `message_id` are one message.
    AssistantMessage {
        /// The piece.
        text: String,
        /// Which message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message_id: Option<String>,
    },
    /// A piece of what the agent thought; neighbours belong together.
    Reasoning {
        /// The piece.
        text: String,
    },
    /// A state of a tool call; replaces the earlier state with the same `call_id`.
    ToolCall(ToolCall),
    /// The whole list of things to do.
    Todo {
        /// The list.
        items: Vec<TodoItem>,
    },
    /// Something went wrong.
    Error {
        /// A sentence for people.
        message: String,
    },
    /// The provider shortened its context.
    Compaction {
        /// `loading`, then `completed`.
        status: String,
        /// `auto` or `manual`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trigger: Option<String>,
        /// Tokens before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pre_tokens: Option<serde_json::Number>,
    },
    /// An item that this version does not know.
    #[serde(untagged)]
    Other(Value),
}

/// A state of a tool call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolCall {
    /// Which call.
    pub call_id: String,
    /// The provider's name of the tool.
    pub name: String,
    /// `ToolCallDetail`: `{"type": "shell", "command": …}` and so on, for rendering.
    pub detail: Value,
    /// Anything else of the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// How far it is.
    pub status: ToolStatus,
    /// Not null exactly when it failed.
    #[serde(default)]
    pub error: Value,
}

/// How far a tool call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolStatus {
    /// Under way.
    Running,
    /// Done.
    Completed,
    /// Failed.
    Failed,
    /// Stopped with its turn.
    Canceled,
}

/// A thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TodoItem {
    /// What.
    pub text: String,
    /// Whether it is done.
    pub completed: bool,
    /// Which; not in 0.1.65.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `pending`, `in_progress` or `completed`; not in 0.1.65.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The same in the progressive form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_form: Option<String>,
}
