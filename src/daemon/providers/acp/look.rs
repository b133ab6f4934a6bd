//! What an agent offers, before anybody uses it: it is started once, asked, and told to forget the session.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::{Shared, nowhere, open};
use crate::daemon::providers::Description;
use crate::daemon::store::lock;

/// Agents that start at one time, to be looked at: each may be a runtime that loads itself for seconds.
const AT_ONCE: usize = 2;
/// How long a look at an agent may take. Nobody waits for it: it goes on behind a list that says so.
const LOOK: Duration = Duration::from_secs(120);
/// How long a failed look counts.
const AGAIN: Duration = Duration::from_secs(30);
/// How long an agent may take to forget the session that it was looked at with.
const GOODBYE: Duration = Duration::from_secs(5);

/// What all agents of a daemon share: few of them are looked at together.
#[derive(Debug, Clone)]
pub(in crate::daemon::providers) struct Looks(Arc<Semaphore>);

impl Default for Looks {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// The looks at one agent. Dropped, one that is under way ends.
#[derive(Debug, Default)]
pub(super) struct Looking(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Its sender goes when the look is over.
    under_way: Option<watch::Receiver<()>>,
    task: JoinSet<()>,
}

impl Looking {
    /// Looks at an agent of which nothing is known, and returns when that is over; what is dropped goes on. A look
    /// that has succeeded is the last one.
    pub(super) async fn look(&self, shared: &Arc<Shared>, looks: &Looks) {
        if let Some(mut under_way) = self.begin(shared, looks) {
            // The error is the end that is waited for.
            let _ = under_way.changed().await;
        }
    }

    fn begin(&self, shared: &Arc<Shared>, looks: &Looks) -> Option<watch::Receiver<()>> {
        let mut state = lock(&self.0);
        let under_way = state.under_way.clone();
        if let Some(under_way) = under_way.filter(|it| it.has_changed().is_ok()) {
            return Some(under_way);
        }
        let failed = *lock(&shared.failed);
        let recent = failed.is_some_and(|at| at.elapsed() < AGAIN);
        if recent || !shared.describe().open_modes {
            return None;
        }
        let (over, under_way) = watch::channel(());
        state.under_way = Some(under_way.clone());
        let (shared, looks) = (Arc::clone(shared), looks.clone());
        while state.task.try_join_next().is_some() {}
        state.task.spawn(async move {
            // It is never closed.
            let _turn = looks.0.acquire().await;
            look(&shared).await;
            drop(over);
        });
        Some(under_way)
    }
}

async fn look(shared: &Arc<Shared>) {
    let error = match timeout(LOOK, ask(shared)).await {
        Ok(Ok(())) => return,
        Ok(Err(failure)) => failure.to_string(),
        Err(_) => format!("the agent did not start within {} s", LOOK.as_secs()),
    };
    *lock(&shared.failed) = Some(Instant::now());
    let mut known = lock(&shared.description);
    let mut description = Description::clone(&known);
    description.error = Some(error);
    *known = Arc::new(description);
}

/// Starts an agent and a session without history, and ends both.
async fn ask(shared: &Arc<Shared>) -> Result<(), super::talk::Failure> {
    let spec = nowhere();
    let mut talk = open::start(shared, &spec).await?;
    open::new(&mut talk, &spec).await?;
    shared.learn(&talk.offers);
    tracing::debug!(provider = shared.name, name = ?talk.name, "looked at an agent");
    // Whether it forgets or not, nothing depends on it.
    let _ = timeout(GOODBYE, open::forget(&mut talk)).await;
    Ok(())
}
