//! What an agent is doing, on one line of the terminal, while a command waits for it.

use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use super::tool_line;
use crate::client::{DaemonClient, Event};
use crate::commands::{Context, signals};
use crate::error::{CommandError, Exit};
use crate::protocol::lifecycle::Waited;
use crate::protocol::timeline::{
    AgentStream, Direction, FetchTimeline, StreamEvent, SubscribeTimelines, TimelineItem,
};

/// How often the line is made anew.
const REDRAW_EVERY: Duration = Duration::from_millis(250);

/// How much of the last message is kept, in bytes.
const MAX_SAID: usize = 2048;

/// A wait.
type Waiting<'a> = Pin<&'a mut (dyn Future<Output = Result<Waited, CommandError>> + 'a)>;

/// Waits, and shows meanwhile what the agent does; nothing unless stderr is a terminal. Only this agent's
/// stream is asked for.
pub(super) async fn until(
    context: &Context,
    daemon: &DaemonClient,
    agent_id: &str,
    mut waiting: Waiting<'_>,
) -> Result<Waited, CommandError> {
    let Some(mut line) = context.progress() else {
        return waiting.await;
    };
    let mut events = daemon.events();
    let agent_ids = vec![agent_id.to_owned()];
    // What becomes of it does not matter: an older daemon sends the streams of all agents anyway.
    let _subscribed = daemon.start(&SubscribeTimelines { agent_ids }).await;
    let mut before = pin!(before(daemon, agent_id));
    let mut looked = false;
    let began = Instant::now();
    let mut doing = Doing::default();
    let mut redraw = tokio::time::interval(REDRAW_EVERY);
    redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            waited = &mut waiting => return waited,
            // By the signal itself the line would stay.
            _ = signals::ctrl_c() => return Err(interrupted()),
            items = &mut before, if !looked => {
                looked = true;
                items.into_iter().for_each(|item| doing.saw(item));
            }
            Some(event) = events.recv() => {
                if let Some(item) = item_of(&event, agent_id) {
                    doing.saw(item);
                }
            }
            _ = redraw.tick() => {
                let seconds = Duration::from_secs(began.elapsed().as_secs());
                let time = humantime::format_duration(seconds);
                let before = format!("{time}  ");
                match doing.did() {
                    Some(did) => line.show(&(before + did)),
                    None => line.show_end(&before, doing.said()),
                }
            }
        }
    }
}

fn interrupted() -> CommandError {
    let message = "nobody waits any longer; the agent goes on";
    CommandError::new("INTERRUPTED", Exit::Interrupted, message)
}

/// Returns what the agent did before its stream was asked for: the last thing, if it can be had.
async fn before(daemon: &DaemonClient, agent_id: &str) -> Option<TimelineItem> {
    let request = FetchTimeline {
        agent_id: agent_id.to_owned(),
        direction: Some(Direction::Tail),
        limit: Some(1),
        ..FetchTimeline::default()
    };
    let page = daemon.call(&request).await.ok()?;
    Some(page.entries.into_iter().next_back()?.item)
}

fn item_of(event: &Event, agent_id: &str) -> Option<TimelineItem> {
    let Event::Message { kind, payload } = event else {
        return None;
    };
    if kind != "agent_stream" {
        return None;
    }
    let stream: AgentStream = serde_json::from_str(payload.get()).ok()?;
    match stream.event {
        StreamEvent::Timeline { item, .. } if stream.agent_id == agent_id => Some(item),
        _ => None,
    }
}

/// What the agent did last.
#[derive(Debug, Default)]
struct Doing {
    /// The end of what it says, which comes in pieces.
    said: String,
    last: Option<String>,
}

impl Doing {
    fn saw(&mut self, item: TimelineItem) {
        self.last = match item {
            TimelineItem::AssistantMessage { text, .. } => {
                self.said.push_str(&text);
                let mut excess = self.said.len().saturating_sub(MAX_SAID);
                while !self.said.is_char_boundary(excess) {
                    excess += 1;
                }
                self.said.drain(..excess);
                return self.last = None;
            }
            TimelineItem::Reasoning { .. } => Some("thinks".to_owned()),
            TimelineItem::ToolCall(call) => Some(tool_line::line(&call)),
            TimelineItem::Todo { items } => {
                let now = items.iter().find(|item| !item.completed);
                now.map(|item| format!("[Tasks] {}", item.text))
            }
            TimelineItem::Compaction { .. } => Some("compacts its memory".to_owned()),
            _ => return,
        };
        self.said.clear();
    }

    /// Returns what it did last, if it has said nothing since.
    fn did(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// Returns the last line of what it says.
    fn said(&self) -> &str {
        let lines = self.said.lines().rev().map(str::trim);
        let said = lines.into_iter().find(|line| !line.is_empty());
        said.unwrap_or("works")
    }

    #[cfg(test)]
    fn words(&self) -> &str {
        self.did().unwrap_or_else(|| self.said())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_thing_is_told() {
        let mut doing = Doing::default();
        assert_eq!(doing.words(), "works");
        let mut saw = |item: serde_json::Value| {
            doing.saw(serde_json::from_value(item).unwrap());
            doing.words().to_owned()
        };
        let says = |text: &str| json!({ "type": "assistant_message", "text": text });
        assert_eq!(saw(says("Let me\nlook")), "look");
        assert_eq!(saw(says(" at it.\n")), "look at it.");
        assert_eq!(saw(json!({ "type": "reasoning", "text": "Hm" })), "thinks");
        let call = json!({ "type": "tool_call", "callId": "1", "name": "Bash", "status": "running",
            "detail": { "type": "shell", "command": "cargo test" } });
        assert_eq!(saw(call), "[Shell] cargo test");
        assert_eq!(saw(says("Done")), "Done");
        assert_eq!(saw(says(&"é".repeat(3000))).len(), MAX_SAID);
    }
}
