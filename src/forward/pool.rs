//! Sessions that are ready before anybody asks for one: a few, and more while many are taken.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::spare::Spare;
use crate::backoff::Backoff;
use crate::client::{self, ConnectError, RawSession, Settings};
use crate::target::Target;

/// Sessions that are ready when nobody took one lately. To open one takes two and a half times as long as a command
/// over one that is open, so that commands in a row always find one.
const FEWEST: usize = 3;

/// … and at most.
const MOST: usize = 8;

/// How long a session that was taken lets more be ready.
const LATELY: Duration = Duration::from_secs(10);

/// So many failures in a row, and the daemon is not there.
const MAX_FAILURES: u32 = 3;

/// The sessions.
pub(super) struct Pool {
    target: Target,
    settings: Settings,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Spare>,
    /// On the way.
    opening: usize,
    taken: VecDeque<Instant>,
    failures: u32,
}

impl State {
    fn missing(&mut self) -> usize {
        self.ready.retain(|spare| !spare.is_dead());
        self.taken.retain(|at| at.elapsed() < LATELY);
        let wanted = (FEWEST + 2 * self.taken.len()).min(MOST);
        wanted.saturating_sub(self.ready.len() + self.opening)
    }
}

impl Pool {
    /// Opens sessions with this daemon.
    pub(super) fn new(target: Target, settings: Settings) -> Self {
        Self {
            target,
            settings,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// How many sessions are ready.
    pub(super) fn ready(&self) -> usize {
        self.state().ready.len()
    }

    /// Takes a session: one that is ready, else a new one.
    pub(super) async fn take(&self) -> Result<RawSession, ConnectError> {
        loop {
            let spare = {
                let mut state = self.state();
                let spare = state.ready.pop_front();
                state.taken.push_back(Instant::now());
                spare
            };
            self.changed.notify_one();
            let Some(spare) = spare else {
                return self.open().await;
            };
            if let Some(session) = spare.take().await {
                return Ok(session);
            }
        }
    }

    /// Keeps sessions ready. Returns why that is no longer possible.
    pub(super) async fn fill(self: Arc<Self>) -> ConnectError {
        let mut backoff = Backoff::default();
        let (failed, mut failures) = tokio::sync::mpsc::channel(MOST);
        loop {
            for _ in 0..self.claim() {
                let (pool, failed) = (Arc::clone(&self), failed.clone());
                tokio::spawn(async move {
                    if let Err(error) = pool.add().await {
                        let _ = failed.try_send(error);
                    }
                });
            }
            tokio::select! {
                () = self.changed.notified() => {}
                // Some may have ended by themselves.
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
                Some(error) = failures.recv() => {
                    if self.state().failures >= MAX_FAILURES {
                        return error;
                    }
                    tokio::time::sleep(backoff.wait()).await;
                }
            }
        }
    }

    fn claim(&self) -> usize {
        let mut state = self.state();
        let missing = state.missing();
        state.opening += missing;
        missing
    }

    async fn add(&self) -> Result<(), ConnectError> {
        let opened = self.open().await;
        let mut state = self.state();
        state.opening -= 1;
        match opened {
            Ok(session) => {
                state.failures = 0;
                state.ready.push_back(Spare::keep(session));
                Ok(())
            }
            Err(error) => {
                state.failures += 1;
                Err(error)
            }
        }
    }

    /// Opens a session of its own: the daemon tells sessions apart by the id.
    async fn open(&self) -> Result<RawSession, ConnectError> {
        let settings = Settings {
            client_id: format!("cid_{}", uuid::Uuid::new_v4().simple()),
            ..self.settings.clone()
        };
        client::connect_raw(&self.target, &settings).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
