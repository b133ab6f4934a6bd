//! What runs agents. A provider describes itself and opens sessions; a session runs one turn at a
//! time and reports through a [`Feed`].

mod acp;
mod command;
mod echo;
mod feed;
mod mock;
mod spec;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

#[cfg(any(test, fuzzing))]
pub(crate) use acp::fuzz_acp;
use acp::{Acp, Looks};
use command::Command;
use echo::Echo;
pub(super) use feed::{Feed, Report, Settings, Stopped};
use mock::Mock;
pub(super) use spec::all;
pub use spec::{AgentKind, AgentSpec, AgentSpecError};

use crate::protocol::agents::Mode;
use crate::protocol::lifecycle::{Image, McpServer};
use crate::protocol::providers::{Login, Model, ProviderEntry, RecentSession};

/// Status of a provider that has not told yet what it offers.
pub(super) const LOADING: &str = "loading";

/// How a provider shows itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Description {
    /// What requests name.
    pub(super) id: String,
    /// Name for people.
    pub(super) label: String,
    /// A sentence for people.
    pub(super) description: String,
    /// Its models; one of them is the default.
    pub(super) models: Vec<Model>,
    /// Its modes.
    pub(super) modes: Vec<Mode>,
    /// Mode of a new agent.
    pub(super) default_mode: Option<String>,
    /// Any mode is taken, not only those above: the sessions name theirs later.
    pub(super) open_modes: bool,
    /// Its sessions have defaults of their own: what nobody has chosen is not sent to them.
    pub(super) own_defaults: bool,
    /// Why it cannot be used, as far as that is known.
    pub(super) error: Option<String>,
    /// Whether that is because its program is not there.
    pub(super) missing: bool,
    /// Lines for people who look for a fault.
    pub(super) diagnostic: String,
}

impl Description {
    /// The provider as clients list it.
    pub(super) fn entry(&self, now: &str) -> ProviderEntry {
        ProviderEntry {
            provider: self.id.clone(),
            status: match (&self.error, self.missing) {
                (None, _) if self.open_modes => LOADING,
                (None, _) => "ready",
                (Some(_), false) => "error",
                (Some(_), true) => "unavailable",
            }
            .to_owned(),
            enabled: true,
            source: Some("custom".to_owned()),
            error: self.error.clone(),
            models: Some(self.models.clone()),
            modes: Some(self.modes.clone()),
            fetched_at: Some(now.to_owned()),
            label: Some(self.label.clone()),
            description: Some(self.description.clone()),
            default_mode_id: self.default_mode.clone(),
        }
    }

    /// The model of an agent for which none is named.
    pub(super) fn default_model(&self) -> Option<&Model> {
        let chosen = |model: &&Model| model.is_default == Some(true);
        self.models.iter().find(chosen).or(self.models.first())
    }
}

/// What every provider here can do, in the words of an agent's snapshot.
pub(super) fn capabilities() -> Value {
    json!({
        "supportsStreaming": true,
        "supportsSessionPersistence": true,
        "supportsSessionListing": false,
        "supportsDynamicModes": true,
        "supportsMcpServers": false,
        "supportsReasoningStream": true,
        "supportsToolInvocations": true,
        "supportsRewindConversation": false,
        "supportsRewindFiles": false,
        "supportsRewindBoth": false,
    })
}

/// What a session starts from.
#[derive(Debug, Clone)]
pub(super) struct SessionSpec {
    /// The agent's UUID.
    pub(super) agent_id: String,
    /// Directory to work in.
    pub(super) cwd: PathBuf,
    /// Added to the environment of its process.
    pub(super) env: BTreeMap<String, String>,
    /// MCP servers that it is to use.
    pub(super) mcp_servers: BTreeMap<String, McpServer>,
    /// The provider's own session, to go on with; none for a new agent.
    pub(super) session_id: Option<String>,
}

/// What a person asks for.
#[derive(Debug, Clone, Default)]
pub(super) struct Prompt {
    /// The words.
    pub(super) text: String,
    /// Pictures beside them.
    pub(super) images: Vec<Image>,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// Well.
    Completed {
        /// Tokens and cost.
        usage: Option<Value>,
    },
    /// Badly.
    Failed {
        /// A sentence for people.
        error: String,
        /// A word for programs.
        code: Option<String>,
    },
    /// It was stopped.
    Canceled,
}

/// Something that runs agents.
pub(super) trait Provider: Send + Sync {
    /// How it shows itself.
    fn describe(&self) -> Arc<Description>;

    /// Finds out what there is to describe, if that is not known yet. Goes on when nobody waits for it.
    fn look(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Asks it for the sessions that it has kept, those of a directory when one is given; `None` when it tells none.
    fn sessions<'a>(
        &'a self,
        _cwd: Option<&'a str>,
    ) -> BoxFuture<'a, Option<Result<Vec<RecentSession>, String>>> {
        Box::pin(std::future::ready(None))
    }

    /// Asks it how to log in.
    fn logins(&self) -> BoxFuture<'_, Result<Vec<Login>, String>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Has it log in, in a way that takes nothing on our side.
    fn log_in<'a>(&'a self, method: &'a str) -> BoxFuture<'a, Result<(), String>> {
        let error = format!("the provider has no way to log in '{method}'");
        Box::pin(std::future::ready(Err(error)))
    }

    /// Opens a session; nothing happens before its first turn.
    fn session(&self, spec: SessionSpec) -> Box<dyn Session>;
}

/// A conversation with an agent.
pub(super) trait Session: Send {
    /// Runs a turn to its end. It watches [`Feed::stopped`] and ends soon after.
    fn turn<'a>(&'a mut self, prompt: Prompt, feed: Feed) -> BoxFuture<'a, Outcome>;

    /// Goes on with the provider's own session that the spec names, and reports its history.
    fn import<'a>(&'a mut self, _feed: Feed) -> BoxFuture<'a, Outcome> {
        Box::pin(std::future::ready(Outcome::Failed {
            error: "the provider has no sessions to import".to_owned(),
            code: None,
        }))
    }
}
