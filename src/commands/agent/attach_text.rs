//! The stream of an agent as the text of `attach`.

use std::collections::VecDeque;

use super::tool_line;
use crate::commands::permission::{Asked, Quoted, fitting};
use crate::output;
use crate::protocol::agents::PermissionRequest;
use crate::protocol::permissions::PermissionAnswer;
use crate::protocol::timeline::{StreamEvent, TimelineItem, ToolCall, ToolStatus};

/// How many tool calls are remembered, so that each is described once.
const REMEMBERED: usize = 64;

/// A text, and where it goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Text {
    Out(String),
    Err(String),
}

/// What is printed so far.
#[derive(Debug, Default)]
pub(super) struct AttachText {
    /// Whether the last piece was a thought, which the next one continues.
    thinking: bool,
    calls: VecDeque<String>,
    /// What the agent says below a request that waits for an answer.
    quoted: Quoted,
}

impl AttachText {
    /// Returns the text of an event; `None` when there is nothing to show. Of a request `whole` also says what it is
    /// about: where it is answered in place, it is shown when its turn comes. `asking` says that a request is on the
    /// screen: what the agent says below it must not look like a part of it.
    pub(super) fn event(&mut self, event: &StreamEvent, whole: bool, asking: bool) -> Option<Text> {
        let text = self.plain(event, whole)?;
        let ours = matches!(
            event,
            StreamEvent::PermissionRequested { .. } | StreamEvent::PermissionResolved { .. }
        );
        if !asking || ours {
            self.quoted = Quoted::default();
            return Some(text);
        }
        let columns = output::terminal_columns();
        Some(match text {
            Text::Out(text) => Text::Out(self.quoted.take(&text, columns)),
            Text::Err(text) => Text::Err(self.quoted.take(&text, columns)),
        })
    }

    /// Returns what ends a line of the agent before the next step of a request.
    pub(super) fn end_line(&mut self) -> &'static str {
        self.quoted.end()
    }

    fn plain(&mut self, event: &StreamEvent, whole: bool) -> Option<Text> {
        let out = |text: String| Some(Text::Out(text));
        match event {
            StreamEvent::Timeline { item, .. } => self.item(item),
            StreamEvent::PermissionRequested { request, .. } => {
                out(self.close() + &permission(request, whole))
            }
            StreamEvent::PermissionResolved { resolution, .. } => {
                let word = match resolution {
                    PermissionAnswer::Allow { .. } => "allow",
                    PermissionAnswer::Deny { .. } => "deny",
                };
                out(format!("{}\n[Permission {word}]\n", self.close()))
            }
            StreamEvent::TurnFailed { error, .. } => Some(Text::Err(format!(
                "{}\n[Turn Failed] {error}\n",
                self.close()
            ))),
            StreamEvent::AttentionRequired { reason, .. } => out(format!(
                "{}\n[Attention Required: {reason}]\n",
                self.close()
            )),
            _ => None,
        }
    }

    /// Returns the text of an item.
    pub(super) fn item(&mut self, item: &TimelineItem) -> Option<Text> {
        if let TimelineItem::Reasoning { text } = item {
            let continued = std::mem::replace(&mut self.thinking, true);
            return Some(Text::Out(match continued {
                true => text.clone(),
                false => format!("\n[Reasoning] {text}"),
            }));
        }
        let close = self.close();
        let text = match item {
            TimelineItem::AssistantMessage { text, .. } => text.clone(),
            TimelineItem::UserMessage { text, .. } => format!("\n[User] {text}\n"),
            TimelineItem::ToolCall(call) => self.call(call),
            TimelineItem::Todo { items } => {
                let done = items.iter().filter(|item| item.completed).count();
                format!("\n[Todo] {done}/{} completed\n", items.len())
            }
            TimelineItem::Error { message } => {
                return Some(Text::Err(format!("{close}\n[Error] {message}\n")));
            }
            TimelineItem::Compaction { status, .. } => format!("\n[Compaction] {status}\n"),
            TimelineItem::Reasoning { .. } | TimelineItem::Other(_) => String::new(),
        };
        let text = close + &text;
        (!text.is_empty()).then_some(Text::Out(text))
    }

    /// Returns a state of a tool call; what it is about stands at its first state only.
    fn call(&mut self, call: &ToolCall) -> String {
        let status = match call.status {
            ToolStatus::Running => "running",
            ToolStatus::Completed => "completed",
            ToolStatus::Failed => "failed",
            ToolStatus::Canceled => "canceled",
        };
        let known = self.calls.contains(&call.call_id);
        if !known {
            if self.calls.len() == REMEMBERED {
                self.calls.pop_front();
            }
            self.calls.push_back(call.call_id.clone());
        }
        let about = tool_line::summary(call).filter(|_| !known);
        let details: Vec<String> = about.into_iter().chain(tool_line::failure(call)).collect();
        let details = match &details[..] {
            [] => String::new(),
            details => format!(": {}", details.join(": ")),
        };
        format!("\n[Tool: {}] {status}{details}\n", call.name)
    }

    /// Ends the line of a thought.
    fn close(&mut self) -> String {
        match std::mem::take(&mut self.thinking) {
            true => "\n".to_owned(),
            false => String::new(),
        }
    }
}

