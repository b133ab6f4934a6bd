//! From what an agent tells to items of the timeline.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::schema::{Chunk, Compaction, Notice, Plan, Tool, Update};
use super::tools::text_of;
use crate::protocol::timeline::{TimelineItem, TodoItem, ToolStatus};

/// Pieces of text within this time become one item.
const GATHER: Duration = Duration::from_millis(30);
/// A tool call whose text only grows is shown once in this time.
const TOOL_EVERY: Duration = Duration::from_millis(250);
/// Bytes of text that may gather.
const MAX_GATHERED: usize = 16 * 1024;
/// Tool calls of one turn that are known.
const MAX_TOOLS: usize = 4_096;

/// Whose text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voice {
    User,
    Agent,
    Thought,
}

/// What gathers.
#[derive(Debug)]
struct Held {
    voice: Voice,
    message: String,
    text: String,
}

/// The state of a turn, as far as it is needed to make items.
#[derive(Debug, Default)]
pub(super) struct Updates {
    tools: HashMap<String, Tool>,
    /// Tool calls that have changed since they were shown.
    changed: BTreeSet<String>,
    held: Option<Held>,
    /// The message that is being said, until something else comes between.
    message: Option<(Voice, String)>,
    /// When what is held goes out.
    due: Option<Instant>,
    last: Option<Instant>,
    /// The prompt that is being answered. It is in the timeline already.
    prompt: Option<String>,
}

impl Updates {
    /// The state of a turn at its beginning; without a prompt, history is being told.
    pub(super) fn answering(prompt: Option<String>) -> Self {
        Self {
            prompt,
            ..Self::default()
        }
    }

    /// When [`Updates::flush`] is next wanted.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes an update and returns the items that can be shown now. Modes and the like make none.
    pub(super) fn take(&mut self, update: Update) -> Vec<TimelineItem> {
        match update {
            Update::User(chunk) if self.is_echo(&chunk) => Vec::new(),
            Update::User(chunk) => self.text(Voice::User, chunk.message_id, text_of(chunk.content)),
            Update::Message(chunk) => {
                self.text(Voice::Agent, chunk.message_id, text_of(chunk.content))
            }
            Update::Thought(chunk) => self.text(Voice::Thought, None, text_of(chunk.content)),
            Update::Tool(tool) => self.tool(*tool),
            Update::Plan(plan) => {
                let mut items = self.flush();
                items.push(todo(plan));
                items
            }
            Update::Notice(notice) => self.between(Some(notice.item())),
            Update::Compaction(compaction) => self.between(compaction.item()),
            Update::Mode(_) | Update::Config(_) | Update::Usage(_) | Update::Info(_) => Vec::new(),
        }
    }

    /// Shows an item after everything that was said before it.
    fn between(&mut self, item: Option<TimelineItem>) -> Vec<TimelineItem> {
        self.message = None;
        let mut items = self.flush();
        items.extend(item);
        items
    }

    /// Whether it is a piece of the prompt, said back.
    fn is_echo(&self, chunk: &Chunk) -> bool {
        let said = |prompt: &String| match &chunk.content.text {
            Some(text) => prompt.contains(text.trim()),
            // A picture of the prompt.
            None => true,
        };
        self.prompt.as_ref().is_some_and(said)
    }

