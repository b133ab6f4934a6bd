//! A timeline of any length, page by page, so that memory is bounded and no frame is too large.

use std::collections::VecDeque;
use std::time::Duration;

use super::transcript;
use crate::client::{DaemonClient, REPLY_TIMEOUT, Reply};
use crate::commands::failure::Doing;
use crate::error::{CommandError, Exit, Hop};
use crate::protocol::size::json_length;
use crate::protocol::timeline::{
    AgentStream, Cursor, Direction, FetchTimeline, Projection, StreamEvent, TimelineEntry,
    TimelineItem, TimelinePage,
};

/// Entries of the first page.
const FIRST_PAGE: u64 = 500;

/// Entries that are fetched for each folded item of a tail: daemons of 0.1.65 count every piece of streamed text.
const PIECES: u64 = 5;

/// Entries of the largest page.
const LARGEST_PAGE: u64 = 20_000;

/// How long a page of rows may take: a request that was lost is asked again soon.
const ROWS_LIMIT: Duration = Duration::from_secs(20);

/// What a page should weigh, in bytes; a frame may have 32 MiB.
const PAGE_BYTES: u64 = 4 * 1024 * 1024;

/// A timeline from its beginning to its end.
pub(super) struct History<'a> {
    daemon: &'a DaemonClient,
    doing: Doing,
    agent_id: &'a str,
    next: Option<Reply<FetchTimeline>>,
    /// What was read, and the newest item known at that time.
    shown: Shown,
    newest: u64,
    limit: u64,
}

impl<'a> History<'a> {
    /// Asks for the first page.
    pub(super) async fn open(
        daemon: &'a DaemonClient,
        agent_id: &'a str,
        doing: Doing,
    ) -> Result<Self, CommandError> {
        let mut history = Self {
            daemon,
            doing,
            agent_id,
            next: None,
            shown: Shown::default(),
            newest: 0,
            limit: FIRST_PAGE,
        };
        history.ask().await?;
        Ok(history)
    }

    /// Returns the next entries, `None` at the end. The page after is already on its way then.
    pub(super) async fn page(&mut self) -> Result<Option<Vec<TimelineEntry>>, CommandError> {
        let Some(reply) = self.next.take() else {
            return Ok(None);
        };
        let reply = reply.wait(Some(REPLY_TIMEOUT)).await;
        let page = checked(reply.map_err(|error| self.doing.error(error))?, self.doing)?;
        if page.reset && self.shown.cursor.is_some() {
            return Err(CommandError::new(
                self.doing.code,
                Exit::Failed,
                "the timeline was replaced while it was read",
            )
            .at(Hop::Daemon)
            .retryable());
        }
        let (before, newest) = (
            self.shown.cursor.as_ref().map_or(0, |place| place.seq),
            self.newest,
        );
        self.newest = page.window.max_seq;
        let more = page.has_newer && page.end_cursor.as_ref().is_some_and(|end| end.seq > before);
        self.limit = next_limit(&page.entries);
        let mut entries = page.entries;
        entries.retain(|entry| is_new(entry, before, newest));
        self.shown.read(&entries, page.end_cursor);
        if more {
            self.ask().await?;
        }
        Ok(Some(entries))
    }

    /// Returns what was read.
    pub(super) fn shown(&self) -> &Shown {
        &self.shown
    }

    /// Returns the epoch of what was read.
    pub(super) fn epoch(&self) -> String {
        self.shown.epoch()
    }

    async fn ask(&mut self) -> Result<(), CommandError> {
        let request = FetchTimeline {
            agent_id: self.agent_id.to_owned(),
            direction: Some(Direction::After),
            cursor: self.shown.cursor.clone(),
            limit: Some(self.limit),
            projection: None,
        };
        let reply = self.daemon.start(&request).await;
        self.next = Some(reply.map_err(|error| self.doing.error(error))?);
        Ok(())
    }
}

/// Returns whether an entry was not on the pages before, which ended at `before` when `newest` was the
/// newest item. A tool call that began there and went on since is new once more.
fn is_new(entry: &TimelineEntry, before: u64, newest: u64) -> bool {
    let went_on = matches!(entry.item, TimelineItem::ToolCall(_)) && entry.seq_end > newest;
    entry.seq_start > before || went_on
}

