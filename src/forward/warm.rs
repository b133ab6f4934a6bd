//! Warm connections: a remote daemon as a listener on this machine whose sessions are open already.
//!
//! Each client gets a session that was opened for nobody else, and that nobody gets after it. So no answer, event or
//! binary stream of one client can reach another: there is nothing shared that could be mixed up.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::pool::Pool;
use super::splice::splice;
use super::{let_in, refuse};
use crate::client::{ConnectError, Settings};
use crate::listen::{Guest, Service};
use crate::target::Target;
use crate::transport::budget::Budget;
use crate::transport::{Frame, Transport};

/// How long a client may take for its hello.
const HELLO_LIMIT: Duration = Duration::from_secs(5);

/// The way to a daemon, with sessions that wait for clients. Dropping it ends all of them.
pub struct Warm {
    name: String,
    shared: Arc<Shared>,
    tasks: Mutex<JoinSet<()>>,
    budget: Budget,
}

struct Shared {
    pool: Arc<Pool>,
    served: AtomicUsize,
    /// Clients that are here now.
    sessions: AtomicUsize,
    used: Mutex<Instant>,
}

impl std::fmt::Debug for Warm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Warm").field("name", &self.name).finish()
    }
}

impl Warm {
    /// Keeps sessions ready with this daemon, which is called `name`.
    pub fn new(name: &str, target: Target, settings: Settings) -> Self {
        let shared = Shared {
            pool: Arc::new(Pool::new(target, settings)),
            served: AtomicUsize::new(0),
            sessions: AtomicUsize::new(0),
            used: Mutex::new(Instant::now()),
        };
        Self {
            name: name.to_owned(),
            shared: Arc::new(shared),
            tasks: Mutex::default(),
            budget: Budget::default(),
        }
    }

    /// Opens sessions as they are taken; returns why that is no longer possible.
    pub fn fill(&self) -> impl Future<Output = ConnectError> + use<> {
        Arc::clone(&self.shared.pool).fill()
    }

    /// Returns once nobody has used it for so long.
    pub async fn idle_for(&self, limit: Duration) {
        loop {
            let left = limit.saturating_sub(self.shared.idle());
            if left.is_zero() {
                return;
            }
            sleep(left.max(Duration::from_secs(1))).await;
        }
    }
}

impl Shared {
    /// How long nobody has been here.
    fn idle(&self) -> Duration {
        match self.sessions.load(Ordering::Relaxed) {
            0 => self.used().elapsed(),
            _ => Duration::ZERO,
        }
    }

    fn used(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, mut client: Transport) {
        let _here = Here::new(self);
        let daemon = match self.pool.take().await {
            Ok(daemon) => daemon,
            Err(error) => return refuse(&mut client, &error.to_string()).await,
        };
        // The hello has been said for the client, which is of the same version: its socket's name says so.
        let hello = timeout(HELLO_LIMIT, client.receiver.recv()).await;
        let Ok(Ok(Frame::Text(_))) = hello else {
            return refuse(&mut client, "no hello").await;
        };
        let introduction = Frame::Text(daemon.introduction);
        if client.sender.send(introduction).await.is_ok() {
            // The client, a command of ours, reports it by itself.
            let _ = splice(client, daemon.transport).await;
        }
    }
}

/// A client that is here.
struct Here<'a>(&'a Shared);

impl<'a> Here<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.served.fetch_add(1, Ordering::Relaxed);
        shared.sessions.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        *self.0.used() = Instant::now();
        self.0.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Service for Warm {
    fn status(&self) -> Option<Value> {
        Some(json!({
            "remote": self.name,
            "ready": self.shared.pool.ready(),
            "sessions": self.shared.sessions.load(Ordering::Relaxed),
            "served": self.shared.served.load(Ordering::Relaxed),
            "idleSeconds": self.shared.idle().as_secs(),
        }))
    }

    fn budget(&self) -> Budget {
        self.budget.clone()
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    fn serve(&self, transport: Transport, guest: Guest) -> BoxFuture<'static, ()> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            // It holds the client's place until the end.
            let mut guest = guest;
            if let Some(client) = let_in(transport, &mut guest).await {
                shared.serve(client).await;
            }
        })
    }
}
