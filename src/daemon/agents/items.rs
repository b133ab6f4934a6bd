//! Items of a timeline: first on disk, then in memory, then shown.

use super::Agent;
use crate::daemon::clock::now;
use crate::daemon::core::Core;
use crate::daemon::store::{MAX_LINE_BYTES, StoreError};
use crate::daemon::timeline::Row;
use crate::protocol::timeline::{AgentStream, StreamEvent, TimelineItem, ToolStatus};

impl Core {
    /// Tool calls that were under way end with their turn.
    pub(super) fn cancel_tools(&self, agent: &mut Agent, turn_id: &str) {
        let Ok(timeline) = agent.timeline(&self.store) else {
            return;
        };
        for mut call in timeline.open_calls(turn_id) {
            call.status = ToolStatus::Canceled;
            self.try_record(agent, Some(turn_id), &TimelineItem::ToolCall(call));
        }
    }

    /// Records an item, first on disk, and then shows it. One that cannot be stored is not shown.
    pub(super) fn record_item(
        &self,
        agent: &mut Agent,
        turn_id: Option<&str>,
        item: &TimelineItem,
    ) -> Result<(), StoreError> {
        let kept = self.keep_item(agent, turn_id, item)?;
        self.hub.stream(&kept.event);
        Ok(())
    }

    /// The same for an item without which things go on.
    pub(super) fn try_record(&self, agent: &mut Agent, turn_id: Option<&str>, item: &TimelineItem) {
        if let Err(error) = self.record_item(agent, turn_id, item) {
            tracing::error!(agent = agent.record.id, %error, "an item is left out");
        }
    }

    /// Records an item on disk and in memory; nobody has been shown it.
    pub(super) fn keep_item(
        &self,
        agent: &mut Agent,
        turn_id: Option<&str>,
        item: &TimelineItem,
    ) -> Result<KeptItem, StoreError> {
        let mut row = Row {
            timestamp: now(),
            turn_id: turn_id.map(str::to_owned),
            item: item.clone(),
        };
        let mut line = serde_json::to_vec(&row).unwrap_or_default();
        if line.len() > MAX_LINE_BYTES {
            row.item = TimelineItem::Error {
                message: format!("an item of {} bytes was left out", line.len()),
            };
            line = serde_json::to_vec(&row).unwrap_or_default();
        }
        let id = agent.record.id.clone();
        let provider = agent.record.provider.clone();
        let rows = agent.rows(&self.store);
        let (timeline, file) = rows.map_err(|error| StoreError::io(&error))?;
        let (size, start) = (line.len(), file.end());
        file.append(line).map_err(|error| StoreError::io(&error))?;
        let end = file.end();
        let seq = timeline.push(row.clone(), size);
        let event = AgentStream {
            agent_id: id,
            event: StreamEvent::Timeline {
                provider,
                item: row.item,
                turn_id: row.turn_id,
            },
            timestamp: row.timestamp,
            seq: Some(seq),
            epoch: Some(timeline.epoch().to_owned()),
        };
        Ok(KeptItem { event, start, end })
    }

    /// Shows an event that is not part of the timeline.
    pub(super) fn stream(&self, id: &str, event: StreamEvent) {
        self.hub.stream(&AgentStream {
            agent_id: id.to_owned(),
            event,
            timestamp: now(),
            seq: None,
            epoch: None,
        });
    }
}

/// An item that is recorded: how it is shown, and where it lies in the file.
pub(super) struct KeptItem {
    pub(super) event: AgentStream,
    start: u64,
    end: u64,
}

impl Agent {
    /// Takes back an item, unless others came after it.
    pub(super) fn take_back_item(&mut self, kept: &KeptItem) {
        if let Some((timeline, file)) = &mut self.rows
            && file.end() == kept.end
        {
            file.cut(kept.start);
            timeline.take_back();
        }
    }
}
