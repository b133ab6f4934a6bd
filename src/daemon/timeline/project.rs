//! How rows become entries: pieces of a message joined, states of a tool call folded.

use std::collections::{HashMap, VecDeque};

use super::Row;
use crate::protocol::timeline::{Collapsed, SeqRange, TimelineEntry, TimelineItem};

/// The rows of one entry, by index, in order. Text groups are neighbours; a tool call's need not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group(Vec<usize>);

impl Group {
    /// Index of the first row.
    pub(super) fn first(&self) -> usize {
        self.0[0]
    }

    /// Index of the last row.
    pub(super) fn last(&self) -> usize {
        self.0[self.0.len() - 1]
    }
}

/// Returns the text of a message or of reasoning.
pub(super) fn text(item: &TimelineItem) -> Option<&str> {
    match item {
        TimelineItem::AssistantMessage { text, .. } | TimelineItem::Reasoning { text } => {
            Some(text)
        }
        _ => None,
    }
}

/// Returns whether `next` is the next piece of what `row` is a piece of.
pub(super) fn continues(row: &Row, next: &Row) -> bool {
    let same = match (&row.item, &next.item) {
        (
            TimelineItem::AssistantMessage { message_id: a, .. },
            TimelineItem::AssistantMessage { message_id: b, .. },
        ) => a == b,
        (TimelineItem::Reasoning { .. }, TimelineItem::Reasoning { .. }) => true,
        _ => false,
    };
    same && row.turn_id == next.turn_id
}

/// Every row an entry of its own.
pub(super) fn canonical(rows: &VecDeque<Row>) -> Vec<Group> {
    (0..rows.len()).map(|index| Group(vec![index])).collect()
}

/// Folds rows into entries, ordered by their first row. Text is not joined across `split`, so that a
/// cursor there divides it; the states of a tool call always stay together.
pub(super) fn projected(rows: &VecDeque<Row>, split: Option<usize>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut calls: HashMap<&str, usize> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        let joins = match &row.item {
            TimelineItem::ToolCall(call) => calls.get(call.call_id.as_str()).copied(),
            _ => groups.len().checked_sub(1).filter(|&at| {
                groups[at].last() + 1 == index
                    && split != Some(index)
                    && continues(&rows[index - 1], row)
            }),
        };
        match joins {
            Some(at) => groups[at].0.push(index),
            None => {
                if let TimelineItem::ToolCall(call) = &row.item {
                    calls.insert(&call.call_id, groups.len());
                }
                groups.push(Group(vec![index]));
            }
        }
    }
    groups
}

/// Makes the entry of a group.
pub(super) fn entry(
    group: &Group,
    rows: &VecDeque<Row>,
    first_seq: u64,
    provider: &str,
    reasoning_merge: bool,
) -> TimelineEntry {
    let seq = |index: usize| first_seq + index as u64;
    let first = &rows[group.first()];
    let (item, collapsed) = merged(group, rows);
    TimelineEntry {
        provider: provider.to_owned(),
        item,
        turn_id: first.turn_id.clone(),
        timestamp: first.timestamp.clone(),
        seq_start: seq(group.first()),
        seq_end: seq(group.last()),
        source_seq_ranges: ranges(group, first_seq),
        collapsed: collapsed
            .filter(|how| reasoning_merge || *how != Collapsed::ReasoningMerge)
            .into_iter()
            .collect(),
    }
}

fn merged(group: &Group, rows: &VecDeque<Row>) -> (TimelineItem, Option<Collapsed>) {
    if let [only] = group.0[..] {
        return (rows[only].item.clone(), None);
    }
    let joined = || {
        group
            .0
            .iter()
            .filter_map(|&index| text(&rows[index].item))
            .collect()
    };
    match &rows[group.first()].item {
        TimelineItem::AssistantMessage { message_id, .. } => (
            TimelineItem::AssistantMessage {
                text: joined(),
                message_id: message_id.clone(),
            },
            Some(Collapsed::AssistantMerge),
        ),
        TimelineItem::Reasoning { .. } => (
            TimelineItem::Reasoning { text: joined() },
            Some(Collapsed::ReasoningMerge),
        ),
        _ => (
            rows[group.last()].item.clone(),
            Some(Collapsed::ToolLifecycle),
        ),
    }
}

fn ranges(group: &Group, first_seq: u64) -> Vec<SeqRange> {
    let mut ranges: Vec<SeqRange> = Vec::new();
    for seq in group.0.iter().map(|&index| first_seq + index as u64) {
        match ranges.last_mut() {
            Some(range) if range.end_seq + 1 == seq => range.end_seq = seq,
            _ => ranges.push(SeqRange {
                start_seq: seq,
                end_seq: seq,
            }),
        }
    }
    ranges
}
