//! What happens to agents that are there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::create::chosen_mode;
use super::{Agent, AgentError, Agents, Attention, PARENT_LABEL};
use crate::daemon::clock::now;
use crate::daemon::core::Core;
use crate::daemon::store::Kept;
use crate::daemon::timeline::Timeline;
use crate::protocol::agents::{AgentSnapshot, Feature};
use crate::protocol::lifecycle::{WaitStatus, Waited};
use crate::protocol::timeline::TimelineItem;

/// Error of an agent whose daemon was killed during a turn.
const KILLED: &str = "The daemon ended during this turn.";

impl Core {
    /// Archives an agent; a running turn is stopped first. Returns when.
    pub(in crate::daemon) async fn archive(&self, id: &str) -> Result<String, AgentError> {
        self.stop_turn(id).await?;
        let archived = self.change(id, |agent| {
            agent.record.attention = None;
            Ok(agent.record.archived_at.get_or_insert_with(now).clone())
        });
        let at = archived.await?;
        // A message that came meanwhile has brought it back.
        if let Ok(agent) = self.agents().get_mut(id)
            && agent.turn.is_none()
        {
            agent.live = None;
        }
        self.end_schedules(id);
        Ok(at)
    }

    /// Forgets an agent; unknown ones are no error.
    pub(in crate::daemon) async fn delete(&self, id: &str) -> Result<(), AgentError> {
        if self.stop_turn(id).await.is_err() {
            return Ok(());
        }
        let _alone = self.store.alone(Kept::Agent(id)).await;
        let Some(agent) = self.agents().0.remove(id) else {
            return Ok(());
        };
        self.store.remove(Kept::Agent(id));
        self.store.without_rows(id);
        if let Err(error) = self.store.saved(&[Kept::Agent(id)]).await {
            self.save(&agent);
            self.agents().0.insert(id.to_owned(), agent);
            return Err(error.into());
        }
        drop(agent);
        self.store.remove_rows(id);
        self.hub.agent_removed(id);
        self.end_schedules(id);
        Ok(())
    }

    /// Changes title and labels.
    pub(in crate::daemon) async fn update(
        &self,
        id: &str,
        title: Option<String>,
        labels: Option<BTreeMap<String, String>>,
    ) -> Result<(), AgentError> {
        let title = title.filter(|title| !title.trim().is_empty());
        if title.is_none() && labels.as_ref().is_none_or(BTreeMap::is_empty) {
            return Err(AgentError::Invalid(
                "neither a name nor labels to change".to_owned(),
            ));
        }
        self.change(id, |agent| {
            if title.is_some() {
                agent.record.title = title;
                agent.record.made_title = false;
            }
            agent.record.labels.extend(labels.unwrap_or_default());
            Ok(())
        })
        .await
    }

    /// Changes the mode.
    pub(in crate::daemon) async fn set_mode(&self, id: &str, mode: &str) -> Result<(), AgentError> {
        self.change(id, |agent| {
            if !agent.record.modes.iter().any(|known| known.id == mode) {
                let provider = self.provider(&agent.record.provider)?;
                chosen_mode(&provider.describe(), Some(mode))?;
            }
            agent.record.mode = Some(mode.to_owned());
            agent.record.chosen_mut().mode = Some(mode.to_owned());
            Ok(())
        })
        .await
    }

    /// Changes the thinking option.
    pub(in crate::daemon) async fn set_thinking(
        &self,
        id: &str,
        option: Option<String>,
    ) -> Result<(), AgentError> {
        self.change(id, |agent| {
            agent.record.chosen_mut().thinking.clone_from(&option);
            agent.record.thinking = option;
            Ok(())
        })
        .await
    }

    /// Changes an option of the agent's own, which its session must have told.
    pub(in crate::daemon) async fn set_feature(
        &self,
        id: &str,
        feature: &str,
        value: serde_json::Value,
    ) -> Result<(), AgentError> {
        self.change(id, |agent| {
            let mut known = agent.record.features.iter_mut();
            let Some(found) = known.find(|known| known.id() == feature) else {
                let known = agent.record.features.iter().map(Feature::id);
                let known: Vec<_> = known.collect();
                let known = match known.is_empty() {
                    true => "none; a session tells them in its first turn".to_owned(),
                    false => known.join(", "),
                };
                let error = format!("the agent has no feature '{feature}', but: {known}");
                return Err(AgentError::Invalid(error));
            };
            if !found.takes(&value) {
                let choices = found.choices().join(", ");
                let error = format!("the feature '{feature}' takes one of: {choices}");
                return Err(AgentError::Invalid(error));
            }
            found.set(value.clone());
            let chosen = agent.record.chosen_mut();
            chosen.features.insert(feature.to_owned(), value);
            Ok(())
        })
        .await
    }

    /// Loads an agent afresh, with a new timeline epoch. Returns the number of its rows.
    pub(in crate::daemon) async fn refresh(&self, id: &str) -> Result<u64, AgentError> {
        self.stop_turn(id).await?;
        let back = self.change(id, |agent| {
            agent.record.archived_at = None;
            Ok(())
        });
        back.await?;
        let mut agents = self.agents();
        let agent = agents.get_mut(id)?;
        // A message that came meanwhile has loaded it.
        if agent.turn.is_none() {
            agent.live = None;
            agent.rows = None;
        }
        self.load(agent)?;
        self.tell(agent);
        let rows = agent.timeline(&self.store).map_or(0, |rows| rows.len());
        Ok(rows as u64)
    }

