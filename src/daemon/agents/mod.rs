//! The agents of this daemon.

mod attention;
mod change;
mod create;
mod directory;
mod import;
mod items;
mod lifecycle;
mod permissions;
mod record;
mod turn;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

pub(super) use attention::shorten;
pub(super) use directory::DirectoryError;
pub(super) use record::{Attention, Record};

use super::providers::{Session, Settings};
use super::store::{Kept, RowFile, Store, StoreError};
use super::timeline::{Row, Timeline};
use crate::files::FileError;
use crate::protocol::agents::PermissionRequest;
use crate::protocol::permissions::PermissionAnswer;

/// Label of a child: its parent's id.
pub(super) const PARENT_LABEL: &str = "paseo.parent-agent-id";
/// Digits of an id in messages for people.
const SHORT_ID: usize = 8;

/// Why a request about an agent was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AgentError {
    /// Nothing has this id, prefix or title.
    #[error("Agent not found: {0}")]
    NotFound(String),
    /// Several have it.
    #[error("Agent identifier \"{id}\" is ambiguous ({})", .matches.join(", "))]
    Ambiguous {
        /// As asked.
        id: String,
        /// Short ids of those that have it.
        matches: Vec<String>,
    },
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// It cannot be kept, so nothing has changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All agents by id.
#[derive(Debug, Default)]
pub(super) struct Agents(BTreeMap<String, Agent>);

/// One agent.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) record: Record,
    /// Absent until somebody needs it.
    rows: Option<(Timeline, RowFile)>,
    /// Absent for an agent that is only stored.
    live: Option<Live>,
    turn: Option<Turn>,
    asked: Vec<Asked>,
    /// The last turn was stopped.
    canceled: bool,
    /// Told whenever the turn or the questions change.
    changed: watch::Sender<()>,
}

/// A loaded agent.
struct Live {
    session: Arc<tokio::sync::Mutex<Box<dyn Session>>>,
    settings: watch::Sender<Settings>,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Live")
    }
}

/// A running turn.
#[derive(Debug)]
struct Turn {
    id: String,
    started_at: String,
    stop: watch::Sender<bool>,
}

impl Turn {
    fn to_json(&self) -> Value {
        json!({ "turnId": self.id, "startedAt": self.started_at })
    }
}

/// A question that waits for a person.
#[derive(Debug)]
struct Asked {
    request: PermissionRequest,
    answer: oneshot::Sender<PermissionAnswer>,
}

impl Agent {
    fn new(record: Record) -> Self {
        Self {
            record,
            rows: None,
            live: None,
            turn: None,
            asked: Vec::new(),
            canceled: false,
            changed: watch::Sender::new(()),
        }
    }

    /// Whether a turn runs.
    pub(super) fn is_running(&self) -> bool {
        self.turn.is_some()
    }

    /// Whether its last turn was stopped.
    pub(super) fn was_canceled(&self) -> bool {
        self.canceled
    }

    /// Its timeline, read from disk the first time.
    pub(super) fn timeline(&mut self, store: &Store) -> std::io::Result<&mut Timeline> {
        Ok(&mut self.rows(store)?.0)
    }

    fn rows(&mut self, store: &Store) -> std::io::Result<&mut (Timeline, RowFile)> {
        if self.rows.is_none() {
            let mut timeline = Timeline::new();
            let file = store.rows(&self.record.id, |line| {
                // A line that is damaged is left out; the rest still counts.
                if let Ok(row) = serde_json::from_slice::<Row>(line) {
                    timeline.push(row, line.len());
                }
            })?;
            self.rows = Some((timeline, file));
        }
        Ok(self.rows.as_mut().expect("it was filled just now"))
    }
}

impl Agents {
    /// Loads what an earlier process stored.
    pub(super) fn load(store: &Store) -> Result<Self, FileError> {
        let mut agents = BTreeMap::new();
        for id in store.agents()? {
            let record: Option<Record> = store.load(Kept::Agent(&id))?;
            if let Some(record) = record.filter(|record| record.id == id) {
                agents.insert(id, Agent::new(record));
            }
        }
        Ok(Self(agents))
    }

    /// The agent with this full id.
    pub(super) fn get(&self, id: &str) -> Result<&Agent, AgentError> {
        self.0
            .get(id)
            .ok_or_else(|| AgentError::NotFound(id.to_owned()))
    }

    /// The agent with this full id.
    pub(super) fn get_mut(&mut self, id: &str) -> Result<&mut Agent, AgentError> {
        self.0
            .get_mut(id)
            .ok_or_else(|| AgentError::NotFound(id.to_owned()))
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Agent> {
        self.0.values()
    }

    /// Finds the full id of an agent named by its id, the beginning of one, or its title.
    pub(super) fn resolve(&self, name: &str) -> Result<String, AgentError> {
        if self.0.contains_key(name) {
            return Ok(name.to_owned());
        }
        let titled = |agent: &&Agent| agent.record.title.as_deref() == Some(name);
        let mut found: Vec<&str> = match name {
            "" => Vec::new(),
            _ => self
                .0
                .range(name.to_owned()..)
                .map(|(id, _)| id.as_str())
                .take_while(|id| id.starts_with(name))
                .collect(),
        };
        if found.is_empty() {
            found = self
                .iter()
                .filter(titled)
                .map(|agent| agent.record.id.as_str())
                .collect();
        }
        match found[..] {
            [] => Err(AgentError::NotFound(name.to_owned())),
            [id] => Ok(id.to_owned()),
            _ => Err(AgentError::Ambiguous {
                id: name.to_owned(),
                matches: found.iter().map(|id| id[..SHORT_ID].to_owned()).collect(),
            }),
        }
    }
}
