//! `paseo logs`: what an agent said and did.

use std::convert::Infallible;

use super::filter::Filter;
use super::live::Live;
use super::log_text::LogText;
use super::streaming::{self, Stop};
use super::timeline::{self, History, Tail};
use super::{resolve, transcript};
use crate::client::DaemonClient;
use crate::commands::failure::Doing;
use crate::commands::lifeline::Lifeline;
use crate::commands::permission::{Asked, fitting};
use crate::commands::{CommandResult, Context, Form, Reference};
use crate::complete;
use crate::error::CommandError;
use crate::output::{self, Format, Stream};
use crate::protocol::agents::PermissionRequest;
use crate::protocol::timeline::{StreamEvent, TimelineItem};

const DOING: Doing = Doing {
    code: "LOGS_FAILED",
    what: "Failed to get logs",
};

/// How much history `-f` begins with.
const FOLLOWED: usize = 10;

/// Arguments of `paseo logs`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the agent, the beginning of it, or its title; of more than one, work:id for that of a remote
    #[arg(value_name = "id", required = true, add = complete::agents())]
    pub ids: Vec<Reference>,

    /// Go on with what happens from now on
    #[arg(short, long)]
    pub follow: bool,

    /// Only the last N entries; 10 with --follow
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub tail: Option<String>,

    /// Only some entries: tools, text, errors, or a part of a type
    #[arg(long, value_name = "FILTER")]
    pub filter: Option<String>,

    /// Accepted, and without effect, as in the official CLI.
    #[arg(long, value_name = "TIME", hide = true)]
    pub since: Option<String>,
}

impl Args {
    /// Returns how it ends.
    pub(in crate::commands) fn form(&self) -> Form {
        match self.follow {
            true => Form::Endless,
            false => Form::Lines,
        }
    }
}

/// Prints the transcript of an agent, as JSON Lines with `--json`.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = resolve::named(context.subject(&args.ids))?;
    let tail = args.tail.as_deref().map(count).transpose()?;
    let filter = args.filter.as_deref().map(Filter::from);
    let json = context.output.format == Format::Json;
    context.with_lifeline_and(&request, async |line, reply| {
        let agent = resolve::found(reply, DOING)?;
        let logs = Logs {
            agent: &agent.id,
            filter,
            json,
            // In a pipe the transcript is the one of the official CLI.
            pending: match context.output.terminal && !json {
                true => &agent.pending_permissions,
                false => &[],
            },
        };
        let daemon = line.daemon();
        let stream = Stream::start(&context.output);
        match (args.follow, tail) {
            (true, tail) => {
                let count = tail.unwrap_or(FOLLOWED);
                let work = async |stream: &Stream| logs.follow(line, stream, count).await;
                streaming::until_interrupted(stream, "", work).await
            }
            (false, Some(count)) => {
                let work = async |stream: &Stream| logs.last(&daemon, stream, count).await;
                streaming::to_the_end(stream, work).await
            }
            (false, None) => {
                let work = async |stream: &Stream| logs.all(&daemon, stream).await;
                streaming::to_the_end(stream, work).await
            }
        }
    })
}

/// Reads a count as the official CLI does: the digits at the beginning.
fn count(text: &str) -> Result<usize, CommandError> {
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit());
    trimmed[..digits.unwrap_or(trimmed.len())]
        .parse()
        .map_err(|_| {
            CommandError::usage("INVALID_TAIL", format!("Invalid --tail value: {text}"))
                .hint("give --tail a whole number, 0 or more")
        })
}

struct Logs<'a> {
    agent: &'a str,
    filter: Option<Filter>,
    json: bool,
    /// What the agent asks now, to be told below the transcript.
    pending: &'a [PermissionRequest],
}

