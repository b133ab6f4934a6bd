//! `paseo inbox --watch`: what begins to wait, as it does.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use tokio::time::{sleep, timeout};

use super::attended::Terminal;
use super::notify::Notify;
use super::waiting::{self, Kind, Waiting};
use crate::client::{DaemonClient, Event};
use crate::commands::agent::directory;
use crate::commands::agent::streaming::{self, Stop};
use crate::commands::lifeline::{self, Lifeline};
use crate::commands::runtime::run_async;
use crate::commands::selection::Resolved;
use crate::commands::{CommandResult, Context};
use crate::error::CommandError;
use crate::output::{Format, Stream};
use crate::protocol::agents::{FetchAgents, Subscribe};

/// What is said in quick succession is looked at once.
const SETTLE: Duration = Duration::from_millis(300);
/// How often the list is looked at when the daemon says nothing.
const AT_LEAST: Duration = Duration::from_secs(60);

/// Most things that are remembered of a daemon; then only those that wait.
const REMEMBERED: usize = 4096;

/// What was told of each daemon, by its own id: one that is saved under two names tells it once.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<HashMap<String, HashSet<Key>>>);

/// What tells a thing from all others of its daemon.
type Key = (String, Kind, String);

impl Seen {
    /// Returns what was not told yet, and whether it began to wait under our eyes.
    fn new_of(&self, server_id: &str, waiting: Vec<Waiting>) -> (Vec<Waiting>, bool) {
        let mut seen = self.0.lock().unwrap_or_else(|gone| gone.into_inner());
        let began = seen.contains_key(server_id);
        let known = seen.entry(server_id.to_owned()).or_default();
        let now: HashSet<Key> = waiting.iter().map(Waiting::key).collect();
        let new = waiting
            .into_iter()
            .filter(|one| !known.contains(&one.key()));
        let new: Vec<Waiting> = new.collect();
        // An older list may still come over another connection: what was told stays known.
        match known.len() > REMEMBERED {
            true => *known = now,
            false => known.extend(now),
        }
        (new, began)
    }
}

/// Prints what waits, and then what begins to wait, until it is interrupted. A lost connection is made again, and one
/// that cannot be made yet is waited for: a machine that sleeps now may have a question tomorrow.
pub(super) fn run(
    context: &Context,
    notify: &Notify,
    seen: &Seen,
    terminal: &Terminal,
) -> CommandResult {
    let resolved = context.resolve(&context.selection()?)?;
    run_async(async {
        let stream = Stream::start(&context.output);
        let work = async |stream: &Stream| {
            let mut watch = Watch {
                context,
                stream,
                notify,
                seen,
                terminal,
            };
            watch.over_connections(resolved).await
        };
        streaming::until_interrupted(stream, "", work).await
    })
}

struct Watch<'a> {
    context: &'a Context,
    stream: &'a Stream,
    notify: &'a Notify,
    seen: &'a Seen,
    terminal: &'a Terminal,
}

impl Watch<'_> {
    async fn over_connections(&mut self, resolved: Resolved) -> Result<(), Stop> {
        let mut first = Some(());
        let missed = &mut |error: &CommandError| {
            // Once is enough, however often it is tried.
            if first.take().is_some() {
                self.context
                    .output
                    .note(&format!("{}; trying again …", error.message));
            }
        };
        let mut line = Lifeline::watching(self.context, resolved, missed).await?;
        loop {
            let Err(stop) = self.follow(&line.daemon()).await;
            line.again(stop.error()?).await?;
        }
    }

    /// Watches over one connection, until it ends.
    async fn follow(&mut self, daemon: &DaemonClient) -> Result<Infallible, Stop> {
        let mut events = daemon.events();
        let mut request = FetchAgents {
            subscribe: Some(Subscribe::default()),
            page: directory::first_page(),
            ..FetchAgents::default()
        };
        loop {
            let agents = directory::all(daemon, request.clone()).await;
            let agents = agents.map_err(CommandError::from)?;
            let mut waiting: Vec<_> = agents.iter().flat_map(waiting::of_one).collect();
            waiting::sort(&mut waiting);
            self.tell(&daemon.server().server_id, waiting).await?;
            // One subscription is enough.
            request.subscribe = None;
            let changed = async {
                while let Some(event) = events.recv().await {
                    if is_about_agents(&event) {
                        return true;
                    }
                }
                false
            };
            match timeout(AT_LEAST, changed).await {
                Ok(false) => return Err(lifeline::ended().into()),
                Ok(true) => sleep(SETTLE).await,
                Err(_) => {}
            }
        }
    }

    /// Prints what was not told before, and notifies of it unless it waited already at the beginning.
    async fn tell(&mut self, server_id: &str, waiting: Vec<Waiting>) -> Result<(), Stop> {
        let (new, began) = self.seen.new_of(server_id, waiting);
        let _ours = self.terminal.lock().await;
        for waiting in &new {
            match self.context.output.format {
                Format::Json => self.stream.json_line(&json!(waiting.listed())).await?,
                _ => self.stream.text(&(waiting.line_with_time() + "\n")).await?,
            }
            if began {
                self.notify.tell(&waiting.line(), self.stream).await?;
            }
        }
        Ok(())
    }
}

/// Returns whether something may wait now that did not before.
fn is_about_agents(event: &Event) -> bool {
    matches!(event, Event::Message { kind, .. } if kind.starts_with("agent_") && kind != "agent_stream"
        || kind == "attention_required")
}
