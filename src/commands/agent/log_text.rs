//! Live items as the text of `logs -f`: like the transcript, but pieces of a message are joined as they
//! come.

use std::collections::VecDeque;

use super::transcript;
use crate::protocol::timeline::TimelineItem;

/// How many tool calls are remembered, so that each is shown once.
const REMEMBERED: usize = 64;

/// What is printed so far.
#[derive(Debug, Default)]
pub(super) struct LogText {
    /// The message or thought that the next piece may continue.
    open: Option<TimelineItem>,
    calls: VecDeque<(String, String)>,
}

impl LogText {
    /// Returns the text of an item, as it follows on what was printed; mostly with a line feed at the end.
    pub(super) fn item(&mut self, item: &TimelineItem) -> String {
        if let Some(more) = self.continued(item) {
            return more;
        }
        let mut text = self.close();
        match item {
            TimelineItem::AssistantMessage { text: piece, .. } => {
                text += piece.trim_start();
                self.open = Some(emptied(item));
            }
            TimelineItem::Reasoning { text: piece } => {
                text += &format!("[Thought] {}", piece.trim_start());
                self.open = Some(emptied(item));
            }
            TimelineItem::ToolCall(call) => {
                let line = transcript::block(item).unwrap_or_default();
                if self.is_news(&call.call_id, &line) {
                    text += &(line + "\n");
                }
            }
            _ => {
                if let Some(block) = transcript::block(item) {
                    text += &(block + "\n");
                }
            }
        }
        text
    }

    /// Ends the line of an open message.
    pub(super) fn close(&mut self) -> String {
        match self.open.take() {
            Some(_) => "\n".to_owned(),
            None => String::new(),
        }
    }

    fn continued(&mut self, item: &TimelineItem) -> Option<String> {
        let open = self.open.as_mut()?;
        if !transcript::append(open, item) {
            return None;
        }
        // What was said is on the screen; keeping it would have no bound.
        *open = emptied(open);
        match item {
            TimelineItem::AssistantMessage { text, .. } | TimelineItem::Reasoning { text } => {
                Some(text.clone())
            }
            _ => None,
        }
    }

    fn is_news(&mut self, id: &str, line: &str) -> bool {
        if let Some((_, shown)) = self.calls.iter_mut().find(|(call, _)| call == id) {
            let news = shown != line;
            line.clone_into(shown);
            return news;
        }
        if self.calls.len() == REMEMBERED {
            self.calls.pop_front();
        }
        self.calls.push_back((id.to_owned(), line.to_owned()));
        true
    }
}

/// Returns the item without its text.
fn emptied(item: &TimelineItem) -> TimelineItem {
    match item {
        TimelineItem::AssistantMessage { message_id, .. } => TimelineItem::AssistantMessage {
            text: String::new(),
            message_id: message_id.clone(),
        },
        TimelineItem::Reasoning { .. } => TimelineItem::Reasoning {
            text: String::new(),
        },
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pieces_are_joined_and_calls_shown_once() {
        let items: Vec<TimelineItem> = serde_json::from_value(json!([
            {"type": "reasoning", "text": "Hm"}, {"type": "reasoning", "text": "m."},
            {"type": "assistant_message", "text": "Hel", "messageId": "a"},
            {"type": "assistant_message", "text": "lo", "messageId": "a"},
            {"type": "assistant_message", "text": "New", "messageId": "b"},
            {"type": "tool_call", "callId": "1", "name": "r", "status": "running",
             "detail": {"type": "read", "filePath": "a"}},
            {"type": "tool_call", "callId": "1", "name": "r", "status": "completed",
             "detail": {"type": "read", "filePath": "a", "content": "x"}},
            {"type": "tool_call", "callId": "2", "name": "r", "status": "failed", "error": "no file",
             "detail": {"type": "read", "filePath": "b"}},
            {"type": "user_message", "text": "go"},
        ]))
        .unwrap();
        let mut text = LogText::default();
        let printed: String = items.iter().map(|item| text.item(item)).collect();
        assert_eq!(
            printed,
            "[Thought] Hmm.\nHello\nNew\n[Read] a\n[Read] b (failed: no file)\n[User] go\n"
        );
    }
}