    /// Makes a child an agent of its own. One that is no child stays as it is.
    pub(in crate::daemon) async fn detach(&self, id: &str) -> Result<(), AgentError> {
        self.change(id, |agent| {
            agent.record.labels.remove(PARENT_LABEL);
            Ok(())
        })
        .await
    }

    /// Nobody need look any more. Unknown ids are left out.
    pub(in crate::daemon) async fn clear_attention(
        &self,
        ids: &[String],
    ) -> Result<Vec<AgentSnapshot>, AgentError> {
        let mut cleared = Vec::new();
        for id in ids {
            let wanted = match self.agents().get(id) {
                Ok(agent) => agent.record.attention.is_some(),
                Err(_) => continue,
            };
            if wanted {
                let clear = |agent: &mut Agent| {
                    agent.record.attention = None;
                    Ok(())
                };
                self.change(id, clear).await?;
            }
            cleared.extend(self.agents().get(id).map(Agent::snapshot));
        }
        Ok(cleared)
    }

    /// Waits until an agent is not running, or asks something, or the time is over.
    pub(in crate::daemon) async fn wait(
        self: &Arc<Self>,
        name: &str,
        limit: Option<Duration>,
    ) -> Waited {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let failed = |error: &AgentError| Waited {
            status: WaitStatus::Error,
            agent: None,
            error: Some(error.to_string()),
            last_message: None,
        };
        let id = match self.agents().resolve(name) {
            Ok(id) => id,
            Err(error) => return failed(&error),
        };
        loop {
            let mut changed = {
                let mut agents = self.agents();
                match self.waited(&mut agents, &id) {
                    Ok((Some(waited), _)) => return waited,
                    Ok((None, changed)) => changed,
                    Err(error) => return failed(&error),
                }
            };
            // Its inner error means that the agent is gone, which the next look finds.
            let over = match deadline {
                Some(deadline) => timeout_at(deadline, changed.changed()).await.is_err(),
                None => {
                    let _ = changed.changed().await;
                    false
                }
            };
            if over {
                let mut agents = self.agents();
                return match agents.get_mut(&id) {
                    Ok(agent) => self.outcome(agent, WaitStatus::Timeout),
                    Err(error) => failed(&error),
                };
            }
        }
    }

    #[allow(clippy::type_complexity, reason = "used in one place, right above")]
    fn waited(
        &self,
        agents: &mut Agents,
        id: &str,
    ) -> Result<(Option<Waited>, tokio::sync::watch::Receiver<()>), AgentError> {
        let agent = agents.get_mut(id)?;
        let status = match agent {
            Agent { asked, .. } if !asked.is_empty() => Some(WaitStatus::Permission),
            Agent { turn: Some(_), .. } => None,
            Agent { record, .. } if record.last_error.is_some() => Some(WaitStatus::Error),
            _ => Some(WaitStatus::Idle),
        };
        let changed = agent.changed.subscribe();
        Ok((status.map(|status| self.outcome(agent, status)), changed))
    }

    fn outcome(&self, agent: &mut Agent, status: WaitStatus) -> Waited {
        let last = agent.timeline(&self.store).map(|rows| rows.last_message());
        Waited {
            status,
            error: (status == WaitStatus::Error)
                .then(|| agent.record.last_error.clone())
                .flatten(),
            agent: Some(agent.snapshot()),
            last_message: last.ok().flatten(),
        }
    }

    /// Completes the records of an earlier version, and says of every agent that was in a turn when an earlier process
    /// ended that the turn is over.
    pub(in crate::daemon) fn recover(&self) {
        let mut agents = self.agents();
        for agent in agents.0.values_mut() {
            if let Ok(provider) = self.provider(&agent.record.provider) {
                agent.record.complete(&provider.describe());
            }
        }
        for agent in agents.0.values_mut().filter(|agent| agent.record.in_turn) {
            let turn = agent
                .timeline(&self.store)
                .ok()
                .and_then(|rows: &mut Timeline| rows.last()?.turn_id.clone());
            if let Some(turn) = turn {
                self.cancel_tools(agent, &turn);
            }
            let item = TimelineItem::AssistantMessage {
                text: format!("[System Error] {KILLED}"),
                message_id: None,
            };
            self.try_record(agent, None, &item);
            agent.record.in_turn = false;
            agent.record.last_error = Some(KILLED.to_owned());
            agent.record.attention = Some(Attention {
                reason: "error".to_owned(),
                since: now(),
            });
            self.touch(agent);
        }
    }

    /// Stops all turns and waits for their ends.
    pub(in crate::daemon) async fn stop_all(&self) {
        let running: Vec<String> = {
            let agents = self.agents();
            let running = agents.iter().filter(|agent| agent.turn.is_some());
            running.map(|agent| agent.record.id.clone()).collect()
        };
        for id in &running {
            if let Ok(agent) = self.agents().get(id)
                && let Some(turn) = &agent.turn
            {
                turn.stop.send_replace(true);
            }
        }
        for id in running {
            // It may have been deleted meanwhile.
            let _ = self.stop_turn(&id).await;
        }
    }
}
