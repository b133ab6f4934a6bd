//! An agent as it is kept on disk, and as it is shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Agent, Turn};
use crate::daemon::providers::{Description, Settings, capabilities};
use crate::protocol::agents::{AgentSnapshot, Feature, Mode, RuntimeInfo};
use crate::protocol::lifecycle::McpServer;

/// What survives the process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::daemon) struct Record {
    pub(in crate::daemon) id: String,
    pub(in crate::daemon) provider: String,
    pub(in crate::daemon) cwd: String,
    pub(in crate::daemon) workspace_id: Option<String>,
    #[serde(default)]
    pub(in crate::daemon) model: Option<String>,
    #[serde(default)]
    pub(in crate::daemon) thinking: Option<String>,
    #[serde(default)]
    pub(in crate::daemon) mode: Option<String>,
    /// What people have chosen of model, thinking option and mode, which is sent to the provider; the fields above
    /// also have what its session told. Absent in records of earlier versions.
    #[serde(default)]
    pub(in crate::daemon) chosen: Option<Settings>,
    /// Options of its own that the provider's session named.
    #[serde(default)]
    pub(in crate::daemon) features: Vec<Feature>,
    /// Modes that the provider's session named.
    #[serde(default)]
    pub(in crate::daemon) modes: Vec<Mode>,
    #[serde(default)]
    pub(in crate::daemon) title: Option<String>,
    /// The title was made here, or by the provider: nobody has chosen it.
    #[serde(default)]
    pub(in crate::daemon) made_title: bool,
    #[serde(default)]
    pub(in crate::daemon) labels: BTreeMap<String, String>,
    /// Environment of its process; may hold secrets.
    #[serde(default)]
    pub(in crate::daemon) env: BTreeMap<String, String>,
    /// Its MCP servers; may hold secrets.
    #[serde(default)]
    pub(in crate::daemon) mcp_servers: BTreeMap<String, McpServer>,
    pub(in crate::daemon) created_at: String,
    pub(in crate::daemon) updated_at: String,
    #[serde(default)]
    pub(in crate::daemon) last_user_message_at: Option<String>,
    #[serde(default)]
    pub(in crate::daemon) last_error: Option<String>,
    #[serde(default)]
    pub(in crate::daemon) last_usage: Option<Value>,
    #[serde(default)]
    pub(in crate::daemon) attention: Option<Attention>,
    #[serde(default)]
    pub(in crate::daemon) archived_at: Option<String>,
    /// The provider's own session.
    #[serde(default)]
    pub(in crate::daemon) session_id: Option<String>,
    #[serde(default)]
    pub(in crate::daemon) auto_archive: bool,
    /// A turn runs. Found set at a start, it tells that the process was killed during the turn.
    #[serde(default)]
    pub(in crate::daemon) in_turn: bool,
}

/// Why somebody should look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::daemon) struct Attention {
    /// `finished`, `error` or `permission`.
    pub(in crate::daemon) reason: String,
    /// ISO 8601, UTC.
    pub(in crate::daemon) since: String,
}

impl Record {
    /// Takes back what a request has changed, field by field, and leaves what a turn has changed since.
    pub(super) fn take_back(&mut self, before: Self, after: &Self) {
        fn field<T: PartialEq>(now: &mut T, before: T, after: &T) {
            if now == after {
                *now = before;
            }
        }
        field(&mut self.title, before.title, &after.title);
        field(&mut self.made_title, before.made_title, &after.made_title);
        field(&mut self.labels, before.labels, &after.labels);
        field(&mut self.mode, before.mode, &after.mode);
        field(&mut self.thinking, before.thinking, &after.thinking);
        field(&mut self.features, before.features, &after.features);
        field(&mut self.chosen, before.chosen, &after.chosen);
        field(&mut self.attention, before.attention, &after.attention);
        field(
            &mut self.archived_at,
            before.archived_at,
            &after.archived_at,
        );
        field(&mut self.updated_at, before.updated_at, &after.updated_at);
        field(&mut self.last_error, before.last_error, &after.last_error);
        field(&mut self.in_turn, before.in_turn, &after.in_turn);
        let (now, then) = (&mut self.last_user_message_at, &after.last_user_message_at);
        field(now, before.last_user_message_at, then);
    }

    /// Returns what people want of it.
    pub(super) fn settings(&self) -> Settings {
        self.chosen.clone().unwrap_or_default()
    }

