//! What `stop` and `delete` share: one agent, all of them, or those in a directory; and the count of them.

use std::io::IsTerminal;

use serde_json::json;

use super::ls::short_id;
use super::{directory, resolve};
use crate::client::{CallError, DaemonClient};
use crate::commands::context::SKIPS;
use crate::commands::failure::Doing;
use crate::commands::{Context, Outcome, Reference};
use crate::error::{CommandError, Exit};
use crate::output::{self, Column, Output, Row, Table};
use crate::protocol::agents::{AgentSnapshot, FetchAgents};
use crate::protocol::session::Request;
use crate::remote::{Choice, Host};

/// How many requests are on their way at once.
const AT_ONCE: usize = 32;

/// Which agents
#[derive(Debug, clap::Args)]
pub struct Which {
    /// Id of the agent, the beginning of it, or its title
    #[arg(value_name = "id")]
    pub id: Option<Reference>,

    /// All agents that are not archived
    #[arg(long)]
    pub all: bool,

    /// Agents in this directory of the daemon's machine, and below
    #[arg(long, value_name = "PATH")]
    pub cwd: Option<String>,
}

impl Which {
    /// Checks that something was named.
    pub(super) fn check(&self, verb: &str) -> Result<(), CommandError> {
        let named = self.id.as_ref().is_some_and(|id| !id.is_blank());
        if named || self.all || self.cwd.is_some() {
            return Ok(());
        }
        Err(CommandError::usage(
            "MISSING_ARGUMENT",
            "which agents? name one, or give --all or --cwd",
        )
        .hint(format!(
            "paseo {verb} ID, paseo {verb} --all or paseo {verb} --cwd DIR"
        )))
    }

    /// Fetches the agents that are meant.
    pub(super) async fn fetch(
        &self,
        context: &Context,
        daemon: &DaemonClient,
        doing: Doing,
    ) -> Result<Vec<AgentSnapshot>, CommandError> {
        match &self.id {
            Some(id) if !self.all && self.cwd.is_none() => {
                let request = resolve::named(id.on(context))?;
                let reply = daemon.call(&request).await.map_err(|e| doing.error(e))?;
                Ok(vec![resolve::found(reply, doing)?])
            }
            _ => {
                let agents = directory::all(daemon, FetchAgents::default()).await;
                let mut agents = agents.map_err(|error| doing.error(error))?;
                agents.retain(|agent| {
                    agent.archived_at.is_none() && (self.all || self.holds(&agent.cwd))
                });
                Ok(agents)
            }
        }
    }

    /// Asks whether several agents are meant; only where somebody is there to answer, so that scripts go on
    /// as they always did.
    ///
    /// Names them and their daemon before, so that who typed the wrong name sees it.
    pub(super) async fn confirm(
        &self,
        context: &Context,
        verb: &str,
        agents: &[AgentSnapshot],
    ) -> Result<(), CommandError> {
        let several = self.all || self.cwd.is_some();
        let seen = std::io::stderr().is_terminal() && context.part.is_alone();
        if !several || agents.is_empty() || !seen {
            return Ok(());
        }
        let count = match agents.len() {
            1 => "1 agent".to_owned(),
            count => format!("{count} agents"),
        };
        let what = format!("{verb} {count} on {}", daemon_words(context));
        let asks = !context.global.yes && !context.is_batch();
        if !asks {
            output::note(&format!("{what}:"));
        }
        for line in listed(agents) {
            output::note(&line);
        }
        if !asks {
            return Ok(());
        }
        let question = format!("{what}?");
        // The connection is kept alive meanwhile.
        let answer = tokio::task::spawn_blocking(move || output::ask_yes(&question)).await;
        match answer {
            Ok(Ok(true)) => Ok(()),
            _ => {
                let refused = CommandError::new("NOT_CONFIRMED", Exit::Failed, "");
                Err(refused.cancelled().hint(SKIPS))
            }
        }
    }

