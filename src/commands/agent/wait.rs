//! `paseo wait`: until an agent is no longer running.

use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

use super::outcome::{self, Told};
use super::{resolve, timeline, transcript, watching};
use crate::client::DaemonClient;
use crate::commands::failure::{self, Doing};
use crate::commands::lifeline::Lifeline;
use crate::commands::{CommandResult, Context, Form, Outcome, Reference};
use crate::complete;
use crate::duration;
use crate::error::{CommandError, Exit};
use crate::output::Format;
use crate::protocol::lifecycle::{WaitForFinish, WaitStatus, Waited};
use crate::protocol::timeline::TimelineItem;

const DOING: Doing = Doing {
    code: "WAIT_FAILED",
    what: "Failed to wait",
};

/// How many items of the timeline are shown.
const SHOWN: usize = 5;

/// How long fetching them may take; nobody waits for a preview.
const PREVIEW_LIMIT: Duration = Duration::from_secs(2);

/// What the reply may take beyond the wait itself.
const MARGIN: Duration = Duration::from_secs(5);

/// Arguments of `paseo wait`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the agent, the beginning of it, or its title; of more than one, work:id for that of a remote
    #[arg(value_name = "id", required = true, add = complete::agents())]
    pub ids: Vec<Reference>,

    /// Of several agents, wait for the first that ends
    #[arg(long)]
    pub any: bool,

    /// Of several agents, wait for all; that is so without it too
    #[arg(long, conflicts_with = "any")]
    pub all: bool,

    /// Longest time to wait, such as 90, 30s or 1h30m [default: no limit]
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub timeout: Option<String>,
}

impl Args {
    /// Returns how it ends.
    pub(in crate::commands) fn form(&self) -> Form {
        match self.any {
            true => Form::First,
            false => Form::Table,
        }
    }
}

/// Waits until an agent is idle, failed, waits for a permission, or the time is over.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let id = resolve::named(context.subject(&args.ids))?.agent_id;
    let timeout = limit(args.timeout.as_deref(), "Invalid timeout value")?;
    let (waited, activity) = context.with_lifeline(async |line| {
        // The stream is asked for by the full id, which this one may be the beginning of.
        let watched = full(context, &line.daemon(), &id).await;
        let wait = Wait {
            agent_id: &id,
            watched: watched.as_deref(),
            timeout,
            doing: DOING,
        };
        let waited = wait.run(context, line).await?;
        let activity = match waited.status {
            WaitStatus::Idle | WaitStatus::Timeout => recent(&line.daemon(), &waited).await,
            WaitStatus::Error | WaitStatus::Permission => None,
        };
        Ok((waited, activity))
    })?;
    outcome::name_the_answer(context, &waited);
    let full_agent_id = waited.agent.as_ref().map(|agent| agent.id.clone());
    let agent_id = full_agent_id.clone().unwrap_or(id);
    let (status, mut message) = words(&waited, timeout, &agent_id);
    if let Some(activity) = activity {
        message += &format!("\nLast {SHOWN} activity items:\n{activity}");
    }
    let exit = outcome::exit(&waited);
    let told = Told {
        agent_id,
        status,
        message,
        full_agent_id,
    };
    let told = told.with(exit);
    // There is no agent to tell of: that is an error. Scripts of the official CLI find the row all the same.
    if !matches!(exit, Exit::NotFound | Exit::Ambiguous) {
        return Ok(told);
    }
    let error = failure::says(DOING.code, waited.error);
    let for_people = context.output.terminal && context.output.format == Format::Table;
    match for_people || !context.part.is_alone() {
        true => Err(error),
        false => Ok(Outcome {
            error: Some(Box::new(error)),
            ..told
        }),
    }
}

/// Returns the full id of an agent, when somebody sees what it does meanwhile.
async fn full(context: &Context, daemon: &DaemonClient, id: &str) -> Option<String> {
    context.progress()?;
    let request = resolve::named(id).ok()?;
    let reply = daemon
        .call_within(&request, Some(PREVIEW_LIMIT))
        .await
        .ok()?;
    resolve::found(reply, DOING).ok().map(|agent| agent.id)
}

/// Parses the limit of a wait; empty is none.
pub(super) fn limit(text: Option<&str>, what: &str) -> Result<Option<Duration>, CommandError> {
    match text {
        None | Some("") => Ok(None),
        Some(text) => duration::parse_positive(text)
            .map(Some)
            .map_err(|error| CommandError::usage("INVALID_TIMEOUT", what).hint(error.to_string())),
    }
}

/// A wait for an agent to be no longer running.
pub(super) struct Wait<'a> {
    /// Which agent.
    pub(super) agent_id: &'a str,
    /// Its full id, when it may be shown meanwhile what it does.
    pub(super) watched: Option<&'a str>,
    /// For how long; `None` is for ever.
    pub(super) timeout: Option<Duration>,
    /// What the command is doing.
    pub(super) doing: Doing,
}

