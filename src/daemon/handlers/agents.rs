//! Agents.

use std::time::Duration;

use crate::daemon::agents::{AgentError, DirectoryError};
use crate::daemon::dispatch::{Call, Refusal, Serve};
use crate::daemon::providers::Prompt;
use crate::protocol::agents::{AgentPage, FetchAgents};
use crate::protocol::lifecycle::{
    AgentChanged, AgentStarted, ArchiveAgent, ArchivedAgent, CancelAgent, CanceledAgent,
    ClearAttention, ClearedAttention, CreateAgent, DeleteAgent, DeletedAgent, DetachAgent,
    FetchAgent, FetchedAgent, ImportAgent, OneOrMany, RefreshAgent, RefreshedAgent, SendMessage,
    SetFeature, SetMode, SetThinking, UpdateAgent, WaitForFinish, Waited,
};
use crate::protocol::session::{Ping, Pong};

impl Serve for Ping {
    async fn serve(self, _: &Call) -> Result<Pong, Refusal> {
        let now = crate::daemon::clock::millis();
        Ok(Pong {
            client_sent_at: self.client_sent_at,
            server_received_at: now,
            server_sent_at: now,
        })
    }
}

impl Serve for FetchAgents {
    async fn serve(self, call: &Call) -> Result<AgentPage, Refusal> {
        let mut page = call.core.agent_page(&self).map_err(|error| match error {
            DirectoryError::Schema => Refusal::Schema,
            DirectoryError::Cursor => Refusal::Coded("invalid_cursor", error.to_string()),
        })?;
        if let Some(subscribe) = self.subscribe {
            call.core.hub.watch_agents(&call.socket.client_id);
            page.subscription_id = Some(named(subscribe.subscription_id));
        }
        Ok(page)
    }
}

/// The id of a subscription.
pub(super) fn named(id: Option<String>) -> String {
    id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string())
}

impl Serve for FetchAgent {
    async fn serve(self, call: &Call) -> Result<FetchedAgent, Refusal> {
        let agents = call.core.agents();
        let found = agents
            .resolve(&self.agent_id)
            .and_then(|id| agents.get(&id));
        Ok(match found {
            Ok(agent) => FetchedAgent {
                agent: Some(agent.snapshot()),
                project: Some(call.core.placement(agent)),
                error: None,
            },
            Err(error) => FetchedAgent {
                agent: None,
                project: None,
                error: Some(error.to_string()),
            },
        })
    }
}

impl Serve for CreateAgent {
    async fn serve(self, call: &Call) -> Result<AgentStarted, Refusal> {
        Ok(match call.core.create(self).await {
            Ok(agent) => AgentStarted::AgentCreated {
                agent_id: agent.id.clone(),
                agent: Box::new(agent),
            },
            Err(AgentError::Store(error)) => return Err(error.into()),
            Err(error) => {
                let error = error.to_string();
                call.log(&format!("Failed to create agent: {error}"));
                AgentStarted::AgentCreateFailed {
                    error,
                    error_code: Some("unknown".to_owned()),
                }
            }
        })
    }
}

impl Serve for ImportAgent {
    async fn serve(self, call: &Call) -> Result<AgentStarted, Refusal> {
        Ok(match call.core.import(self).await {
            Ok((agent, rows)) => AgentStarted::AgentResumed {
                agent_id: agent.id.clone(),
                timeline_size: Some(rows),
                agent: Box::new(agent),
            },
            Err(AgentError::Store(error)) => return Err(error.into()),
            Err(error) => {
                let error = error.to_string();
                call.log(&format!("Failed to import agent: {error}"));
                AgentStarted::AgentCreateFailed {
                    error,
                    error_code: None,
                }
            }
        })
    }
}

impl Serve for WaitForFinish {
    async fn serve(self, call: &Call) -> Result<Waited, Refusal> {
        let limit = self.timeout_ms.map(Duration::from_millis);
        Ok(call.core.wait(&self.agent_id, limit).await)
    }
}

impl Serve for SendMessage {
    async fn serve(self, call: &Call) -> Result<AgentChanged, Refusal> {
        let resolved = call.core.agents().resolve(&self.agent_id);
        let id = match resolved {
            Ok(id) => id,
            Err(error) => return changed(call, "send message", self.agent_id, Err(error)),
        };
        let prompt = Prompt {
            text: self.text,
            images: self.images.unwrap_or_default(),
        };
        let sent = call.core.prompt(&id, prompt, self.message_id).await;
        changed(call, "send message", id, sent)
    }
}

