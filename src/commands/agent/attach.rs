//! `paseo attach`: see what an agent does, as it does it.

use super::answering::{Asking, Typed};
use super::attach_text::{AttachText, Text, permission};
use super::live::Live;
use super::ls::short_id;
use super::resolve;
use super::streaming::{self, Stop};
use super::timeline::{self, History};
use crate::client::DaemonClient;
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, Reference};
use crate::complete;
use crate::output::{Format, Stream};
use crate::protocol::agents::PermissionRequest;
use crate::protocol::permissions::{AnswerPermission, PermissionAnswer};
use crate::protocol::timeline::{AgentStream, Cursor, StreamEvent};

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
    context.with_daemon_and(&request, async |daemon, reply| {
        let agent = resolve::found(reply, DOING)?.id;
        let farewell = if json {
            ""
        } else {
            "\n\nDetaching from agent...\n"
        };
        let work = async |stream: &Stream| {
            let attached = Attached {
                daemon,
                agent: &agent,
                stream,
                text: (!json).then(AttachText::default),
                asking: asks.then(Asking::start),
            };
            attached.run().await
        };
        streaming::until_interrupted(Stream::start(&context.output), farewell, work).await
    })
}

struct Attached<'a> {
    daemon: &'a DaemonClient,
    agent: &'a str,
    stream: &'a Stream,
    /// `None`: JSON Lines.
    text: Option<AttachText>,
    asking: Option<Asking>,
}

impl Attached<'_> {
    async fn run(mut self) -> Result<(), Stop> {
        if self.text.is_some() {
            let id = short_id(self.agent);
            let header = format!("Attaching to agent {id}...\n(Press Ctrl+C to detach)\n\n");
            self.stream.text(&header).await?;
        }
        let place = self.history().await?;
        let (mut live, pending) = Live::open(self.daemon, self.agent, place, DOING).await?;
        for request in pending {
            if self.text.is_some() {
                self.stream.text(&permission(&request)).await?;
            }
            self.ask(request).await?;
        }
        loop {
            tokio::select! {
                line = line(&mut self.asking) => self.answer(&line).await?,
                happened = live.next() => self.show(happened?).await?,
            }
        }
    }

    async fn history(&mut self) -> Result<Option<Cursor>, Stop> {
        let mut history = History::open(self.daemon, self.agent, DOING).await?;
        while let Some(entries) = history.page().await? {
            let epoch = history
                .place()
                .map(|place| place.epoch.clone())
                .unwrap_or_default();
            for entry in entries {
                self.print(&timeline::as_stream(entry, self.agent, &epoch))
                    .await?;
            }
        }
        Ok(history.place().cloned())
    }

    async fn show(&mut self, happened: AgentStream) -> Result<(), Stop> {
        self.print(&happened).await?;
        match happened.event {
            StreamEvent::PermissionRequested { request, .. } => self.ask(*request).await,
            StreamEvent::PermissionResolved { request_id, .. } => {
                self.next_question(&request_id).await
            }
            _ => Ok(()),
        }
    }

    async fn print(&mut self, happened: &AgentStream) -> Result<(), Stop> {
        let Some(text) = &mut self.text else {
            return Ok(self.stream.json_line(happened).await?);
        };
        match text.event(&happened.event) {
            Some(Text::Out(text)) => self.stream.text(&text).await?,
            Some(Text::Err(text)) => self.stream.warn(&text).await?,
            None => {}
        }
        Ok(())
    }

    async fn ask(&mut self, request: PermissionRequest) -> Result<(), Stop> {
        let question = self.asking.as_mut().and_then(|asking| asking.add(request));
        if let Some(question) = question {
            self.stream.text(&question).await?;
        }
        Ok(())
    }

    async fn answer(&mut self, line: &str) -> Result<(), Stop> {
        let Some(asking) = &mut self.asking else {
            return Ok(());
        };
        match asking.answer(line) {
            Typed::Nothing => Ok(()),
            Typed::Next(question) => Ok(self.stream.text(&question).await?),
            Typed::Answer(id, answer) => {
                self.send(&id, answer).await?;
                self.next_question(&id).await
            }
        }
    }

    async fn send(&self, id: &str, answer: PermissionAnswer) -> Result<(), Stop> {
        let request = AnswerPermission {
            agent_id: self.agent.to_owned(),
            response: answer,
        };
        // That it was taken is seen in the stream.
        let sent = self.daemon.start_as(id, &request).await;
        sent.map(drop).map_err(|error| DOING.error(error).into())
    }

    async fn next_question(&mut self, answered: &str) -> Result<(), Stop> {
        let question = self
            .asking
            .as_mut()
            .and_then(|asking| asking.remove(answered));
        if let Some(question) = question {
            self.stream.text(&question).await?;
        }
        Ok(())
    }
}

/// Waits for a line that is typed, for ever when nobody is asked.
async fn line(asking: &mut Option<Asking>) -> String {
    match asking {
        Some(asking) => asking.line().await,
        None => std::future::pending().await,
    }
}
