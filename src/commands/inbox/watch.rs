//! `paseo inbox --watch`: what begins to wait, as it does.

use std::collections::HashSet;
use std::convert::Infallible;
use std::time::Duration;

use serde_json::json;
use tokio::time::{sleep, timeout};

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

/// Prints what waits, and then what begins to wait, until it is interrupted. A lost connection is made again, and one
/// that cannot be made yet is waited for: a machine that sleeps now may have a question tomorrow.
pub(super) fn run(context: &Context, notify: &Notify) -> CommandResult {
    let resolved = context.resolve(&context.selection()?)?;
    run_async(async {
        let stream = Stream::start(&context.output);
        let work = async |stream: &Stream| {
            let mut watch = Watch {
                context,
                stream,
                notify,
                known: None,
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
    /// What was told; `None` before the first list.
    known: Option<HashSet<(String, Kind, String)>>,
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
            self.tell(waiting).await?;
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
    async fn tell(&mut self, waiting: Vec<Waiting>) -> Result<(), Stop> {
        let now: HashSet<_> = waiting.iter().map(Waiting::key).collect();
        let known = self.known.replace(now);
        for waiting in &waiting {
            if known
                .as_ref()
                .is_some_and(|known| known.contains(&waiting.key()))
            {
                continue;
            }
            match self.context.output.format {
                Format::Json => self.stream.json_line(&json!(waiting.listed())).await?,
                _ => self.stream.text(&(waiting.line() + "\n")).await?,
            }
            if known.is_some() {
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