fn next_limit(entries: &[TimelineEntry]) -> u64 {
    let lengths = entries.iter().flat_map(json_length);
    let bytes = lengths.sum::<usize>() as u64;
    let count = entries.len() as u64;
    if count == 0 {
        return FIRST_PAGE;
    }
    let fitting = PAGE_BYTES * count / bytes.max(1);
    fitting.clamp(10, LARGEST_PAGE)
}

/// How far a timeline was shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    /// The last item, as the daemon numbers it; `None` at the beginning.
    pub(super) cursor: Option<Cursor>,
    /// What and when it was.
    last: Option<(String, TimelineItem)>,
    /// Tool calls that stand before the cursor, and were shown as they were behind it: up to which item.
    ahead: Vec<(String, u64)>,
}

impl Shown {
    /// Takes note of an item.
    pub(super) fn saw(&mut self, epoch: &str, seq: u64, timestamp: &str, item: &TimelineItem) {
        self.cursor = Some(Cursor {
            epoch: epoch.to_owned(),
            seq,
        });
        self.last = Some((timestamp.to_owned(), item.clone()));
        self.ahead.retain(|(_, until)| *until > seq);
    }

    /// Returns the epoch of the last item; empty at the beginning.
    pub(super) fn epoch(&self) -> String {
        let cursor = self.cursor.as_ref();
        cursor
            .map(|cursor| cursor.epoch.clone())
            .unwrap_or_default()
    }

    /// Takes note of entries, which may be folded, and where they end.
    fn read(&mut self, entries: &[TimelineEntry], end: Option<Cursor>) {
        self.cursor = end.or(self.cursor.take());
        let seq = self.cursor.as_ref().map_or(0, |end| end.seq);
        if let Some(last) = entries.iter().rfind(|entry| entry.seq_end == seq) {
            self.last = Some((last.timestamp.clone(), last.item.clone()));
        }
        for entry in entries.iter().filter(|entry| entry.seq_end > seq) {
            if let TimelineItem::ToolCall(call) = &entry.item {
                self.ahead.push((call.call_id.clone(), entry.seq_end));
            }
        }
    }

    /// Returns whether a row is a state of a tool call that was shown in a later one.
    pub(super) fn was_ahead(&self, row: &TimelineEntry) -> bool {
        let TimelineItem::ToolCall(call) = &row.item else {
            return false;
        };
        let mut ahead = self.ahead.iter();
        ahead.any(|(id, until)| *id == call.call_id && row.seq_end <= *until)
    }

    /// Returns the last item's place in a timeline that was numbered afresh, if it has kept its number.
    pub(super) async fn find(
        &self,
        daemon: &DaemonClient,
        agent_id: &str,
        epoch: &str,
        doing: Doing,
    ) -> Result<Option<Cursor>, CommandError> {
        let (Some(cursor), Some(last)) = (&self.cursor, &self.last) else {
            return Ok(None);
        };
        let at = |seq| Cursor {
            epoch: epoch.to_owned(),
            seq,
        };
        let before = Some(at(cursor.seq.saturating_sub(1)));
        let page = recorded_after(daemon, agent_id, before, 1, doing).await?;
        let same = !page.reset
            && page.entries.first().is_some_and(|row| {
                row.seq_end == cursor.seq && is_end_of(&row.item, &row.timestamp, last)
            });
        Ok(same.then(|| at(cursor.seq)))
    }
}

/// Returns whether a row is what was shown, or the last piece of a message that was shown folded.
fn is_end_of(row: &TimelineItem, at: &str, (shown_at, shown): &(String, TimelineItem)) -> bool {
    use TimelineItem::{AssistantMessage, Reasoning, ToolCall};
    match (row, shown) {
        (AssistantMessage { text, .. }, AssistantMessage { text: whole, .. })
        | (Reasoning { text }, Reasoning { text: whole })
            if text.len() < whole.len() =>
        {
            !text.is_empty() && whole.ends_with(text)
        }
        // Of a folded call the time is that of its first state.
        (ToolCall(_), ToolCall(_)) => row == shown,
        _ => row == shown && at == shown_at,
    }
}

/// The end of a timeline, and where it ends.
pub(super) struct Tail {
    /// At least as many entries as were asked for, if there are so many.
    pub(super) entries: VecDeque<TimelineEntry>,
    /// The last item.
    pub(super) shown: Shown,
}

