//! What the remotes tell: a thread for each, which keeps one connection and makes it again.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::rows::{Agent, Link, Remote};
use crate::client::DaemonClient;
use crate::commands::Context;
use crate::commands::agent::directory;
use crate::commands::agent::known::{self, Known};
use crate::commands::lifeline::{self, Lifeline};
use crate::commands::runtime::run_async;
use crate::commands::selection::Resolved;
use crate::complete::{Cache, Kind};
use crate::error::CommandError;
use crate::protocol::agents::{AgentSnapshot, FetchAgents};

/// How often a remote is asked.
const EVERY: Duration = Duration::from_secs(2);

/// The newest of every remote. Each has one place, so whoever does not look loses nothing but what is old.
#[derive(Clone)]
pub(super) struct Feed(Arc<Shared>);

struct Shared {
    remotes: Mutex<Vec<Remote>>,
    changed: Notify,
}

impl Feed {
    /// Begins with what the cache knows, and gives what asks the remotes. A part without a context never answers.
    pub(super) fn of(parts: Vec<(String, Result<Context, CommandError>)>) -> (Self, Questions) {
        let (mut remotes, mut asked) = (Vec::new(), Vec::new());
        for (index, (name, context)) in parts.into_iter().enumerate() {
            let ready = context.and_then(|context| {
                let selection = context.selection()?;
                let mut resolved = context.resolve(&selection)?;
                // It has a line of its own for what is waited for.
                resolved.plan.waits = false;
                resolved.plan.tells = false;
                let known = Cache::of(&context.env, &selection).read(Kind::Agents);
                Ok((context, resolved, known.unwrap_or_default()))
            });
            let (link, known) = match ready {
                Ok((context, resolved, known)) => {
                    asked.push((index, context, resolved));
                    (Link::Asked, known)
                }
                Err(error) => (Link::Gone(error.message), Vec::new()),
            };
            remotes.push(Remote {
                name,
                link,
                agents: known
                    .into_iter()
                    .map(|(id, title)| Agent::remembered(id.as_str(), title))
                    .collect(),
            });
        }
        let feed = Self(Arc::new(Shared {
            remotes: Mutex::new(remotes),
            changed: Notify::new(),
        }));
        let questions = Questions {
            feed: feed.clone(),
            asked,
        };
        (feed, questions)
    }

    /// Returns the remotes as they are now.
    pub(super) fn remotes(&self) -> MutexGuard<'_, Vec<Remote>> {
        let remotes = self.0.remotes.lock();
        remotes.unwrap_or_else(|gone| gone.into_inner())
    }

    /// Waits until one has changed.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }
}

/// The remotes that are still to be asked. They are asked when what is remembered is on the screen: one that fails at once
/// takes it away again.
pub(super) struct Questions {
    feed: Feed,
    asked: Vec<(usize, Context, Resolved)>,
}

impl Questions {
    /// Asks every remote, each in a thread of its own.
    pub(super) fn ask(self) -> io::Result<()> {
        for (index, context, resolved) in self.asked {
            let place = Place {
                feed: self.feed.clone(),
                index,
            };
            // It ends with the process.
            std::thread::Builder::new().spawn(move || {
                let followed = run_async(follow(&context, resolved, &place));
                place.put(
                    Link::Gone(match followed {
                        Err(error) => error.message,
                    }),
                    Vec::new(),
                );
            })?;
        }
        Ok(())
    }
}

/// The place of one remote.
struct Place {
    feed: Feed,
    index: usize,
}

impl Place {
    fn put(&self, link: Link, agents: Vec<Agent>) {
        if let Some(remote) = self.feed.remotes().get_mut(self.index) {
            (remote.link, remote.agents) = (link, agents);
        }
        self.feed.0.changed.notify_one();
    }
}

impl Drop for Place {
    /// Also a thread that panics leaves nothing that looks alive.
    fn drop(&mut self) {
        let is_live = |remote: &Remote| !matches!(remote.link, Link::Gone(_));
        if self.feed.remotes().get(self.index).is_some_and(is_live) {
            self.put(Link::Gone("it is no longer asked".to_owned()), Vec::new());
        }
    }
}

/// Asks over one connection after the other, until an error comes that time does not heal.
async fn follow(
    context: &Context,
    resolved: Resolved,
    place: &Place,
) -> Result<Infallible, CommandError> {
    let missed =
        &mut |error: &CommandError| place.put(Link::Gone(error.message.clone()), Vec::new());
    let mut line = Lifeline::watching(context, resolved, missed).await?;
    loop {
        let Err(error) = ask(context, &line.daemon(), place).await;
        if !lifeline::is_loss(&error) {
            return Err(error);
        }
        line.reconnect(error, missed).await?;
    }
}

/// Asks over one connection, until it ends.
async fn ask(
    context: &Context,
    daemon: &DaemonClient,
    place: &Place,
) -> Result<Infallible, CommandError> {
    let request = FetchAgents {
        // As `ls` has it.
        scope: Some("active".to_owned()),
        ..FetchAgents::default()
    };
    let mut known = Vec::new();
    loop {
        let agents = directory::all(daemon, request.clone()).await?;
        remember(context, &agents, &mut known);
        place.put(Link::Live, agents.into_iter().map(Agent::from).collect());
        sleep(EVERY).await;
    }
}

/// Keeps for the next time what has changed.
fn remember(context: &Context, agents: &[AgentSnapshot], before: &mut Vec<Known>) {
    let now: Vec<_> = agents.iter().map(Known::from).collect();
    if now != *before {
        known::remember(context, &now);
        *before = now;
    }
}
