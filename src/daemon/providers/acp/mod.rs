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
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout};

use super::{Description, Provider, Session, SessionSpec};
use crate::daemon::processes::Processes;
use crate::daemon::store::lock;
use crate::protocol::providers::Login;
use offers::Offers;
use session::AcpSession;

/// How long a look at an agent may take.
const LOOK: Duration = Duration::from_secs(20);
/// How long a failed look counts.
const AGAIN: Duration = Duration::from_secs(30);

/// An ACP agent.
#[derive(Debug)]
pub(super) struct Acp {
    shared: Arc<Shared>,
    /// When a look failed; held during a look.
    looked: tokio::sync::Mutex<Option<Instant>>,
}

/// What the sessions of an agent share.
#[derive(Debug)]
struct Shared {
    name: String,
    argv: Vec<String>,
    processes: Arc<Processes>,
    description: Mutex<Arc<Description>>,
}

impl Shared {
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
    pub(super) fn new(name: &str, argv: Vec<String>, processes: Arc<Processes>) -> Self {
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
            }),
            looked: tokio::sync::Mutex::default(),
        }
    }

    async fn look(&self) {
        let mut looked = self.looked.lock().await;
        let known = self.describe();
        let recent = looked.is_some_and(|at| at.elapsed() < AGAIN);
        if !known.open_modes || (known.error.is_some() && recent) {
            return;
        }
        let session = AcpSession::new(Arc::clone(&self.shared), nowhere());
        let error = match timeout(LOOK, session.look()).await {
            Ok(Ok((name, offers))) => {
                self.shared.learn(&offers);
                tracing::debug!(provider = known.id, name, "looked at an agent");
                return;
            }
            Ok(Err(failure)) => failure.to_string(),
            Err(_) => format!("the agent did not start within {} s", LOOK.as_secs()),
        };
        *looked = Some(Instant::now());
        let mut known = lock(&self.shared.description);
        let mut description = Description::clone(&known);
        description.error = Some(error);
        *known = Arc::new(description);
    }
}

/// What an agent is started with that is asked something but works on nothing.
fn nowhere() -> SessionSpec {
    SessionSpec {
        agent_id: String::new(),
        cwd: std::env::temp_dir(),
        env: Default::default(),
        session_id: None,
    }
}

impl Provider for Acp {
    fn describe(&self) -> Arc<Description> {
        Arc::clone(&lock(&self.shared.description))
    }

    fn look(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.look())
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
            *self.looked.lock().await = None;
            done.map_err(|failure| failure.to_string())
        })
    }

    fn session(&self, spec: SessionSpec) -> Box<dyn Session> {
        Box::new(AcpSession::new(Arc::clone(&self.shared), spec))
    }
}
