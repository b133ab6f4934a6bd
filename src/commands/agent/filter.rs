//! `logs --filter`.

use crate::protocol::timeline::TimelineItem;

/// Which items are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    /// Tool calls.
    Tools,
    /// What was said and thought.
    Text,
    /// Errors.
    Errors,
    /// Nothing in a timeline: permissions are not recorded there.
    Permissions,
    /// Types that contain this.
    Type(String),
}

impl From<&str> for Filter {
    fn from(text: &str) -> Self {
        match text.to_lowercase().as_str() {
            "tools" => Self::Tools,
            "text" => Self::Text,
            "errors" => Self::Errors,
            "permissions" => Self::Permissions,
            other => Self::Type(other.to_owned()),
        }
    }
}

impl Filter {
    /// Returns whether an item is shown.
    pub(super) fn lets_through(&self, item: &TimelineItem) -> bool {
        let kind = kind(item);
        match self {
            Self::Tools => kind == "tool_call",
            Self::Text => matches!(kind, "user_message" | "assistant_message" | "reasoning"),
            Self::Errors => kind == "error",
            Self::Permissions => kind.contains("permission"),
            Self::Type(part) => kind.to_lowercase().contains(part),
        }
    }
}

/// Returns the type of an item, as on the wire.
fn kind(item: &TimelineItem) -> &str {
    match item {
        TimelineItem::UserMessage { .. } => "user_message",
        TimelineItem::AssistantMessage { .. } => "assistant_message",
        TimelineItem::Reasoning { .. } => "reasoning",
        TimelineItem::ToolCall(_) => "tool_call",
        TimelineItem::Todo { .. } => "todo",
        TimelineItem::Error { .. } => "error",
        TimelineItem::Compaction { .. } => "compaction",
        TimelineItem::Other(value) => value["type"].as_str().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_go_by_type() {
        let all: Vec<TimelineItem> = serde_json::from_value(json!([
            {"type": "user_message", "text": "u"}, {"type": "reasoning", "text": "r"},
            {"type": "error", "message": "e"}, {"type": "hologram"},
        ]))
        .unwrap();
        let kept = |filter: &str| {
            let filter = Filter::from(filter);
            all.iter().filter(|item| filter.lets_through(item)).count()
        };
        assert_eq!(kept("text"), 2);
        assert_eq!(kept("errors"), 1);
        assert_eq!(kept("permissions"), 0);
        assert_eq!(kept("REASON"), 1);
        assert_eq!(kept("holo"), 1);
        assert_eq!(kept("tools"), 0);
    }
}