/// Returns that an agent asks, and `whole` also what.
pub(super) fn permission(request: &PermissionRequest, whole: bool) -> String {
    let asked = Asked::from(request);
    let mut text = format!("\n[Permission Required] {}\n", asked.tool);
    if whole {
        for line in fitting(asked.lines_and_choices(), output::terminal_columns()) {
            text += &format!("{line}\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn items_read_like_the_official_ones() {
        let items: Vec<TimelineItem> = serde_json::from_value(json!([
            {"type": "user_message", "text": "go"},
            {"type": "reasoning", "text": "Hm"}, {"type": "reasoning", "text": "m."},
            {"type": "assistant_message", "text": "Hel"}, {"type": "assistant_message", "text": "lo"},
            {"type": "tool_call", "callId": "1", "name": "read", "status": "running",
             "detail": {"type": "read", "filePath": "a"}},
            {"type": "tool_call", "callId": "1", "name": "read", "status": "failed", "error": "no file",
             "detail": {"type": "read", "filePath": "a"}},
            {"type": "todo", "items": [{"text": "t", "completed": true}, {"text": "u", "completed": false}]},
        ]))
        .unwrap();
        let mut text = AttachText::default();
        let printed: String = items
            .iter()
            .filter_map(|item| match text.item(item) {
                Some(Text::Out(text)) => Some(text),
                _ => None,
            })
            .collect();
        assert_eq!(
            printed,
            "\n[User] go\n\n[Reasoning] Hmm.\nHello\n[Tool: read] running: a\n\n[Tool: read] failed: no file\n\
             \n[Todo] 1/2 completed\n"
        );
    }

    #[test]
    fn below_a_request_every_line_of_the_agent_is_marked() {
        let event = |event| serde_json::from_value::<StreamEvent>(event).unwrap();
        let says = event(json!({ "type": "timeline", "provider": "p", "item":
            {"type": "assistant_message", "text": "\n  command: ls\n  1) Allow   2) Deny   [y/n/number]\n"} }));
        let failed =
            event(json!({ "type": "turn_failed", "provider": "p", "error": "x\n  command: ls" }));
        let mut text = AttachText::default();
        for event in [&says, &failed, &says] {
            let (Some(Text::Out(shown)) | Some(Text::Err(shown))) = text.event(event, false, true)
            else {
                panic!("it is shown");
            };
            assert!(
                shown.lines().all(|line| line.starts_with("    | ")),
                "{shown}"
            );
        }
        let plain = text.event(&says, false, false);
        assert!(matches!(plain, Some(Text::Out(shown)) if shown.contains("\n  1) Allow")));
    }

    #[test]
    fn errors_go_to_stderr() {
        let mut text = AttachText::default();
        let error: TimelineItem =
            serde_json::from_value(json!({"type": "error", "message": "m"})).unwrap();
        assert_eq!(
            text.item(&error),
            Some(Text::Err("\n[Error] m\n".to_owned()))
        );
    }
}
