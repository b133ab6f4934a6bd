//! What an agent does from now on, without loss and without doubling, over one connection or several.
//!
//! Every recorded item has a place: the epoch of its timeline, and a number that grows by one. First the
//! stream is subscribed, for this agent alone, then everything recorded since the place that is already
//! known is fetched; live items up to there are dropped, and a hole in the numbers is fetched again. So it is after
//! a lost connection, and once after each time in which nothing came: the last item may be what was lost.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::timeline::{self, Shown};
use crate::client::{CallError, DaemonClient, Event, Events};
use crate::commands::failure::Doing;
use crate::commands::lifeline;
use crate::error::CommandError;
use crate::output;
use crate::protocol::agents::PermissionRequest;
use crate::protocol::timeline::{AgentStream, StreamEvent, SubscribeTimelines, TimelinePage};

/// After so long without an event it is asked once whether one was lost.
const QUIET: Duration = Duration::from_secs(10);

/// Rows that are fetched at once; fewer when that takes too long.
const PAGE: u64 = 500;

/// The stream of one agent. It belongs to no connection: the functions that need one take it.
pub(super) struct Live {
    doing: Doing,
    agent_id: String,
    events: Option<Events>,
    shown: Shown,
    /// Whether there may be recorded items after what is known that the stream did not bring.
    behind: bool,
    /// Fetched, and not yet given out.
    fetched: VecDeque<AgentStream>,
    /// When to ask, unless something comes before.
    ask_at: Option<Instant>,
    page: u64,
}

impl Live {
    /// Goes on where something else ended; needs a subscription.
    pub(super) fn after(shown: Shown, agent_id: &str, doing: Doing) -> Self {
        Self {
            doing,
            agent_id: agent_id.to_owned(),
            events: None,
            shown,
            behind: true,
            fetched: VecDeque::new(),
            ask_at: None,
            page: PAGE,
        }
    }

    /// Subscribes on a new connection, and catches up. Returns what the agent waits for at that time.
    pub(super) async fn subscribe(
        &mut self,
        daemon: &DaemonClient,
    ) -> Result<Vec<PermissionRequest>, CommandError> {
        if self.events.replace(daemon.events()).is_some() {
            // Perhaps it was too much for that connection.
            self.page = (self.page / 2).max(1);
        }
        let agent_ids = vec![self.agent_id.clone()];
        match daemon.call(&SubscribeTimelines { agent_ids }).await {
            // An older daemon sends the streams of all agents anyway.
            Err(CallError::Refused(error)) if error.code.as_deref() == Some("unknown_schema") => {}
            other => drop(other.map_err(|error| self.doing.error(error))?),
        }
        let agent = self.catch_up(daemon).await?.agent;
        let pending = agent.map(|agent| agent.pending_permissions);
        Ok(pending.unwrap_or_default())
    }

    /// Waits for what happens next. Cancelling it loses nothing.
    pub(super) async fn next(
        &mut self,
        daemon: &DaemonClient,
    ) -> Result<AgentStream, CommandError> {
        loop {
            if let Some(fetched) = self.fetched.pop_front() {
                return Ok(fetched);
            }
            if self.behind {
                self.catch_up(daemon).await?;
                continue;
            }
            let quiet = self.ask_at;
            let stream = tokio::select! {
                stream = self.receive() => stream?,
                () = at(quiet) => {
                    self.behind = true;
                    continue;
                }
            };
            self.ask_at = Some(Instant::now() + QUIET);
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
            let event = match &mut self.events {
                Some(events) => events.recv().await,
                None => None,
            };
            let Some(event) = event else {
                return Err(lifeline::ended().hint("the agent goes on: attach again"));
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
        let (Some(epoch), Some(seq), StreamEvent::Timeline { item, .. }) =
            (&stream.epoch, stream.seq, &stream.event)
        else {
            return Place::None;
        };
        match &self.shown.cursor {
            Some(known) if known.epoch == *epoch && seq <= known.seq => return Place::Known,
            Some(known) if known.epoch == *epoch && seq > known.seq + 1 => return Place::Hole,
            // In a new epoch the history was loaded and numbered afresh: it was shown already.
            _ => {}
        }
        self.shown.saw(epoch, seq, &stream.timestamp, item);
        Place::Next
    }

    /// Fetches a page of what was recorded since the known place.
    async fn catch_up(&mut self, daemon: &DaemonClient) -> Result<TimelinePage, CommandError> {
        let (agent_id, doing) = (&self.agent_id, self.doing);
        let after = self.shown.cursor.clone();
        let mut page = timeline::recorded_after(daemon, agent_id, after, self.page, doing).await?;
        let known = match &self.shown.cursor {
            Some(known) if page.reset && known.epoch != page.epoch => {
                return self.replaced(daemon, page).await;
            }
            known => known.as_ref().map_or(0, |known| known.seq),
        };
        for entry in std::mem::take(&mut page.entries) {
            if entry.seq_end > known && !self.shown.was_ahead(&entry) {
                let shown = &mut self.shown;
                shown.saw(&page.epoch, entry.seq_end, &entry.timestamp, &entry.item);
                let stream = timeline::as_stream(entry, &self.agent_id, &page.epoch);
                self.fetched.push_back(stream);
            }
        }
        let end = page.end_cursor.clone().filter(|end| end.seq > known);
        self.behind = page.has_newer && end.is_some();
        if end.is_some() {
            self.shown.cursor = end;
        }
        self.ask_at = None;
        Ok(page)
    }

    /// The daemon numbers the timeline afresh, because it was started again or the agent was loaded again. Goes
    /// on behind the last item when it has its old number; else what happened meanwhile cannot be told from what was
    /// shown.
    async fn replaced(
        &mut self,
        daemon: &DaemonClient,
        page: TimelinePage,
    ) -> Result<TimelinePage, CommandError> {
        let (agent_id, doing) = (&self.agent_id, self.doing);
        let resumed = self
            .shown
            .find(daemon, agent_id, &page.epoch, doing)
            .await?;
        self.behind = resumed.is_some();
        if resumed.is_none() && page.window.max_seq > 0 {
            output::note(
                "the daemon has loaded the timeline afresh; what happened meanwhile may be missing: see paseo logs",
            );
        }
        self.shown.cursor = resumed.or(page.end_cursor.clone());
        Ok(page)
    }
}

/// Waits until then, or for ever.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
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
