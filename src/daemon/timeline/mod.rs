//! The timeline of one agent: rows with sequence numbers, and pages of them (`docs/protocol.md`,
//! "Agent stream and timeline").
//!
//! Sequence numbers count from 1 and never repeat within an epoch. The epoch lives as long as this
//! process: after a restart the rows are the same, but a client's cursor is stale, because the last
//! rows before a power failure may be gone.

mod page;
mod project;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::protocol::timeline::{TimelineItem, ToolCall, ToolStatus, Window};

pub(super) use page::Query;

/// Rows that one timeline holds; the oldest go first.
const MAX_ROWS: usize = 200_000;
/// Bytes of rows, as JSON, that one timeline holds; the oldest go first.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// One recorded item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    /// ISO 8601, UTC.
    pub(super) timestamp: String,
    /// The turn it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) turn_id: Option<String>,
    /// The item.
    pub(super) item: TimelineItem,
}

/// The rows of one agent.
#[derive(Debug)]
pub(super) struct Timeline {
    epoch: String,
    rows: VecDeque<Row>,
    sizes: VecDeque<usize>,
    bytes: usize,
    first_seq: u64,
}

impl Timeline {
    /// Starts a new epoch.
    pub(super) fn new() -> Self {
        Self {
            epoch: uuid::Uuid::new_v4().to_string(),
            rows: VecDeque::new(),
            sizes: VecDeque::new(),
            bytes: 0,
            first_seq: 1,
        }
    }

    /// The epoch: a UUID.
    pub(super) fn epoch(&self) -> &str {
        &self.epoch
    }

    /// The items, oldest first.
    pub(super) fn items(&self) -> impl Iterator<Item = &TimelineItem> {
        self.rows.iter().map(|row| &row.item)
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The newest row.
    pub(super) fn last(&self) -> Option<&Row> {
        self.rows.back()
    }

    /// Adds a row that is `size` bytes of JSON and returns its sequence number.
    pub(super) fn push(&mut self, row: Row, size: usize) -> u64 {
        self.rows.push_back(row);
        self.sizes.push_back(size);
        self.bytes += size;
        while self.rows.len() > 1 && (self.rows.len() > MAX_ROWS || self.bytes > MAX_BYTES) {
            self.rows.pop_front();
            self.bytes -= self.sizes.pop_front().unwrap_or_default();
            self.first_seq += 1;
        }
        self.next_seq() - 1
    }

    /// Takes back the newest row.
    pub(super) fn take_back(&mut self) {
        self.rows.pop_back();
        self.bytes -= self.sizes.pop_back().unwrap_or_default();
    }

    /// Which sequence numbers are held.
    pub(super) fn window(&self) -> Window {
        if self.rows.is_empty() {
            return Window {
                min_seq: 0,
                max_seq: 0,
                next_seq: self.next_seq(),
            };
        }
        Window {
            min_seq: self.first_seq,
            max_seq: self.next_seq() - 1,
            next_seq: self.next_seq(),
        }
    }

    /// Returns the last message of the agent, whole; `None` when it said nothing.
    pub(super) fn last_message(&self) -> Option<String> {
        let last = self
            .rows
            .iter()
            .rposition(|row| matches!(row.item, TimelineItem::AssistantMessage { .. }))?;
        let mut first = last;
        while first > 0 && project::continues(&self.rows[first - 1], &self.rows[first]) {
            first -= 1;
        }
        Some(
            self.rows
                .range(first..=last)
                .filter_map(|row| project::text(&row.item))
                .collect(),
        )
    }

    /// Returns the tool calls of a turn that are still under way, each in its last state.
    pub(super) fn open_calls(&self, turn_id: &str) -> Vec<ToolCall> {
        let mut last: BTreeMap<&str, &ToolCall> = BTreeMap::new();
        let newest_first = self.rows.iter().rev();
        for row in newest_first.take_while(|row| row.turn_id.as_deref() == Some(turn_id)) {
            if let TimelineItem::ToolCall(call) = &row.item {
                last.entry(&call.call_id).or_insert(call);
            }
        }
        last.into_values()
            .filter(|call| call.status == ToolStatus::Running)
            .cloned()
            .collect()
    }

    fn next_seq(&self) -> u64 {
        self.first_seq + self.rows.len() as u64
    }
}

#[cfg(test)]
mod tests;
