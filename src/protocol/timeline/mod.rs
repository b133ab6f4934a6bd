//! What an agent said and did, live and as history (`docs/protocol.md`, "Agent stream and timeline").

mod item;

pub use item::{TimelineItem, TodoItem, ToolCall, ToolStatus};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::agents::AgentSnapshot;
use super::permissions::PermissionAnswer;

/// A place in a timeline. Another epoch is another timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// A UUID.
    pub epoch: String,
    /// Counts from 1.
    pub seq: u64,
}

/// Which way to read from a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The end of the timeline.
    Tail,
    /// What is older than the cursor.
    Before,
    /// What is newer than the cursor.
    After,
}

/// How items are folded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    /// Pieces joined, tool calls with their last state.
    #[default]
    Projected,
    /// As they were recorded.
    Canonical,
}

/// `fetch_agent_timeline_request`. Full id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchTimeline {
    /// Full id.
    pub agent_id: String,
    /// `after` when there is a cursor, else `tail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// Entries of the reply at most; 0 is no limit. 200 when absent, for `after` no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// How items are folded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projection: Option<Projection>,
}

/// Reply to [`FetchTimeline`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelinePage {
    /// The id of the request.
    pub agent_id: String,
    /// The agent, or `None` with `error` set.
    pub agent: Option<AgentSnapshot>,
    /// As asked.
    pub direction: Direction,
    /// As asked.
    pub projection: Projection,
    /// The timeline's epoch; empty when there is no agent.
    pub epoch: String,
    /// The cursor did not fit: forget what is known, this is the tail.
    pub reset: bool,
    /// The cursor was of another epoch.
    pub stale_cursor: bool,
    /// Items between the cursor and this page are gone.
    pub gap: bool,
    /// What the daemon holds.
    pub window: Window,
    /// The first item of the page.
    pub start_cursor: Option<Cursor>,
    /// The last item of the page.
    pub end_cursor: Option<Cursor>,
    /// Whether there are older ones.
    pub has_older: bool,
    /// Whether there are newer ones.
    pub has_newer: bool,
    /// The page.
    pub entries: Vec<TimelineEntry>,
    /// Why there is none.
    #[serde(default)]
    pub error: Option<String>,
}

/// What the daemon holds of a timeline.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// Oldest; 0 when empty.
    pub min_seq: u64,
    /// Newest; 0 when empty.
    pub max_seq: u64,
    /// The one that comes next.
    pub next_seq: u64,
}

/// An entry of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// Id of the provider.
    pub provider: String,
    /// The item.
    pub item: TimelineItem,
    /// The turn it belongs to; not in 0.1.65.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_id: Option<String>,
    /// ISO 8601, UTC.
    pub timestamp: String,
    /// First of the recorded items in it.
    pub seq_start: u64,
    /// Last of the recorded items in it.
    pub seq_end: u64,
    /// All of the recorded items in it.
    #[serde(default)]
    pub source_seq_ranges: Vec<SeqRange>,
    /// How it was folded.
    #[serde(default)]
    pub collapsed: Vec<Collapsed>,
}

/// Neighbouring sequence numbers, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeqRange {
    /// First.
    pub start_seq: u64,
    /// Last.
    pub end_seq: u64,
}

/// How recorded items became one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collapsed {
    /// Pieces of one message.
    AssistantMerge,
    /// Neighbouring reasoning. Sent only to clients that know it.
    ReasoningMerge,
    /// States of one tool call.
    ToolLifecycle,
    /// One that this version does not know.
    #[serde(other)]
    Other,
}

/// `agent.timeline.set_subscription.request`: with the capability `selective_agent_timeline`, the
/// agents whose stream this socket gets. Not in 0.1.65.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscribeTimelines {
    /// Full ids; replaces the list before.
    pub agent_ids: Vec<String>,
}

/// Reply to [`SubscribeTimelines`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscribedTimelines {
    /// As asked.
    pub agent_ids: Vec<String>,
}

requests! {
    reads FetchTimeline: "fetch_agent_timeline_request" => "fetch_agent_timeline_response" TimelinePage;
    reads SubscribeTimelines: "agent.timeline.set_subscription.request" => "agent.timeline.set_subscription.response" SubscribedTimelines;
}

/// `agent_stream`: something happened to an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentStream {
    /// Full id.
    pub agent_id: String,
    /// What.
    pub event: StreamEvent,
    /// ISO 8601, UTC.
    pub timestamp: String,
    /// Place of a `timeline` event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Timeline of a `timeline` event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum StreamEvent {
    /// The provider has a session; may repeat.
    ThreadStarted {
        /// The provider's own session.
        session_id: String,
        /// Id of the provider.
        provider: String,
    },
    /// A turn began.
    TurnStarted {
        /// Id of the provider.
        provider: String,
        /// Which; not in 0.1.65.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        turn_id: Option<String>,
    },
    /// A turn ended well.
    TurnCompleted {
        /// Id of the provider.
        provider: String,
        /// Which; not in 0.1.65.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        turn_id: Option<String>,
        /// Tokens and cost.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usage: Option<Value>,
    },
    /// A turn ended badly.
    TurnFailed {
        /// Id of the provider.
        provider: String,
        /// Which; not in 0.1.65.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        turn_id: Option<String>,
        /// A sentence for people.
        error: String,
        /// A word for programs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// More for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        diagnostic: Option<String>,
    },
    /// A turn was stopped.
    TurnCanceled {
        /// Id of the provider.
        provider: String,
        /// Which; not in 0.1.65.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        turn_id: Option<String>,
        /// `Interrupted`.
        reason: String,
    },
    /// An item was recorded.
    Timeline {
        /// Id of the provider.
        provider: String,
        /// The item.
        item: TimelineItem,
        /// Which turn; not in 0.1.65.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        turn_id: Option<String>,
    },
    /// The agent waits for a person.
    PermissionRequested {
        /// Id of the provider.
        provider: String,
        /// What it asks.
        request: Box<super::agents::PermissionRequest>,
    },
    /// Somebody answered.
    PermissionResolved {
        /// Id of the provider.
        provider: String,
        /// Id of the permission request.
        request_id: String,
        /// The answer.
        resolution: PermissionAnswer,
    },
    /// Somebody should look.
    AttentionRequired {
        /// Id of the provider.
        provider: String,
        /// `finished`, `error` or `permission`.
        reason: String,
        /// ISO 8601, UTC.
        timestamp: String,
        /// Whether this client should raise a notification.
        should_notify: bool,
        /// What it would say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notification: Option<Value>,
    },
    /// One that this version does not know.
    #[serde(untagged)]
    Other(Value),
}
