//! What an agent does from now on, without loss and without doubling.
//!
//! Every recorded item has a place: the epoch of its timeline, and a number that grows by one. First the
//! stream is subscribed, for this agent alone, then everything recorded since the place that is already
//! known is fetched; live items up to there are dropped, and a hole in the numbers is fetched again.

use std::collections::VecDeque;

use super::timeline;
use crate::client::{CallError, DaemonClient, Event, Events};
use crate::commands::failure::Doing;
use crate::error::{CommandError, Exit, Hop};
use crate::protocol::agents::PermissionRequest;
use crate::protocol::timeline::{AgentStream, Cursor, SubscribeTimelines, TimelinePage};

/// The stream of one agent.
pub(super) struct Live<'a> {
    daemon: &'a DaemonClient,
    doing: Doing,
    agent_id: String,
    events: Events,
    place: Option<Cursor>,
    /// Whether there are recorded items after `place` that the stream did not bring.
    behind: bool,
    /// Fetched, and not yet given out.
    fetched: VecDeque<AgentStream>,
}

impl<'a> Live<'a> {
    /// Subscribes, and catches up from `place`; `None` is the beginning. Also returns what the agent waits
    /// for at that time.
    pub(super) async fn open(
        daemon: &'a DaemonClient,
        agent_id: &str,
        place: Option<Cursor>,
        doing: Doing,
    ) -> Result<(Self, Vec<PermissionRequest>), CommandError> {
        let events = daemon.events();
        let agent_ids = vec![agent_id.to_owned()];
        match daemon.call(&SubscribeTimelines { agent_ids }).await {
            // An older daemon sends the streams of all agents anyway.
            Err(CallError::Refused(error)) if error.code.as_deref() == Some("unknown_schema") => {}
            other => drop(other.map_err(|error| doing.error(error))?),
        }
        let mut live = Self {
            daemon,
            doing,
            agent_id: agent_id.to_owned(),
            events,
            place,
            behind: true,
            fetched: VecDeque::new(),
        };
        let agent = live.catch_up().await?.agent;
        let pending = agent.map(|agent| agent.pending_permissions);
        Ok((live, pending.unwrap_or_default()))
    }

    /// Waits for what happens next. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Result<AgentStream, CommandError> {
        loop {
            if let Some(fetched) = self.fetched.pop_front() {
                return Ok(fetched);
            }
            if self.behind {
                self.catch_up().await?;
                continue;
            }
            let stream = self.receive().await?;
            match self.judge(&stream) {
                Place::None | Place::Next => return Ok(stream),
                Place::Known => {}
                // What will be fetched includes this one.
                Place::Hole => self.behind = true,
            }
        }
    }

    async fn receive(&mut self) -> Result<AgentStream, CommandError> {
        loop {
            let Some(event) = self.events.recv().await else {
                return Err(CommandError::new(
                    "CONNECTION_LOST",
                    Exit::DaemonOffline,
                    "the connection to the daemon ended",
                )
                .at(Hop::Daemon)
                .retryable()
                .hint("the agent goes on: attach again"));
            };
            let Event::Message { kind, payload } = event else {
                continue;
            };
            // What is not as expected is from a newer daemon, and ignored.
            if kind == "agent_stream"
                && let Ok(stream) = serde_json::from_str::<AgentStream>(payload.get())
                && stream.agent_id == self.agent_id
            {
                return Ok(stream);
            }
        }
    }

    /// Says how an event follows on what is known, and takes note of it.
    fn judge(&mut self, stream: &AgentStream) -> Place {
        let (Some(epoch), Some(seq)) = (&stream.epoch, stream.seq) else {
            return Place::None;
        };
        let place = match &self.place {
            Some(place) if place.epoch == *epoch && seq <= place.seq => return Place::Known,
            Some(place) if place.epoch == *epoch && seq > place.seq + 1 => return Place::Hole,
            // In a new epoch the history was loaded and numbered afresh: it was shown already.
            _ => Cursor {
                epoch: epoch.clone(),
                seq,
            },
        };
        self.place = Some(place);
        Place::Next
    }

    /// Fetches a page of what was recorded since the known place.
    async fn catch_up(&mut self) -> Result<TimelinePage, CommandError> {
        let place = self.place.clone();
        let mut page =
            timeline::recorded_after(self.daemon, &self.agent_id, place, self.doing).await?;
        let known = self.place.as_ref().map_or(0, |place| place.seq);
        // The timeline was replaced: its history was shown already, under other numbers.
        let replaced = page.reset && self.place.is_some();
        for entry in std::mem::take(&mut page.entries) {
            if !replaced && entry.seq_end > known {
                let stream = timeline::as_stream(entry, &self.agent_id, &page.epoch);
                self.fetched.push_back(stream);
            }
        }
        let end = page.end_cursor.clone();
        let moved = end.as_ref().is_some_and(|end| replaced || end.seq > known);
        if moved {
            self.place = end;
        }
        self.behind = page.has_newer && moved && !replaced;
        Ok(page)
    }
}

/// How an event follows on what is known.
enum Place {
    /// It is no recorded item.
    None,
    /// It is the next one.
    Next,
    /// It was shown before.
    Known,
    /// There are others in between.
    Hole,
}
