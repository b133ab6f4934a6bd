//! What every command that shows an agent says of it, under the same names (`docs/json.md`).

use std::collections::BTreeMap;

use serde::Serialize;

use super::ls::model;
use crate::commands::exact;
use crate::protocol::agents::AgentSnapshot;

/// The exact fields of an agent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Exact {
    full_agent_id: String,
    title: Option<String>,
    provider_id: String,
    model_id: Option<String>,
    thinking_option_id: Option<String>,
    mode_id: Option<String>,
    cwd_path: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    archived_at: Option<String>,
    label_map: BTreeMap<String, String>,
}

impl From<&AgentSnapshot> for Exact {
    fn from(agent: &AgentSnapshot) -> Self {
        Self {
            full_agent_id: agent.id.clone(),
            title: agent.title.clone(),
            provider_id: agent.provider.clone(),
            model_id: model(agent).map(str::to_owned),
            thinking_option_id: agent
                .effective_thinking_option_id
                .clone()
                .or_else(|| agent.thinking_option_id.clone()),
            mode_id: agent.current_mode_id.clone(),
            cwd_path: exact::path(&agent.cwd).map(str::to_owned),
            created_at: exact::time(&agent.created_at),
            updated_at: exact::time(&agent.updated_at),
            archived_at: agent.archived_at.as_deref().and_then(exact::time),
            label_map: agent.labels.clone(),
        }
    }
}
