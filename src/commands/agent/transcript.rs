//! A timeline as text for people, in the form of the official CLI, but with each thought where it was
//! thought: the official one puts the message before the thought that led to it.

use std::collections::HashMap;

use super::tool_line;
use crate::protocol::timeline::{TimelineItem, ToolCall};

/// Stands for a transcript without an item; scripts compare it.
pub(super) const NOTHING: &str = "No activity to display.";

/// Folds items that belong together: the states of a tool call, pieces of one message, neighbouring
/// reasoning. What the daemon folded already stays as it is.
pub(super) fn merge(items: impl IntoIterator<Item = TimelineItem>) -> Vec<TimelineItem> {
    let mut merged: Vec<TimelineItem> = Vec::new();
    let mut calls: HashMap<String, usize> = HashMap::new();
    for item in items {
        if let TimelineItem::ToolCall(call) = &item {
            let next = merged.len();
            let place = *calls.entry(call.call_id.clone()).or_insert(next);
            if let Some(TimelineItem::ToolCall(earlier)) = merged.get_mut(place) {
                update(earlier, call);
                continue;
            }
        }
        let continues = merged.last_mut().is_some_and(|last| append(last, &item));
        if !continues {
            merged.push(item);
        }
    }
    merged
}

/// Replaces the state of a tool call; a detail that nobody knows does not replace one that is known.
fn update(earlier: &mut ToolCall, later: &ToolCall) {
    let unknown = |call: &ToolCall| call.detail["type"] == "unknown";
    if !unknown(later) || unknown(earlier) {
        earlier.detail = later.detail.clone();
    }
    if later.metadata.is_some() {
        earlier.metadata = later.metadata.clone();
    }
    earlier.status = later.status;
    earlier.error = later.error.clone();
}

/// Appends a piece to the item it continues; returns whether it does.
pub(super) fn append(last: &mut TimelineItem, item: &TimelineItem) -> bool {
    use TimelineItem::{AssistantMessage, Reasoning};
    match (last, item) {
        (Reasoning { text }, Reasoning { text: more }) => text.push_str(more),
        (
            AssistantMessage { text, message_id },
            AssistantMessage {
                text: more,
                message_id: id,
            },
        ) if id.is_none() || id == message_id => text.push_str(more),
        _ => return false,
    }
    true
}

/// Renders items, without a line feed at the end; empty when there is nothing to show.
pub(super) fn render(items: &[TimelineItem]) -> String {
    let blocks: Vec<String> = items.iter().filter_map(block).collect();
    blocks.join("\n")
}

/// Renders one item; `None` when there is nothing to show.
pub(super) fn block(item: &TimelineItem) -> Option<String> {
    let trimmed = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    match item {
        TimelineItem::UserMessage { text, .. } => Some(format!("[User] {}", text.trim())),
        TimelineItem::AssistantMessage { text, .. } => trimmed(text),
        TimelineItem::Reasoning { text } => trimmed(text).map(|text| format!("[Thought] {text}")),
        TimelineItem::ToolCall(call) => {
            let mut text = tool_line::line(call);
            if let Some(why) = tool_line::failure(call) {
                text += &format!(" (failed: {why})");
            }
            if let Some(log) = tool_line::log(call) {
                text += &format!("\n{log}");
            }
            Some(text)
        }
        TimelineItem::Todo { items } => {
            let mut lines = vec!["[Tasks]".to_owned()];
            lines.extend(items.iter().map(|item| {
                let mark = if item.completed { 'x' } else { ' ' };
                format!("- [{mark}] {}", item.text)
            }));
            Some(lines.join("\n"))
        }
        TimelineItem::Error { message } => Some(format!("[Error] {message}")),
        TimelineItem::Compaction { .. } => Some("[Compacted]".to_owned()),
        TimelineItem::Other(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn items(json: Value) -> Vec<TimelineItem> {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn thoughts_stay_where_they_were() {
        let merged = merge(items(json!([
            {"type": "user_message", "text": " go "},
            {"type": "reasoning", "text": "Think"},
            {"type": "reasoning", "text": "ing."},
            {"type": "assistant_message", "text": "Hel", "messageId": "a"},
            {"type": "assistant_message", "text": "lo", "messageId": "a"},
            {"type": "assistant_message", "text": "!"},
            {"type": "assistant_message", "text": "Next", "messageId": "b"},
            {"type": "tool_call", "callId": "1", "name": "r", "status": "running",
             "detail": {"type": "read", "filePath": "a"}},
            {"type": "todo", "items": [{"text": "t", "completed": true}, {"text": "u", "completed": false}]},
            {"type": "tool_call", "callId": "1", "name": "r", "status": "completed",
             "detail": {"type": "unknown", "input": null, "output": null}},
            {"type": "tool_call", "callId": "2", "name": "r", "status": "failed", "error": "no\nfile",
             "detail": {"type": "read", "filePath": "b"}},
            {"type": "compaction", "status": "completed"},
            {"type": "error", "message": "oh"},
            {"type": "hologram"},
        ])));
        assert_eq!(
            render(&merged),
            "[User] go\n[Thought] Thinking.\nHello!\nNext\n[Read] a\n[Tasks]\n- [x] t\n- [ ] u\n\
             [Read] b (failed: no file)\n[Compacted]\n[Error] oh"
        );
    }

    proptest! {
        #[test]
        fn any_items_are_rendered(texts in prop::collection::vec((any::<u8>(), ".*"), 0..20)) {
            let all = texts.into_iter().map(|(kind, text)| match kind % 4 {
                0 => TimelineItem::Reasoning { text },
                1 => TimelineItem::AssistantMessage { text, message_id: None },
                2 => TimelineItem::Error { message: text },
                _ => TimelineItem::Other(Value::String(text)),
            });
            render(&merge(all));
        }
    }
}
