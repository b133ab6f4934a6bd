//! Agents that speak the Agent Client Protocol (ACP, version 1) over their standard streams.
//!
//! The agent's process lives as long as its session is loaded, from its first turn on; when it has
//! died, the next turn starts it again and has it load its session. It works in its own files and
//! terminals: we offer neither. What it shows in its history when it loads a session is in our
//! timeline already and is passed over, but for an import.

mod ended;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod lenient;
mod login;
mod look;
mod mcp;
mod offers;
mod open;
mod peer;
mod permission;
mod rpc;
mod schema;
mod session;
mod talk;
#[cfg(test)]
mod tests;
mod tools;
mod updates;

#[cfg(any(test, fuzzing))]
pub(crate) use fuzz::acp as fuzz_acp;

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::{Description, Provider, Session, SessionSpec};
use crate::daemon::processes::Processes;
use crate::daemon::store::lock;
use crate::protocol::providers::{Login, RecentSession};
use look::Looking;
pub(super) use look::Looks;
use offers::Offers;
use session::AcpSession;

/// An ACP agent.
#[derive(Debug)]
pub(super) struct Acp {
    shared: Arc<Shared>,
    looking: Looking,
    looks: Looks,
}

/// What the sessions of an agent share.
#[derive(Debug)]
struct Shared {
    name: String,
    argv: Vec<String>,
    processes: Arc<Processes>,
    description: Mutex<Arc<Description>>,
    /// When the last look at it failed.
    failed: Mutex<Option<Instant>>,
}

impl Shared {
    fn describe(&self) -> Arc<Description> {
        Arc::clone(&lock(&self.description))
    }

    /// Shows what a new session offers. What is in force in a session that went on is that session's alone, and
    /// never the default of others.
    fn learn(&self, offers: &Offers) {
        let mut known = lock(&self.description);
        let mut description = Description::clone(&known);
        offers.describe(&mut description);
        description.open_modes = false;
        description.error = None;
        *known = Arc::new(description);
    }
}

impl Acp {
    /// Makes a provider `name` out of a program and its arguments.
    pub(super) fn new(
        name: &str,
        argv: Vec<String>,
        processes: Arc<Processes>,
        looks: Looks,
    ) -> Self {
        let program = argv.first().cloned().unwrap_or_default();
        let description = Description {
            id: name.to_owned(),
            label: name.to_owned(),
            description: format!("Runs {program}, which speaks ACP"),
            // Until a session has told its own.
            open_modes: true,
            own_defaults: true,
            diagnostic: format!("{name} (ACP)\n  Program: {program}"),
            ..Description::default()
        };
        Self {
            shared: Arc::new(Shared {
                name: name.to_owned(),
                argv,
                processes,
                description: Mutex::new(Arc::new(description)),
                failed: Mutex::default(),
            }),
            looking: Looking::default(),
            looks,
        }
    }
}

fn recent(provider: &str, label: &str, session: schema::SessionInfo) -> RecentSession {
    RecentSession {
        provider_id: provider.to_owned(),
        provider_label: label.to_owned(),
        provider_handle_id: session.session_id,
        cwd: session.cwd,
        title: session.title,
        first_prompt_preview: None,
        last_prompt_preview: None,
        last_activity_at: session.updated_at.unwrap_or_default(),
    }
}

/// What an agent is started with that is asked something but works on nothing.
fn nowhere() -> SessionSpec {
    SessionSpec {
        agent_id: String::new(),
        cwd: std::env::temp_dir(),
        env: Default::default(),
        mcp_servers: Default::default(),
        session_id: None,
    }
}

impl Provider for Acp {
    fn describe(&self) -> Arc<Description> {
        self.shared.describe()
    }

    fn look(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.looking.look(&self.shared, &self.looks))
    }

    fn sessions<'a>(
        &'a self,
        cwd: Option<&'a str>,
    ) -> BoxFuture<'a, Option<Result<Vec<RecentSession>, String>>> {
        Box::pin(async move {
            let told = async {
                let mut talk = open::start(&self.shared, &nowhere()).await?;
                match talk.can.session_capabilities.list.is_some() {
                    true => open::sessions(&mut talk, cwd).await.map(Some),
                    false => Ok(None),
                }
            };
            let told = told
                .await
                .map_err(|failure| failure.to_string())
                .transpose()?;
            let label = self.describe().label.clone();
            Some(told.map(|sessions| {
                let shown = |session| recent(&self.shared.name, &label, session);
                sessions.into_iter().map(shown).collect()
            }))
        })
    }

    fn logins(&self) -> BoxFuture<'_, Result<Vec<Login>, String>> {
        Box::pin(async {
            let talk = open::start(&self.shared, &nowhere()).await;
            let talk = talk.map_err(|failure| failure.to_string())?;
            let ways = talk.logins.iter().map(|way| way.shown(&self.shared.argv));
            Ok(ways.collect())
        })
    }

    fn log_in<'a>(&'a self, method: &'a str) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let done = open::log_in(&self.shared, &nowhere(), method).await;
            // What failed before the login is looked at afresh.
            *lock(&self.shared.failed) = None;
            done.map_err(|failure| failure.to_string())
        })
    }

    fn session(&self, spec: SessionSpec) -> Box<dyn Session> {
        Box::new(AcpSession::new(Arc::clone(&self.shared), spec))
    }
}