    fn text(
        &mut self,
        voice: Voice,
        id: Option<String>,
        text: Option<String>,
    ) -> Vec<TimelineItem> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Vec::new();
        };
        let known = self.message.take().filter(|(known, _)| *known == voice);
        let message = id
            .or(known.map(|(_, message)| message))
            .unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        self.message = Some((voice, message.clone()));
        let same = |held: &Held| held.voice == voice && held.message == message;
        let mut items = match &self.held {
            Some(held) if !same(held) => self.flush(),
            _ => Vec::new(),
        };
        let held = self.held.get_or_insert_with(|| Held {
            voice,
            message,
            text: String::new(),
        });
        held.text.push_str(&text);
        if held.text.len() >= MAX_GATHERED {
            items.extend(self.flush());
        } else {
            let now = Instant::now();
            // The first piece is shown at once; what follows closely gathers.
            self.wait_until(self.last.map_or(now, |last| last + GATHER));
        }
        items
    }

    fn tool(&mut self, update: Tool) -> Vec<TimelineItem> {
        let id = update.tool_call_id.clone();
        if !self.tools.contains_key(&id) && self.tools.len() >= MAX_TOOLS {
            return Vec::new();
        }
        self.message = None;
        let held = self.held.is_some();
        let (mut first, mut was) = (false, ToolStatus::Running);
        let tool = match self.tools.get_mut(&id) {
            Some(tool) => {
                was = tool.state();
                tool.merge(update);
                tool
            }
            None => {
                first = true;
                self.tools.entry(id.clone()).or_insert(update)
            }
        };
        let over = tool.state() != was;
        self.changed.insert(id);
        if held || first || over {
            return self.flush();
        }
        self.wait_until(Instant::now() + TOOL_EVERY);
        Vec::new()
    }

    /// A tool call as far as it is known, with what a question about it tells.
    pub(super) fn known(&self, asked: &Tool) -> Tool {
        let mut tool = self.tools.get(&asked.tool_call_id).cloned();
        if let Some(tool) = &mut tool {
            tool.merge(asked.clone());
        }
        tool.unwrap_or_else(|| asked.clone())
    }

    /// Returns everything that is held.
    pub(super) fn flush(&mut self) -> Vec<TimelineItem> {
        self.due = None;
        self.last = Some(Instant::now());
        let said = self.held.take().map(|held| match held.voice {
            Voice::User => TimelineItem::UserMessage {
                text: held.text,
                message_id: Some(held.message),
                client_message_id: None,
            },
            Voice::Agent => TimelineItem::AssistantMessage {
                text: held.text,
                message_id: Some(held.message),
            },
            Voice::Thought => TimelineItem::Reasoning { text: held.text },
        });
        let changed = std::mem::take(&mut self.changed);
        let tools = changed.iter().filter_map(|id| self.tools.get(id));
        said.into_iter()
            .chain(tools.flat_map(Tool::items).map(TimelineItem::ToolCall))
            .collect()
    }

    fn wait_until(&mut self, at: Instant) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }
}

impl Notice {
    fn item(self) -> TimelineItem {
        let text = match self.description {
            Some(description) => format!("{}: {description}", self.title),
            None => self.title,
        };
        match self.severity.as_str() {
            "warning" | "error" => TimelineItem::Error { message: text },
            _ => TimelineItem::AssistantMessage {
                text,
                message_id: Some(uuid::Uuid::new_v4().to_string()),
            },
        }
    }
}

impl Compaction {
    /// The item that shows it; a cancelled one has changed nothing.
    fn item(self) -> Option<TimelineItem> {
        let status = match self.status.as_str() {
            "in_progress" => "loading",
            "completed" => "completed",
            "failed" => {
                let why = self.error.unwrap_or_else(|| "no reason given".to_owned());
                let message = format!("the agent could not shorten its context: {why}");
                return Some(TimelineItem::Error { message });
            }
            _ => return None,
        };
        Some(TimelineItem::Compaction {
            status: status.to_owned(),
            trigger: None,
            pre_tokens: None,
        })
    }
}

fn todo(plan: Plan) -> TimelineItem {
    let item = |entry: super::schema::PlanEntry| TodoItem {
        text: entry.content,
        completed: entry.status == "completed",
        id: None,
        status: ["pending", "in_progress", "completed"]
            .contains(&entry.status.as_str())
            .then_some(entry.status),
        active_form: None,
    };
    TimelineItem::Todo {
        items: plan.entries.into_iter().map(item).collect(),
    }
}
