//! Rooms where agents leave each other messages. Daemons of 0.1.65 have them.

use serde::{Deserialize, Serialize};

/// `chat/create`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateRoom {
    /// No other room has it.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
}

/// `chat/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRooms {}

/// `chat/inspect`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectRoom {
    /// Name or id.
    pub room: String,
}

/// `chat/delete`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteRoom {
    /// Name or id.
    pub room: String,
}

/// `chat/post`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostMessage {
    /// Name or id.
    pub room: String,
    /// The text; `@` and an agent's id mentions it.
    pub body: String,
    /// Who writes: an agent, or `manual`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author_agent_id: Option<String>,
    /// The message that this one answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to_message_id: Option<String>,
}

/// `chat/read`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadMessages {
    /// Name or id.
    pub room: String,
    /// The newest so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Not older than this time (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Only of this author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author_agent_id: Option<String>,
}

/// `chat/wait`: the reply comes with the next message, or when the time is over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitForMessages {
    /// Name or id.
    pub room: String,
    /// Only what came after this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_message_id: Option<String>,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// A room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// A UUID.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub purpose: Option<String>,
    /// How many messages it has.
    #[serde(default)]
    pub message_count: u64,
    /// When the newest was written.
    #[serde(default)]
    pub last_message_at: Option<String>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatMessage {
    /// A UUID.
    pub id: String,
    /// An agent, or `manual`.
    pub author_agent_id: String,
    /// The text.
    pub body: String,
    /// The message that it answers.
    #[serde(default)]
    pub reply_to_message_id: Option<String>,
    /// The agents that it names.
    #[serde(default)]
    pub mention_agent_ids: Vec<String>,
    /// RFC 3339.
    pub created_at: String,
}

/// Reply about one room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneRoom {
    /// The room.
    #[serde(default)]
    pub room: Option<Room>,
    /// Why there is none.
    #[serde(default)]
    pub error: Option<String>,
}

/// Reply to [`ListRooms`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rooms {
    /// The rooms.
    pub rooms: Vec<Room>,
    /// Why there are none.
    #[serde(default)]
    pub error: Option<String>,
}

/// Reply to [`PostMessage`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// The message.
    #[serde(default)]
    pub message: Option<ChatMessage>,
    /// Why there is none.
    #[serde(default)]
    pub error: Option<String>,
}

/// Reply to [`ReadMessages`] and [`WaitForMessages`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessages {
    /// Oldest first.
    pub messages: Vec<ChatMessage>,
    /// Why there are none.
    #[serde(default)]
    pub error: Option<String>,
}

requests! {
    changes CreateRoom: "chat/create" => "chat/create/response" OneRoom;
    reads ListRooms: "chat/list" => "chat/list/response" Rooms;
    reads InspectRoom: "chat/inspect" => "chat/inspect/response" OneRoom;
    changes DeleteRoom: "chat/delete" => "chat/delete/response" OneRoom;
    changes PostMessage: "chat/post" => "chat/post/response" Posted;
    reads ReadMessages: "chat/read" => "chat/read/response" ChatMessages;
    reads WaitForMessages: "chat/wait" => "chat/wait/response" ChatMessages;
}
