//! `paseo attach`: see what an agent does, as it does it.

use std::collections::HashSet;
use std::convert::Infallible;

use super::answering::{Asking, Step, Typed};
use super::attach_text::{AttachText, Text, permission};
use super::live::Live;
use super::ls::short_id;
use super::resolve;
use super::streaming::{self, Stop};
use super::timeline::{self, History, Shown};
use crate::client::DaemonClient;
use crate::commands::failure::Doing;
use crate::commands::lifeline::Lifeline;
use crate::commands::{CommandResult, Context, Reference, suggestion};
use crate::complete;
use crate::output::{self, Format, Stream};
use crate::protocol::agents::PermissionRequest;
use crate::protocol::permissions::{AnswerPermission, PermissionAnswer};
use crate::protocol::timeline::{AgentStream, StreamEvent};

const DOING: Doing = Doing {
    code: "ATTACH_FAILED",
    what: "Failed to attach",
};

/// Arguments of `paseo attach`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the agent, the beginning of it, or its title; of more than one, work:id for that of a remote
    #[arg(value_name = "id", required = true, add = complete::agents())]
    pub ids: Vec<Reference>,
}

/// Prints what an agent said and did, and then what it does, until Ctrl-C. On a terminal, permission
/// requests can be answered. With `--json`: JSON Lines.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = resolve::named(context.subject(&args.ids))?;
    let json = context.output.format == Format::Json;
    let terminal = context.output.terminal;
    let asks = terminal && !json && !context.is_batch();
    context.with_lifeline_and(&request, async |line, reply| {
        let agent = resolve::found(reply, DOING)?.id;
        let farewell = if json {
            ""
        } else {
            "\n\nDetaching from agent...\n"
        };
        let work = async |stream: &Stream| {
            let attached = Attached {
                agent: &agent,
                stream,
                text: (!json).then(AttachText::default),
                asking: asks.then(Asking::start),
                sending: format!(
                    "{} send {} TEXT",
                    suggestion::program(context),
                    output::shell_operand(&short_id(&agent))
                ),
                told: HashSet::new(),
            };
            attached.run(line).await
        };
        streaming::until_interrupted(Stream::start(&context.output), farewell, work).await
    })
}

struct Attached<'a> {
    agent: &'a str,
    stream: &'a Stream,
    /// `None`: JSON Lines.
    text: Option<AttachText>,
    asking: Option<Asking>,
    /// The command that sends a text to the agent.
    sending: String,
    /// Ids of the requests that were shown.
    told: HashSet<String>,
}

