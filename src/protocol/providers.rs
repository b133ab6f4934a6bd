//! What runs agents: providers, their models and modes (`docs/protocol.md`, "Providers").

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::agents::Mode;

/// `get_providers_snapshot_request`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetProviders {
    /// Directory whose settings count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Hash of what the client has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_none_match: Option<String>,
}

/// Reply to [`GetProviders`], and the content of `providers_snapshot_update`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Providers {
    /// All providers.
    pub entries: Vec<ProviderEntry>,
    /// ISO 8601, UTC.
    pub generated_at: String,
}

/// A provider.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderEntry {
    /// Its id.
    pub provider: String,
    /// `ready`, `loading`, `error` or `unavailable`.
    pub status: String,
    /// Whether it may be used; absent means yes.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// `builtin` or `custom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Why it is not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<Model>>,
    /// Its modes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modes: Option<Vec<Mode>>,
    /// ISO 8601, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<String>,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Mode of a new agent.
    #[serde(default)]
    pub default_mode_id: Option<String>,
}

fn yes() -> bool {
    true
}

/// A model of a provider.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// Id of the provider.
    pub provider: String,
    /// What requests name.
    pub id: String,
    /// Name for people.
    pub label: String,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it is taken when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_default: Option<bool>,
    /// Anything else of the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// Size of its context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_window_max_tokens: Option<serde_json::Number>,
    /// How hard it may think.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking_options: Option<Vec<ThinkingOption>>,
    /// Which of them is taken when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_thinking_option_id: Option<String>,
}

/// How hard a model thinks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThinkingOption {
    /// What requests name.
    pub id: String,
    /// Name for people.
    pub label: String,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether it is taken when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_default: Option<bool>,
}

/// `list_provider_models_request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListModels {
    /// Id of the provider.
    pub provider: String,
    /// Directory whose settings count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
}

/// Reply to [`ListModels`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Models {
    /// Id of the provider.
    pub provider: String,
    /// Absent with `error` set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<Model>>,
    /// Why there are none.
    #[serde(default)]
    pub error: Option<String>,
    /// ISO 8601, UTC.
    pub fetched_at: String,
}

/// `provider_diagnostic_request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiagnoseProvider {
    /// Id of the provider.
    pub provider: String,
}

/// Reply to [`DiagnoseProvider`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderDiagnostic {
    /// Id of the provider.
    pub provider: String,
    /// Lines for people.
    pub diagnostic: String,
}

/// `fetch_recent_provider_sessions_request`: what providers have kept. Not in 0.1.65.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchSessions {
    /// Only sessions of this directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Only of these providers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub providers: Option<Vec<String>>,
    /// ISO 8601: only what was in use later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// How many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// Reply to [`FetchSessions`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentSessions {
    /// Newest first.
    pub entries: Vec<RecentSession>,
    /// How many were left out because an agent goes on with them already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filtered_already_imported_count: Option<u64>,
}

/// A session that a provider has kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentSession {
    /// Id of the provider.
    pub provider_id: String,
    /// Its name for people.
    #[serde(default)]
    pub provider_label: String,
    /// The provider's own id of it, which an import names.
    pub provider_handle_id: String,
    /// Where it worked.
    #[serde(default)]
    pub cwd: String,
    /// Name for people.
    #[serde(default)]
    pub title: Option<String>,
    /// The beginning of its first prompt.
    #[serde(default)]
    pub first_prompt_preview: Option<String>,
    /// The beginning of its last prompt.
    #[serde(default)]
    pub last_prompt_preview: Option<String>,
    /// ISO 8601; empty when the provider does not tell.
    #[serde(default)]
    pub last_activity_at: String,
}

/// `provider.login.list.request`: the ways to log in to an agent. Built-in daemons only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListLogins {
    /// Id of the provider.
    pub provider: String,
}

/// Reply to [`ListLogins`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logins {
    /// Id of the provider.
    pub provider: String,
    /// The ways, as the agent orders them.
    pub methods: Vec<Login>,
    /// Why none are known.
    #[serde(default)]
    pub error: Option<String>,
}

/// A way to log in to an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// What requests name.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it takes.
    #[serde(flatten)]
    pub way: LoginWay,
}

/// What a way to log in takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum LoginWay {
    /// A program in a terminal of the daemon's machine.
    Terminal {
        /// The program and its arguments.
        command: Vec<String>,
    },
    /// Variables in the daemon's environment.
    Variables {
        /// Their names.
        names: Vec<String>,
    },
    /// [`LogIn`]: the agent does it.
    Agent,
}

/// `provider.login.request`: have an agent log in. Built-in daemons only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogIn {
    /// Id of the provider.
    pub provider: String,
    /// Id of a [`Login`].
    pub method_id: String,
}

/// Reply to [`LogIn`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedIn {
    /// Id of the provider.
    pub provider: String,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<String>,
}

requests! {
    reads FetchSessions: "fetch_recent_provider_sessions_request" => "fetch_recent_provider_sessions_response" RecentSessions;
    reads ListLogins: "provider.login.list.request" => "provider.login.list.response" Logins;
    changes LogIn: "provider.login.request" => "provider.login.response" LoggedIn;
    reads GetProviders: "get_providers_snapshot_request" => "get_providers_snapshot_response" Providers;
    reads ListModels: "list_provider_models_request" => "list_provider_models_response" Models;
    reads DiagnoseProvider: "provider_diagnostic_request" => "provider_diagnostic_response" ProviderDiagnostic;
}
