//! New agents.

use std::path::Path;
use std::sync::Arc;

use super::{Agent, AgentError, PARENT_LABEL, Record};
use crate::daemon::clock::now;
use crate::daemon::core::Core;
use crate::daemon::providers::{Description, Prompt, Settings};
use crate::daemon::store::Kept;
use crate::daemon::workspaces::WorkspaceError;
use crate::protocol::agents::AgentSnapshot;
use crate::protocol::lifecycle::{AgentConfig, CreateAgent};

/// Agents that one daemon keeps.
const MAX_AGENTS: usize = 10_000;

impl Core {
    /// Makes an agent and starts its first turn, if there is a prompt.
    pub(in crate::daemon) async fn create(
        self: &Arc<Self>,
        request: CreateAgent,
    ) -> Result<AgentSnapshot, AgentError> {
        let agent = self.new_agent(&request).await?;
        let id = self.add(agent, None).await?;
        let images = request.images.unwrap_or_default();
        let text = request.initial_prompt.unwrap_or_default();
        if !text.trim().is_empty() || !images.is_empty() {
            let prompt = Prompt { text, images };
            let sent = self.prompt(&id, prompt, request.client_message_id).await;
            if let Err(error) = sent {
                self.give_up(&id).await;
                return Err(error);
            }
        }
        self.agents().get(&id).map(Agent::snapshot)
    }

    /// Makes an agent out of a request; nobody sees it yet.
    pub(super) async fn new_agent(&self, request: &CreateAgent) -> Result<Agent, AgentError> {
        let config = &request.config;
        let provider = self.provider(&config.provider)?;
        let description = provider.describe();
        let model = chosen_model(&description, config.model.as_deref())?;
        let mode = chosen_mode(&description, config.mode_id.as_deref())?;
        let mut labels = request.labels.clone();
        let parent = match &request.caller_agent_id {
            Some(id) => Some(self.agents().get(id)?.record.clone()),
            None => None,
        };
        if let Some(parent) = &parent {
            labels.insert(PARENT_LABEL.to_owned(), parent.id.clone());
        }
        let wanted = request
            .workspace_id
            .clone()
            .or(parent.and_then(|parent| parent.workspace_id));
        let (workspace_id, cwd) = self.place(request, wanted).await?;
        let at = now();
        let named = Settings {
            mode: config.mode_id.clone(),
            model: config.model.clone(),
            thinking: config.thinking_option_id.clone(),
            features: config.features(),
        };
        let thinking = config.thinking_option_id.clone().or_else(|| {
            let model = description
                .models
                .iter()
                .find(|m| Some(&m.id) == model.as_ref())?;
            model.default_thinking_option_id.clone()
        });
        let mut record = Record {
            id: uuid::Uuid::new_v4().to_string(),
            provider: config.provider.clone(),
            cwd,
            workspace_id: Some(workspace_id),
            model,
            thinking,
            mode,
            chosen: description.own_defaults.then_some(named),
            features: Vec::new(),
            modes: description.modes.clone(),
            title: config
                .title
                .clone()
                .filter(|title| !title.trim().is_empty()),
            made_title: false,
            labels,
            env: request.env.clone().unwrap_or_default(),
            mcp_servers: config.mcp_servers.clone().unwrap_or_default(),
            created_at: at.clone(),
            updated_at: at,
            last_user_message_at: None,
            last_error: None,
            last_usage: None,
            attention: None,
            archived_at: None,
            session_id: None,
            auto_archive: request.auto_archive.unwrap_or(false),
            in_turn: false,
        };
        record.complete(&description);
        Ok(Agent::new(record))
    }

    /// Puts a new agent into the directory; `session` is the provider's, to go on with. Returns its id,
    /// once it is on the disk.
    pub(super) async fn add(
        &self,
        mut agent: Agent,
        session: Option<String>,
    ) -> Result<String, AgentError> {
        agent.record.session_id = session;
        self.load(&mut agent)?;
        let id = agent.record.id.clone();
        {
            let mut agents = self.agents();
            if agents.0.len() >= MAX_AGENTS {
                return Err(AgentError::Invalid(format!(
                    "this daemon keeps at most {MAX_AGENTS} agents"
                )));
            }
            self.keep(&mut agent);
            agents.0.insert(id.clone(), agent);
        }
        if let Err(error) = self.store.saved(&[Kept::Agent(&id)]).await {
            self.agents().0.remove(&id);
            self.store.remove(Kept::Agent(&id));
            return Err(error.into());
        }
        self.tell(self.agents().get(&id)?);
        Ok(id)
    }

    /// Forgets an agent whose start has failed, as far as the disk lets it.
    pub(super) async fn give_up(&self, id: &str) {
        if let Err(error) = self.delete(id).await {
            tracing::warn!(%error, "an agent that was not started could not be removed");
        }
    }

    /// Finds the workspace and the directory of a new agent; makes a workspace when none is named.
    async fn place(
        &self,
        request: &CreateAgent,
        wanted: Option<String>,
    ) -> Result<(String, String), AgentError> {
        let AgentConfig { cwd, .. } = &request.config;
        let cwd = &self.directory(cwd);
        let invalid = |error: WorkspaceError| AgentError::Invalid(error.to_string());
        let workspace = match wanted {
            Some(id) => self
                .workspaces()
                .get(&id)
                .ok_or_else(|| AgentError::Invalid(format!("Workspace not found: {id}")))?
                .clone(),
            None => {
                let opened = self.change_workspaces(|workspaces| workspaces.open(cwd));
                opened.await?.map_err(invalid)?
            }
        };
        let cwd = if cwd.is_empty() {
            workspace.directory.clone()
        } else {
            cwd.clone()
        };
        if !Path::new(&cwd).is_dir() {
            return Err(AgentError::Invalid(format!("Directory not found: {cwd}")));
        }
        Ok((workspace.id, cwd))
    }
}

fn chosen_model(provider: &Description, named: Option<&str>) -> Result<Option<String>, AgentError> {
    match named {
        Some(id) if provider.open_modes || provider.models.iter().any(|m| m.id == id) => {
            Ok(Some(id.to_owned()))
        }
        Some(id) => Err(AgentError::Invalid(format!(
            "'{}' has no model '{id}'",
            provider.id
        ))),
        None => Ok(provider.default_model().map(|model| model.id.clone())),
    }
}

/// Checks a mode that is named, else takes the default.
pub(super) fn chosen_mode(
    provider: &Description,
    named: Option<&str>,
) -> Result<Option<String>, AgentError> {
    match named {
        Some(id) if provider.open_modes || provider.modes.iter().any(|m| m.id == id) => {
            Ok(Some(id.to_owned()))
        }
        Some(id) => {
            let modes: Vec<_> = provider.modes.iter().map(|mode| mode.id.as_str()).collect();
            let modes = if modes.is_empty() {
                "none".to_owned()
            } else {
                modes.join(", ")
            };
            Err(AgentError::Invalid(format!(
                "'{}' has no mode '{id}', but: {modes}",
                provider.id
            )))
        }
        None => Ok(provider.default_mode.clone()),
    }
}