impl Attached<'_> {
    async fn run(mut self, line: &mut Lifeline<'_>) -> Result<(), Stop> {
        if self.text.is_some() {
            let id = short_id(self.agent);
            let header = format!("Attaching to agent {id}...\n(Press Ctrl+C to detach)\n\n");
            self.stream.text(&header).await?;
        }
        let mut shown = Shown::default();
        if let Err(stop) = self.history(&line.daemon(), &mut shown).await {
            line.again(stop.error()?).await?;
        }
        let mut live = Live::after(shown, self.agent, DOING);
        loop {
            let Err(stop) = self.follow(&line.daemon(), &mut live).await;
            line.again(stop.error()?).await?;
        }
    }

    /// Shows what happens until the connection ends.
    async fn follow(&mut self, daemon: &DaemonClient, live: &mut Live) -> Result<Infallible, Stop> {
        let pending = live.subscribe(daemon).await?;
        if let Some(asking) = &mut self.asking {
            // Some were answered meanwhile; and the answer to one that still waits may have been lost.
            asking.forget();
        }
        for request in pending {
            if self.text.is_some() && self.told.insert(request.id.clone()) {
                let text = permission(&request, self.asking.is_none());
                self.stream.text(&text).await?;
            }
            self.ask(request).await?;
        }
        loop {
            tokio::select! {
                line = line(&mut self.asking) => self.answer(daemon, &line).await?,
                happened = live.next(daemon) => self.show(happened?).await?,
            }
        }
    }

    async fn history(&mut self, daemon: &DaemonClient, shown: &mut Shown) -> Result<(), Stop> {
        let mut history = History::open(daemon, self.agent, DOING).await?;
        while let Some(entries) = history.page().await? {
            let epoch = history.epoch();
            for entry in entries {
                self.print(&timeline::as_stream(entry, self.agent, &epoch))
                    .await?;
            }
            shown.clone_from(history.shown());
        }
        Ok(())
    }

    async fn show(&mut self, happened: AgentStream) -> Result<(), Stop> {
        self.print(&happened).await?;
        match happened.event {
            StreamEvent::PermissionRequested { request, .. } => {
                self.told.insert(request.id.clone());
                self.ask(*request).await
            }
            StreamEvent::PermissionResolved { request_id, .. } => {
                self.told.remove(&request_id);
                self.next_question(&request_id).await
            }
            _ => Ok(()),
        }
    }

    async fn print(&mut self, happened: &AgentStream) -> Result<(), Stop> {
        let Some(text) = &mut self.text else {
            return Ok(self.stream.json_line(happened).await?);
        };
        let asking = self.asking.as_ref().is_some_and(Asking::is_asking);
        match text.event(&happened.event, self.asking.is_none(), asking) {
            Some(Text::Out(text)) => self.stream.text(&text).await?,
            Some(Text::Err(text)) => self.stream.warn(&text).await?,
            None => {}
        }
        Ok(())
    }

    async fn ask(&mut self, request: PermissionRequest) -> Result<(), Stop> {
        let step = self.asking.as_mut().and_then(|asking| asking.add(request));
        self.step(step).await
    }

    /// Shows a request, and asks.
    async fn step(&mut self, step: Option<Step>) -> Result<(), Stop> {
        let (Some(asking), Some(step)) = (&mut self.asking, step) else {
            return Ok(());
        };
        let stream = self.stream;
        if let Some(text) = &mut self.text {
            stream.text(text.end_line()).await?;
        }
        Ok(asking
            .ask(step, async |text: &str| stream.text(text).await)
            .await?)
    }

    async fn answer(&mut self, daemon: &DaemonClient, line: &str) -> Result<(), Stop> {
        let Some(asking) = &mut self.asking else {
            return Ok(());
        };
        match asking.answer(line) {
            Typed::Nothing if line.trim().is_empty() => Ok(()),
            Typed::Nothing => {
                let told = match asking.is_asking() {
                    true => "  that is no answer\n".to_owned(),
                    false => format!(
                        "  not sent: here, only requests are answered\n  try: {}\n",
                        self.sending
                    ),
                };
                Ok(self.stream.text(&told).await?)
            }
            Typed::Next(step) => self.step(Some(step)).await,
            Typed::Answer(id, answer) => {
                self.send(daemon, &id, answer).await?;
                self.next_question(&id).await
            }
        }
    }

    async fn send(
        &self,
        daemon: &DaemonClient,
        id: &str,
        answer: PermissionAnswer,
    ) -> Result<(), Stop> {
        let request = AnswerPermission {
            agent_id: self.agent.to_owned(),
            response: answer,
        };
        // That it was taken is seen in the stream.
        let sent = daemon.start_as(id, &request).await;
        sent.map(drop).map_err(|error| DOING.error(error).into())
    }

    async fn next_question(&mut self, answered: &str) -> Result<(), Stop> {
        let step = self
            .asking
            .as_mut()
            .and_then(|asking| asking.remove(answered));
        self.step(step).await
    }
}

/// Waits for a line that is typed, for ever when nobody is asked.
async fn line(asking: &mut Option<Asking>) -> String {
    match asking {
        Some(asking) => asking.line().await,
        None => std::future::pending().await,
    }
}