impl Serve for CancelAgent {
    async fn serve(self, call: &Call) -> Result<CanceledAgent, Refusal> {
        let stopped = call.core.stop_turn(&self.agent_id).await;
        let agents = call.core.agents();
        let agent = stopped.and_then(|_| agents.get(&self.agent_id));
        Ok(CanceledAgent {
            agent: agent.as_ref().ok().map(|agent| agent.snapshot()),
            error: agent
                .err()
                .map(|_| format!("Agent {} not found", self.agent_id)),
            agent_id: self.agent_id,
        })
    }
}

impl Serve for ArchiveAgent {
    async fn serve(self, call: &Call) -> Result<ArchivedAgent, Refusal> {
        let archived_at = call.core.archive(&self.agent_id).await?;
        Ok(ArchivedAgent {
            agent_id: self.agent_id,
            archived_at,
        })
    }
}

impl Serve for DeleteAgent {
    async fn serve(self, call: &Call) -> Result<DeletedAgent, Refusal> {
        call.core.delete(&self.agent_id).await?;
        Ok(DeletedAgent {
            agent_id: self.agent_id,
        })
    }
}

impl Serve for UpdateAgent {
    async fn serve(self, call: &Call) -> Result<AgentChanged, Refusal> {
        let done = call.core.update(&self.agent_id, self.name, self.labels);
        let done = done.await;
        changed(call, "update agent", self.agent_id, done)
    }
}

impl Serve for SetMode {
    async fn serve(self, call: &Call) -> Result<AgentChanged, Refusal> {
        let done = call.core.set_mode(&self.agent_id, &self.mode_id).await;
        changed(call, "set agent mode", self.agent_id, done)
    }
}

impl Serve for SetThinking {
    async fn serve(self, call: &Call) -> Result<AgentChanged, Refusal> {
        let done = call
            .core
            .set_thinking(&self.agent_id, self.thinking_option_id);
        let done = done.await;
        changed(call, "set agent thinking option", self.agent_id, done)
    }
}

impl Serve for SetFeature {
    async fn serve(self, call: &Call) -> Result<AgentChanged, Refusal> {
        let done = call
            .core
            .set_feature(&self.agent_id, &self.feature_id, self.value);
        let done = done.await;
        changed(call, "set agent feature", self.agent_id, done)
    }
}

impl Serve for DetachAgent {
    async fn serve(self, call: &Call) -> Result<AgentChanged, Refusal> {
        let done = call.core.detach(&self.agent_id).await;
        changed(call, "detach agent", self.agent_id, done)
    }
}

impl Serve for RefreshAgent {
    async fn serve(self, call: &Call) -> Result<RefreshedAgent, Refusal> {
        match call.core.refresh(&self.agent_id).await {
            Ok(rows) => Ok(RefreshedAgent {
                agent_id: self.agent_id,
                timeline_size: Some(rows),
            }),
            Err(AgentError::Store(error)) => Err(error.into()),
            Err(error) => Err(Refusal::Coded("agent_refresh_failed", error.to_string())),
        }
    }
}

impl Serve for ClearAttention {
    async fn serve(self, call: &Call) -> Result<ClearedAttention, Refusal> {
        let ids = match &self.agent_id {
            OneOrMany::One(id) => std::slice::from_ref(id),
            OneOrMany::Many(ids) => ids,
        };
        let agents = call.core.clear_attention(ids).await?;
        Ok(ClearedAttention {
            agent_id: self.agent_id,
            agents,
        })
    }
}

fn changed(
    call: &Call,
    what: &str,
    agent_id: String,
    done: Result<(), AgentError>,
) -> Result<AgentChanged, Refusal> {
    let error = match done {
        Err(AgentError::Store(error)) => return Err(error.into()),
        done => done.err().map(|error| error.to_string()),
    };
    if let Some(error) = &error {
        call.log(&format!("Failed to {what}: {error}"));
    }
    Ok(AgentChanged {
        agent_id,
        accepted: error.is_none(),
        error,
        notice: None,
    })
}
