//! Turns: from a prompt to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::attention::shorten;
use super::{Agent, AgentError, Live, Turn};
use crate::daemon::clock::now;
use crate::daemon::core::Core;
use crate::daemon::providers::{Feed, Outcome, Prompt, Report, SessionSpec};
use crate::daemon::store::Kept;
use crate::protocol::timeline::{StreamEvent, TimelineItem};

/// How long a stopped turn may take before it is dropped.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// How long an agent waits until its items can be stored again; then its turn has failed.
const ROOM_PATIENCE: Duration = Duration::from_secs(30);
/// How often that is tried.
const ROOM_LOOK: Duration = Duration::from_secs(1);
/// Characters of an error that are kept: a record must fit its file.
const ERROR_CHARS: usize = 16 * 1024;
/// Characters of a title that is taken from the prompt.
const TITLE_CHARS: usize = 60;

impl Core {
    /// Starts a turn; one that runs is stopped first. Loads and unarchives the agent.
    pub(in crate::daemon) async fn prompt(
        self: &Arc<Self>,
        id: &str,
        prompt: Prompt,
        message_id: Option<String>,
    ) -> Result<(), AgentError> {
        loop {
            self.stop_turn(id).await?;
            if self.begin(id, &prompt, message_id.clone()).await? {
                return Ok(());
            }
        }
    }

    /// Stops the turn that runs, if any, and waits until it is over. Returns whether there was one.
    pub(in crate::daemon) async fn stop_turn(&self, id: &str) -> Result<bool, AgentError> {
        let mut changed = {
            let agents = self.agents();
            let agent = agents.get(id)?;
            let Some(turn) = &agent.turn else {
                return Ok(false);
            };
            turn.stop.send_replace(true);
            agent.changed.subscribe()
        };
        while self.agents().get(id).is_ok_and(|a| a.turn.is_some()) {
            if changed.changed().await.is_err() {
                break;
            }
        }
        Ok(true)
    }

    /// Starts a turn unless one runs; returns whether it did. The agent gets the prompt once the turn is on
    /// the disk; else it has none, and nothing has changed.
    async fn begin(
        self: &Arc<Self>,
        id: &str,
        prompt: &Prompt,
        message_id: Option<String>,
    ) -> Result<bool, AgentError> {
        let turn_id = uuid::Uuid::new_v4().to_string();
        let stop = watch::Sender::new(false);
        let item = TimelineItem::UserMessage {
            text: prompt.text.clone(),
            client_message_id: message_id.clone(),
            message_id: message_id.or_else(|| Some(uuid::Uuid::new_v4().to_string())),
        };
        let alone = self.store.alone(Kept::Agent(id)).await;
        let (session, feed, reports, shown, before, after) = {
            let mut agents = self.agents();
            let agent = agents.get_mut(id)?;
            if agent.turn.is_some() {
                return Ok(false);
            }
            self.load(agent)?;
            let at = now();
            let shown = self.keep_item(agent, Some(&turn_id), &item)?;
            let live = agent.live.as_ref().expect("it was loaded just now");
            let (feed, reports) = Feed::new(stop.subscribe(), live.settings.subscribe());
            let session = Arc::clone(&live.session);
            agent.turn = Some(Turn {
                id: turn_id.clone(),
                started_at: at.clone(),
                stop: stop.clone(),
            });
            let record = &mut agent.record;
            let before = record.clone();
            if record.title.is_none() {
                record.title = Some(title(&prompt.text));
                record.made_title = true;
            }
            record.archived_at = None;
            record.last_error = None;
            record.attention = None;
            record.in_turn = true;
            record.last_user_message_at = Some(at);
            self.keep(agent);
            let after = agent.record.clone();
            (session, feed, reports, shown, before, after)
        };
        let kept = self.store.saved(&[Kept::Agent(id)]).await;
        let mut agents = self.agents();
        let agent = agents.get_mut(id)?;
        if let Err(error) = kept {
            agent.turn = None;
            agent.changed.send_replace(());
            agent.take_back_item(&shown);
            agent.record.take_back(before, &after);
            self.save(agent);
            return Err(error.into());
        }
        drop(alone);
        let provider = agent.record.provider.clone();
        if let Some(session_id) = agent.record.session_id.clone() {
            let provider = provider.clone();
            let event = StreamEvent::ThreadStarted {
                session_id,
                provider,
            };
            self.stream(id, event);
        }
        let event = StreamEvent::TurnStarted {
            provider,
            turn_id: Some(turn_id.clone()),
        };
        self.stream(id, event);
        self.hub.stream(&shown.event);
        self.tell(agent);
        let core = Arc::clone(self);
        let (id, prompt) = (id.to_owned(), prompt.clone());
        self.spawn(async move {
            let outcome = {
                let mut session = session.lock().await;
                let work = session.turn(prompt, feed);
                core.follow(&id, Some(&turn_id), work, reports, stop.subscribe())
                    .await
            };
            core.finish(&id, &turn_id, outcome).await;
        });
        Ok(true)
    }

    /// Makes an agent ready to run.
    pub(super) fn load(&self, agent: &mut Agent) -> Result<(), AgentError> {
        let record = &mut agent.record;
        let provider = self.provider(&record.provider)?;
        if agent.live.is_some() {
            return Ok(());
        }
        let session = provider.session(SessionSpec {
            agent_id: record.id.clone(),
            cwd: record.cwd.clone().into(),
            env: record.env.clone(),
            mcp_servers: record.mcp_servers.clone(),
            session_id: record.session_id.clone(),
        });
        if record.modes.is_empty() {
            record.modes = provider.describe().modes.clone();
        }
        agent.live = Some(Live {
            session: Arc::new(tokio::sync::Mutex::new(session)),
            settings: watch::Sender::new(record.settings()),
        });
        Ok(())
    }