    fn holds(&self, cwd: &str) -> bool {
        let Some(root) = &self.cwd else { return false };
        let root = root.trim_end_matches('/');
        cwd.strip_prefix(root)
            .is_some_and(|below| below.is_empty() || below.starts_with('/'))
    }
}

/// How many agents are named before a question.
const LISTED: usize = 20;

/// Returns a line for each agent: its id and its title.
fn listed(agents: &[AgentSnapshot]) -> Vec<String> {
    let line = |agent: &AgentSnapshot| format!("  {}", named(agent));
    let mut lines: Vec<String> = agents.iter().take(LISTED).map(line).collect();
    if let Some(more) = agents.len().checked_sub(LISTED).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more"));
    }
    lines
}

fn named(agent: &AgentSnapshot) -> String {
    let id = short_id(&agent.id);
    match &agent.title {
        Some(title) => format!("{id}  {title}"),
        None => id,
    }
}

/// Returns what a person calls the daemon of a command.
fn daemon_words(context: &Context) -> String {
    match context.selection().map(|selection| selection.choice) {
        Ok(Choice::Remote(remote)) => format!("`{}`", remote.name),
        Ok(Choice::Local) => "this machine".to_owned(),
        Ok(Choice::Host(Host::Daemon { address, .. })) => address.to_string(),
        Ok(Choice::Host(Host::Offer(_)) | Choice::Offer(_)) | Err(_) => {
            "the selected daemon".to_owned()
        }
    }
}

/// Sends a request for each agent, several at once, and tells how each ended.
pub(super) async fn for_each<R: Request>(
    daemon: &DaemonClient,
    agents: Vec<AgentSnapshot>,
    request: impl Fn(&AgentSnapshot) -> R,
) -> Vec<(AgentSnapshot, Result<R::Reply, CallError>)> {
    let mut ended = Vec::with_capacity(agents.len());
    let mut agents = agents.into_iter();
    loop {
        let mut flying = Vec::new();
        for agent in agents.by_ref().take(AT_ONCE) {
            let reply = daemon.start(&request(&agent)).await;
            flying.push((agent, reply));
        }
        if flying.is_empty() {
            return ended;
        }
        for (agent, reply) in flying {
            let reply = match reply {
                Ok(reply) => reply.wait(Some(crate::client::REPLY_TIMEOUT)).await,
                Err(error) => Err(error),
            };
            ended.push((agent, reply));
        }
    }
}

/// The agents that it worked for, and how many it did not.
#[derive(Debug, Default)]
pub(super) struct Tally {
    done: Vec<String>,
    failed: usize,
}

impl Tally {
    /// Counts one, with a warning when it failed.
    pub(super) fn add(&mut self, agent: &AgentSnapshot, verb: &str, why: Option<String>) {
        match why {
            None => self.done.push(agent.id.clone()),
            Some(why) => {
                self.failed += 1;
                output::note(&format!("cannot {verb} {}: {why}", named(agent)));
            }
        }
    }

    /// Makes the outcome; `column` heads the count, `key` names it in JSON.
    pub(super) fn outcome(self, column: &'static str, key: &str) -> Outcome {
        let count = self.done.len();
        let data = json!({ key: count, "agentIds": self.done });
        let row = Row::new(self.done.join("\n"), vec![count.to_string().into()], &data);
        let output = Output::Item(Table {
            columns: vec![Column(column, 0)],
            rows: vec![row],
        });
        let exit = match self.failed {
            0 => Exit::Ok,
            _ => Exit::Partial,
        };
        Outcome {
            output,
            exit,
            ..Outcome::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_holds_itself_and_what_is_below() {
        let which = Which {
            id: None,
            all: false,
            cwd: Some("/src/app/".to_owned()),
        };
        assert!(which.holds("/src/app") && which.holds("/src/app/x"));
        assert!(!which.holds("/src/apple") && !which.holds("/src"));
    }
}