impl Logs<'_> {
    /// Tells what the agent waits for.
    async fn waits(&self, stream: &Stream) -> Result<(), Stop> {
        for request in self.pending {
            stream.text(&permission(request)).await?;
        }
        Ok(())
    }

    fn keeps(&self, item: &TimelineItem) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| filter.lets_through(item))
    }

    /// Prints everything, a page at a time.
    async fn all(&self, daemon: &DaemonClient, stream: &Stream) -> Result<(), Stop> {
        let mut history = History::open(daemon, self.agent, DOING).await?;
        let mut printed = Printed::default();
        // The last message of a page may go on upon the next one.
        let mut open: Option<TimelineItem> = None;
        while let Some(mut entries) = history.page().await? {
            entries.retain(|entry| self.keeps(&entry.item));
            if self.json {
                let epoch = history.epoch();
                for entry in entries {
                    let line = timeline::as_stream(entry, self.agent, &epoch);
                    stream.json_line(&line).await?;
                }
                continue;
            }
            let items = entries.into_iter().map(|entry| entry.item);
            let mut items = transcript::merge(open.take().into_iter().chain(items));
            open = items.pop();
            printed.print(stream, &items).await?;
        }
        printed.print(stream, &Vec::from_iter(open)).await?;
        if !printed.anything && !self.json {
            stream.text(&format!("{}\n", transcript::NOTHING)).await?;
        }
        self.waits(stream).await
    }

    /// Prints the last entries, or that there are none.
    async fn last(&self, daemon: &DaemonClient, stream: &Stream, count: usize) -> Result<(), Stop> {
        let tail = self.tail(daemon, count).await?;
        let anything = self.end(stream, tail, count).await?;
        if !anything && count > 0 && !self.json {
            stream.text(&format!("{}\n", transcript::NOTHING)).await?;
        }
        self.waits(stream).await
    }

    async fn tail(&self, daemon: &DaemonClient, count: usize) -> Result<Tail, CommandError> {
        let keep = |item: &TimelineItem| self.keeps(item);
        timeline::tail(daemon, self.agent, count, keep, DOING).await
    }

    /// Prints the last of some entries; returns whether there was anything to print.
    async fn end(&self, stream: &Stream, tail: Tail, count: usize) -> Result<bool, Stop> {
        if self.json {
            let epoch = tail.shown.epoch();
            let skipped = tail.entries.len().saturating_sub(count);
            for entry in tail.entries.into_iter().skip(skipped) {
                let line = timeline::as_stream(entry, self.agent, &epoch);
                stream.json_line(&line).await?;
            }
            return Ok(true);
        }
        let items = transcript::merge(tail.entries.into_iter().map(|entry| entry.item));
        let last = &items[items.len().saturating_sub(count)..];
        let mut printed = Printed::default();
        printed.print(stream, last).await?;
        Ok(printed.anything)
    }

    /// Prints the last entries, and then what happens, over as many connections as it takes.
    async fn follow(
        &self,
        line: &mut Lifeline<'_>,
        stream: &Stream,
        count: usize,
    ) -> Result<(), Stop> {
        let tail = loop {
            match self.tail(&line.daemon(), count).await {
                Ok(tail) => break tail,
                Err(error) => line.again(error).await?,
            }
        };
        let shown = tail.shown.clone();
        self.end(stream, tail, count).await?;
        if !self.json {
            let shown = match count {
                0 => "no history".to_owned(),
                1 => "last 1 entry".to_owned(),
                count => format!("last {count} entries"),
            };
            let header = format!("\n--- Following logs ({shown}; Ctrl+C to stop) ---\n\n");
            stream.text(&header).await?;
        }
        let mut live = Live::after(shown, self.agent, DOING);
        let mut text = LogText::default();
        loop {
            let daemon = line.daemon();
            let Err(stop) = self.live(&daemon, &mut live, stream, &mut text).await;
            line.again(stop.error()?).await?;
        }
    }

    /// Prints what happens until the connection ends.
    async fn live(
        &self,
        daemon: &DaemonClient,
        live: &mut Live,
        stream: &Stream,
        text: &mut LogText,
    ) -> Result<Infallible, Stop> {
        let pending = live.subscribe(daemon).await?;
        for request in pending.iter().filter(|_| !self.json) {
            stream.text(&(text.close() + &permission(request))).await?;
        }
        loop {
            let happened = live.next(daemon).await?;
            match &happened.event {
                StreamEvent::Timeline { item, .. } if !self.keeps(item) => {}
                _ if self.json => stream.json_line(&happened).await?,
                StreamEvent::Timeline { item, .. } => stream.text(&text.item(item)).await?,
                StreamEvent::PermissionRequested { request, .. } => {
                    stream.text(&(text.close() + &permission(request))).await?;
                }
                // A turn that is over is not continued.
                StreamEvent::TurnCompleted { .. } => stream.text(&text.close()).await?,
                _ => {}
            }
        }
    }
}

/// Returns what an agent asks.
fn permission(request: &PermissionRequest) -> String {
    let asked = Asked::from(request);
    let lines = fitting(asked.lines_and_choices(), output::terminal_columns());
    format!("[Permission] {}\n{}\n", asked.tool, lines.join("\n"))
}

/// Prints blocks with line feeds between them.
#[derive(Default)]
struct Printed {
    anything: bool,
}

impl Printed {
    async fn print(&mut self, stream: &Stream, items: &[TimelineItem]) -> Result<(), Stop> {
        let text = transcript::render(items);
        if !text.is_empty() {
            self.anything = true;
            stream.text(&(text + "\n")).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_the_digits_at_the_beginning() {
        assert_eq!(count("2x").unwrap(), 2);
        assert_eq!(count(" 7").unwrap(), 7);
        for text in ["-1", "abc", "", "99999999999999999999"] {
            assert_eq!(count(text).unwrap_err().code, "INVALID_TAIL", "{text}");
        }
    }
}