    /// Passes reports on until the turn is over.
    pub(super) async fn follow(
        &self,
        id: &str,
        turn_id: Option<&str>,
        work: impl Future<Output = Outcome>,
        mut reports: mpsc::Receiver<Report>,
        mut stop: watch::Receiver<bool>,
    ) -> Outcome {
        tokio::pin!(work);
        let mut stopped = stop.clone();
        let overdue = async {
            // An error means that the turn is gone, and then nothing is overdue.
            if stop.wait_for(|stop| *stop).await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::pin!(overdue);
        loop {
            let (report, ended) = tokio::select! {
                biased;
                Some(report) = reports.recv() => (Some(report), None),
                outcome = &mut work => (None, Some(outcome)),
                () = &mut overdue => return Outcome::Canceled,
            };
            let mut report = report.or_else(|| reports.try_recv().ok());
            while let Some(next) = report {
                // Meanwhile the agent waits, as it does for a slow reader.
                if let Err(outcome) = self.patiently(id, turn_id, next, &mut stopped).await {
                    return outcome;
                }
                report = ended.as_ref().and_then(|_| reports.try_recv().ok());
            }
            if let Some(outcome) = ended {
                return outcome;
            }
        }
    }

    /// Takes a report. An item that cannot be stored is tried again for a while; then the turn is over.
    async fn patiently(
        &self,
        id: &str,
        turn_id: Option<&str>,
        report: Report,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), Outcome> {
        let Report::Item(item) = report else {
            self.report(id, report);
            return Ok(());
        };
        let deadline = Instant::now() + ROOM_PATIENCE;
        let outcome = loop {
            let recorded = match self.agents().get_mut(id) {
                Ok(agent) => self.record_item(agent, turn_id, &item),
                Err(_) => Ok(()),
            };
            let Err(error) = recorded else {
                break Ok(());
            };
            self.store.stalled(id, Some(error.clone()));
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break Err(Outcome::Canceled),
                () = tokio::time::sleep(ROOM_LOOK) => {}
            }
            if turn_id.is_none() || Instant::now() >= deadline {
                break Err(Outcome::Failed {
                    error: error.to_string(),
                    code: Some("storage_failed".to_owned()),
                });
            }
        };
        self.store.stalled(id, None);
        outcome
    }

    fn report(&self, id: &str, report: Report) {
        let mut agents = self.agents();
        let Ok(agent) = agents.get_mut(id) else {
            return;
        };
        match report {
            // Items are waited for.
            Report::Item(_) => {}
            Report::Ask(request, answer) => self.asked(agent, *request, answer),
            Report::Session(session_id) => {
                agent.record.session_id = Some(session_id.clone());
                let provider = agent.record.provider.clone();
                let event = StreamEvent::ThreadStarted {
                    session_id,
                    provider,
                };
                self.stream(id, event);
                self.touch(agent);
            }
            // What a person calls it stays.
            Report::Title(text) if agent.record.made_title => {
                agent.record.title = Some(title(&text));
                self.touch(agent);
            }
            Report::Title(_) => {}
            Report::Settings {
                modes,
                features,
                in_force,
            } => {
                agent.record.modes = modes;
                agent.record.features = features;
                agent.record.told(in_force);
                agent.in_force();
                self.touch(agent);
            }
        }
    }

    async fn finish(self: &Arc<Self>, id: &str, turn_id: &str, outcome: Outcome) {
        let archive = {
            let mut agents = self.agents();
            let Ok(agent) = agents.get_mut(id) else {
                return;
            };
            let provider = agent.record.provider.clone();
            let turn = Some(turn_id.to_owned());
            let canceled = outcome == Outcome::Canceled;
            // What a turn has left open is over with it.
            self.cancel_tools(agent, turn_id);
            let (event, reason) = match outcome {
                Outcome::Completed { usage } => {
                    agent.record.last_usage = usage.clone().or(agent.record.last_usage.take());
                    let event = StreamEvent::TurnCompleted {
                        provider,
                        turn_id: turn,
                        usage,
                    };
                    (event, "finished")
                }
                Outcome::Canceled => {
                    let event = StreamEvent::TurnCanceled {
                        provider,
                        turn_id: turn,
                        reason: "Interrupted".to_owned(),
                    };
                    (event, "finished")
                }
                Outcome::Failed { error, code } => {
                    let text = format!("[System Error] {error}");
                    let item = TimelineItem::AssistantMessage {
                        text,
                        message_id: None,
                    };
                    self.try_record(agent, None, &item);
                    agent.record.last_error = Some(shorten(&error, ERROR_CHARS));
                    let event = StreamEvent::TurnFailed {
                        provider,
                        turn_id: turn,
                        error,
                        code,
                        diagnostic: None,
                    };
                    (event, "error")
                }
            };
            agent.turn = None;
            agent.asked.clear();
            agent.canceled = canceled;
            agent.record.in_turn = false;
            self.stream(id, event);
            self.attention(agent, reason);
            self.touch(agent);
            agent.record.auto_archive
        };
        if archive && let Err(error) = self.archive(id).await {
            tracing::warn!(%error, "an agent could not be archived after its turn");
        }
    }
}

/// A title out of a prompt: its first line with words, not too long.
pub(super) fn title(prompt: &str) -> String {
    let line = prompt.lines().map(str::trim).find(|line| !line.is_empty());
    shorten(line.unwrap_or("Untitled"), TITLE_CHARS)
}
