//! Agents out of sessions that a provider already has.

use std::sync::Arc;

use tokio::sync::{oneshot, watch};

use super::turn::title;
use super::{Agent, AgentError};
use crate::daemon::core::Core;
use crate::daemon::providers::{Feed, Outcome};
use crate::protocol::agents::AgentSnapshot;
use crate::protocol::lifecycle::{AgentConfig, CreateAgent, ImportAgent};
use crate::protocol::timeline::TimelineItem;

impl Core {
    /// Makes an agent that goes on with a session of its provider. Returns it and the number of rows
    /// of its history. A session that an agent has already gives that agent.
    pub(in crate::daemon) async fn import(
        self: &Arc<Self>,
        request: ImportAgent,
    ) -> Result<(AgentSnapshot, u64), AgentError> {
        let provider = request.provider_id.or(request.provider).unwrap_or_default();
        let session = request.provider_handle_id.or(request.session_id);
        let session = session
            .filter(|id| !id.trim().is_empty())
            .ok_or_else(|| AgentError::Invalid("which session? its id is missing".to_owned()))?;
        self.provider(&provider)?;
        if let Some(id) = self.agent_of(&provider, &session) {
            return self.imported(&id);
        }
        let wanted = CreateAgent {
            config: AgentConfig {
                provider,
                cwd: request.cwd.unwrap_or_default(),
                ..AgentConfig::default()
            },
            workspace_id: request.workspace_id,
            labels: request.labels.unwrap_or_default(),
            ..CreateAgent::default()
        };
        let agent = self.new_agent(&wanted).await?;
        let id = self.add(agent, Some(session)).await?;
        // It goes on when the client goes.
        let (done, outcome) = oneshot::channel();
        let core = Arc::clone(self);
        let agent = id.clone();
        self.spawn(async move {
            let result = core.read_history(&agent).await;
            if result.is_err() {
                core.give_up(&agent).await;
            }
            let _ = done.send(result);
        });
        let ended = AgentError::Invalid("the daemon ended".to_owned());
        outcome.await.unwrap_or(Err(ended))?;
        self.imported(&id)
    }

    /// Whether an agent goes on with this session of a provider.
    pub(in crate::daemon) fn has_session(&self, provider: &str, session: &str) -> bool {
        self.agent_of(provider, session).is_some()
    }

    fn agent_of(&self, provider: &str, session: &str) -> Option<String> {
        let agents = self.agents();
        let mut records = agents.iter().map(|agent| &agent.record);
        records
            .find(|r| r.provider == provider && r.session_id.as_deref() == Some(session))
            .map(|record| record.id.clone())
    }

    fn imported(&self, id: &str) -> Result<(AgentSnapshot, u64), AgentError> {
        let mut agents = self.agents();
        let agent = agents.get_mut(id)?;
        let rows = agent.timeline(&self.store).map_or(0, |rows| rows.len());
        Ok((agent.snapshot(), rows as u64))
    }

    async fn read_history(&self, id: &str) -> Result<(), AgentError> {
        let stop = watch::Sender::new(false);
        let (session, feed, reports) = {
            let mut agents = self.agents();
            let agent = agents.get_mut(id)?;
            self.load(agent)?;
            let live = agent.live.as_ref().expect("it was loaded just now");
            let (feed, reports) = Feed::new(stop.subscribe(), live.settings.subscribe());
            (Arc::clone(&live.session), feed, reports)
        };
        let outcome = {
            let mut session = session.lock().await;
            let work = session.import(feed);
            self.follow(id, None, work, reports, stop.subscribe()).await
        };
        if let Outcome::Failed { error, .. } = outcome {
            return Err(AgentError::Invalid(error));
        }
        self.change(id, |agent| {
            if agent.record.title.is_none() {
                agent.record.title = self.first_words(agent);
                agent.record.made_title = true;
            }
            Ok(())
        })
        .await
    }

    fn first_words(&self, agent: &mut Agent) -> Option<String> {
        let timeline = agent.timeline(&self.store).ok()?;
        timeline.items().find_map(|item| match item {
            TimelineItem::UserMessage { text, .. } => Some(title(text)),
            _ => None,
        })
    }
}