    /// Returns what people want of it, to be changed.
    pub(super) fn chosen_mut(&mut self) -> &mut Settings {
        self.chosen.get_or_insert_default()
    }

    /// Fills in what an earlier version did not tell apart. What is in force may have come from a session, so it
    /// counts as chosen only where sessions have no defaults of their own.
    pub(super) fn complete(&mut self, provider: &Description) {
        let in_force = || Settings {
            mode: self.mode.clone(),
            model: self.model.clone(),
            thinking: self.thinking.clone(),
            features: Default::default(),
        };
        let chosen = match provider.own_defaults {
            true => Settings::default(),
            false => in_force(),
        };
        self.chosen.get_or_insert(chosen);
    }

    /// Takes what the provider's session tells to be in force. Where a person has made a choice, that follows and
    /// holds after a restart; where nobody has, there is still none.
    pub(super) fn told(&mut self, told: Settings) {
        fn follow(now: &mut Option<String>, chosen: &mut Option<String>, told: Option<String>) {
            let Some(told) = told else { return };
            if chosen.is_some() {
                *chosen = Some(told.clone());
            }
            *now = Some(told);
        }
        let chosen = self.chosen.get_or_insert_default();
        follow(&mut self.mode, &mut chosen.mode, told.mode);
        follow(&mut self.model, &mut chosen.model, told.model);
        follow(&mut self.thinking, &mut chosen.thinking, told.thinking);
        for (id, value) in told.features {
            if let Some(chosen) = chosen.features.get_mut(&id) {
                *chosen = value;
            }
        }
    }
}

impl Agent {
    /// `closed` for an agent that is only stored.
    pub(super) fn status(&self) -> &'static str {
        match (&self.turn, &self.live) {
            (Some(_), _) => "running",
            (None, None) => "closed",
            (None, Some(_)) if self.record.last_error.is_some() => "error",
            (None, Some(_)) => "idle",
        }
    }

    /// What it makes of its workspace.
    pub(in crate::daemon) fn workspace_status(&self) -> &'static str {
        match self.status() {
            _ if self.record.archived_at.is_some() => "done",
            _ if !self.asked.is_empty() => "needs_input",
            "running" => "running",
            _ if self.record.last_error.is_some() => "failed",
            _ if self.record.attention.is_some() => "attention",
            _ => "done",
        }
    }

    /// The agent as clients see it.
    pub(in crate::daemon) fn snapshot(&self) -> AgentSnapshot {
        let record = &self.record;
        let session = record.session_id.clone();
        let attention = record.attention.as_ref();
        AgentSnapshot {
            id: record.id.clone(),
            provider: record.provider.clone(),
            cwd: record.cwd.clone(),
            workspace_id: record.workspace_id.clone(),
            model: record.model.clone(),
            thinking_option_id: record.thinking.clone(),
            effective_thinking_option_id: record.thinking.clone(),
            runtime_info: self.live.as_ref().map(|_| RuntimeInfo {
                provider: record.provider.clone(),
                session_id: session.clone(),
                model: record.model.clone(),
                thinking_option_id: record.thinking.clone(),
                mode_id: record.mode.clone(),
                extra: None,
            }),
            created_at: record.created_at.clone(),
            updated_at: record.updated_at.clone(),
            last_user_message_at: record.last_user_message_at.clone(),
            status: self.status().to_owned(),
            active_turn: self
                .live
                .as_ref()
                .map(|_| self.turn.as_ref().map_or(Value::Null, Turn::to_json)),
            capabilities: capabilities(),
            current_mode_id: record.mode.clone(),
            available_modes: record.modes.clone(),
            features: (!record.features.is_empty()).then(|| json!(record.features)),
            pending_permissions: self.asked.iter().map(|a| a.request.clone()).collect(),
            persistence: session.map(|session| {
                json!({
                    "provider": record.provider,
                    "sessionId": session,
                    "nativeHandle": session,
                })
            }),
            last_usage: record.last_usage.clone(),
            last_error: record.last_error.clone(),
            title: record.title.clone(),
            labels: record.labels.clone(),
            requires_attention: attention.is_some(),
            attention_reason: attention.map(|a| a.reason.clone()),
            attention_timestamp: attention.map(|a| a.since.clone()),
            archived_at: record.archived_at.clone(),
        }
    }
}