impl Wait<'_> {
    /// Waits, and goes on over a new connection when the old one is lost: asking changes nothing.
    pub(super) async fn run(
        &self,
        context: &Context,
        line: &mut Lifeline<'_>,
    ) -> Result<Waited, CommandError> {
        self.until(context, line, self.deadline()).await
    }

    /// Returns when it is over, if it begins now.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timeout.map(|timeout| Instant::now() + timeout)
    }

    /// The same as [`run`](Self::run) for a wait that began before, and may have stopped for a question meanwhile.
    pub(super) async fn until(
        &self,
        context: &Context,
        line: &mut Lifeline<'_>,
        deadline: Option<Instant>,
    ) -> Result<Waited, CommandError> {
        // Zero would be no limit for some daemons.
        let left = |deadline: Instant| {
            let left = deadline.saturating_duration_since(Instant::now());
            left.max(Duration::from_millis(1))
        };
        loop {
            let daemon = line.daemon();
            let left = deadline.map(left);
            let waiting = pin!(self.over(&daemon, left));
            let waited = match self.watched {
                Some(id) => watching::until(context, &daemon, id, waiting).await,
                None => waiting.await,
            };
            match waited {
                Err(error) if deadline.is_none_or(|deadline| Instant::now() < deadline) => {
                    line.again(error).await?;
                }
                waited => return waited,
            }
        }
    }

    /// Waits on one connection.
    async fn over(
        &self,
        daemon: &DaemonClient,
        timeout: Option<Duration>,
    ) -> Result<Waited, CommandError> {
        // A longer timer of an official daemon ends at once.
        let millis = |timeout: Duration| {
            let longest = i32::MAX.unsigned_abs().into();
            u64::try_from(timeout.as_millis()).map_or(longest, |millis| millis.min(longest))
        };
        let request = WaitForFinish {
            agent_id: self.agent_id.to_owned(),
            timeout_ms: timeout.map(millis),
        };
        let limit = timeout.map(|timeout| timeout.saturating_add(MARGIN));
        let reply = daemon.call_within(&request, limit).await;
        reply.map_err(|error| self.doing.error(error))
    }
}

fn words(waited: &Waited, timeout: Option<Duration>, id: &str) -> (&'static str, String) {
    match waited.status {
        WaitStatus::Idle => ("idle", "Agent is idle.".to_owned()),
        WaitStatus::Error => ("error", outcome::failure(waited)),
        WaitStatus::Permission => {
            let pending = waited
                .agent
                .as_ref()
                .and_then(|agent| agent.pending_permissions.first());
            let kind = pending.map(|request| format!(": {}", request.kind));
            let kind = kind.unwrap_or_default();
            (
                "permission",
                format!("Agent is waiting for permission{kind}"),
            )
        }
        WaitStatus::Timeout => {
            let seconds = timeout.unwrap_or_default().as_secs();
            let plural = if seconds == 1 { "" } else { "s" };
            let message = format!(
                "Agent did not finish within {seconds} second{plural}. Run `paseo wait {id}` again to keep \
                 waiting."
            );
            ("timeout", message)
        }
    }
}

/// Returns the last lines of the agent's transcript, `None` when there is none or it cannot be had soon.
async fn recent(daemon: &DaemonClient, waited: &Waited) -> Option<String> {
    let agent = waited.agent.as_ref()?;
    let tail = timeline::tail(daemon, &agent.id, SHOWN, |_| true, DOING);
    let tail = tokio::time::timeout(PREVIEW_LIMIT, tail).await.ok()?.ok()?;
    let items = tail.entries.into_iter().map(|entry| entry.item);
    let items = transcript::merge(items);
    let shown = &items[items.len().saturating_sub(SHOWN)..];
    let text = transcript::render(&messages_first(shown));
    Some(match text.is_empty() {
        true => transcript::NOTHING.to_owned(),
        false => text,
    })
}

/// Moves thoughts behind the messages that follow them, as the official CLI does: this text is part of
/// the JSON, which is the same.
fn messages_first(items: &[TimelineItem]) -> Vec<TimelineItem> {
    let mut ordered = Vec::with_capacity(items.len());
    let mut thoughts = Vec::new();
    for item in items {
        match item {
            TimelineItem::Reasoning { .. } => thoughts.push(item.clone()),
            TimelineItem::AssistantMessage { .. } => ordered.push(item.clone()),
            _ => {
                ordered.append(&mut thoughts);
                ordered.push(item.clone());
            }
        }
    }
    ordered.append(&mut thoughts);
    ordered
}