/// Reads back from the end until `count` folded items are there that `keep` lets through.
pub(super) async fn tail(
    daemon: &DaemonClient,
    agent_id: &str,
    count: usize,
    keep: impl Fn(&TimelineItem) -> bool,
    doing: Doing,
) -> Result<Tail, CommandError> {
    let mut entries = VecDeque::new();
    let mut shown = Shown::default();
    let mut request = FetchTimeline {
        agent_id: agent_id.to_owned(),
        direction: Some(Direction::Tail),
        limit: Some((count as u64).saturating_mul(PIECES).clamp(1, FIRST_PAGE)),
        ..FetchTimeline::default()
    };
    loop {
        let reply = daemon.call(&request).await;
        let page = checked(reply.map_err(|error| doing.error(error))?, doing)?;
        if shown.cursor.is_none() {
            shown.read(&page.entries, page.end_cursor);
        }
        let kept = page.entries.into_iter().filter(|entry| keep(&entry.item));
        for entry in kept.collect::<Vec<_>>().into_iter().rev() {
            entries.push_front(entry);
        }
        let items = entries
            .iter()
            .map(|entry: &TimelineEntry| entry.item.clone());
        let enough = transcript::merge(items).len() > count;
        let older = page.start_cursor.filter(|_| page.has_older && !enough);
        if older.is_none() || older == request.cursor {
            return Ok(Tail { entries, shown });
        }
        request.direction = Some(Direction::Before);
        request.cursor = older;
        request.limit = Some(FIRST_PAGE);
    }
}

/// Fetches one page of what was recorded after a place, as it was recorded.
pub(super) async fn recorded_after(
    daemon: &DaemonClient,
    agent_id: &str,
    place: Option<Cursor>,
    limit: u64,
    doing: Doing,
) -> Result<TimelinePage, CommandError> {
    let request = FetchTimeline {
        agent_id: agent_id.to_owned(),
        direction: Some(Direction::After),
        cursor: place,
        limit: Some(limit),
        projection: Some(Projection::Canonical),
    };
    let reply = daemon.call_within(&request, Some(ROWS_LIMIT)).await;
    checked(reply.map_err(|error| doing.error(error))?, doing)
}

/// Returns an entry in the form in which the stream brings it; its place is that of its last item.
pub(super) fn as_stream(entry: TimelineEntry, agent_id: &str, epoch: &str) -> AgentStream {
    AgentStream {
        agent_id: agent_id.to_owned(),
        event: StreamEvent::Timeline {
            provider: entry.provider,
            item: entry.item,
            turn_id: entry.turn_id,
        },
        timestamp: entry.timestamp,
        seq: Some(entry.seq_end),
        epoch: Some(epoch.to_owned()),
    }
}

fn checked(page: TimelinePage, doing: Doing) -> Result<TimelinePage, CommandError> {
    match &page.error {
        Some(error) => Err(doing.refused(error)),
        None => Ok(page),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(item: serde_json::Value, from: u64, to: u64) -> TimelineEntry {
        let json = json!({ "provider": "p", "item": item, "timestamp": "", "seqStart": from, "seqEnd": to });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn entries_that_span_pages_are_shown_once() {
        let tool = json!({"type": "tool_call", "callId": "1", "name": "x", "detail": {}, "status": "running"});
        let text = json!({"type": "assistant_message", "text": "x"});
        assert!(is_new(&entry(text.clone(), 8, 9), 7, 20));
        assert!(!is_new(&entry(text, 6, 9), 7, 20));
        assert!(!is_new(&entry(tool.clone(), 6, 19), 7, 20));
        assert!(is_new(&entry(tool, 6, 21), 7, 20));
    }

    #[test]
    fn heavy_entries_make_small_pages() {
        let heavy = json!({"type": "assistant_message", "text": "x".repeat(1024 * 1024)});
        let light = json!({"type": "assistant_message", "text": "x"});
        assert_eq!(next_limit(&[entry(heavy, 1, 1)]), 10);
        assert_eq!(next_limit(&[entry(light, 1, 1)]), LARGEST_PAGE);
        assert_eq!(next_limit(&[]), FIRST_PAGE);
    }
}
