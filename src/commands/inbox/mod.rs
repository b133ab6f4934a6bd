//! `paseo inbox`: everything on any remote that waits for a person.

mod answer;
mod notify;
mod waiting;
mod watch;

use std::sync::{Arc, Mutex};

use notify::Notify;
use waiting::Waiting;

use super::agent::directory;
use super::several::{self, Form};
use super::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::output::{self, Column, Format, Output, Table};
use crate::protocol::agents::{AgentSnapshot, FetchAgents};

/// Arguments of `paseo inbox`
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Go on, and print what begins to wait from now on
    #[arg(long)]
    pub watch: bool,

    /// With --watch: also tell through the terminal, by bell, osc9 or osc777
    #[arg(long, value_name = "HOW", requires = "watch")]
    #[arg(add = crate::complete::words(&["bell", "osc9", "osc777"]))]
    pub notify: Option<notify::Signal>,

    /// With --watch: also run a program, with a title and a text as its arguments, such as notify-send
    #[arg(long, value_name = "PROGRAM", requires = "watch")]
    #[arg(value_hint = clap::ValueHint::CommandName)]
    pub notify_command: Option<std::path::PathBuf>,
}

/// What waits on which remote; of the selected daemon where it has no name.
type Found = Vec<(Option<String>, Waiting)>;

/// Lists what waits on all remotes, unless `-r` or the like says which. On a terminal, requests are answered
/// then, one after the other.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let context = context.about(several::everywhere(context)?);
    let found = Arc::new(Mutex::new(Found::new()));
    let form = match args.watch {
        true => Form::Endless,
        false => Form::Table,
    };
    let (args, list) = (args.clone(), found.clone());
    let work = move |context: &Context| match args.watch {
        true => watch::run(context, &Notify::new(context, &args)),
        false => look(context, &list),
    };
    let asks = form == Form::Table
        && context.output.terminal
        && context.output.format == Format::Table
        && !context.output.quiet
        && !context.is_batch();
    let outcome = several::each(&context, &[], form, Arc::new(work))?;
    let mut found = std::mem::take(&mut *found.lock().unwrap_or_else(|gone| gone.into_inner()));
    // As they are listed, not as they came.
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    if !asks || !found.iter().any(|(_, waiting)| waiting.request.is_some()) {
        return Ok(outcome);
    }
    output::print(&outcome.output, &context.output)
        .map_err(|error| CommandError::internal("stdout cannot be written").because(error))?;
    for line in &outcome.failures {
        output::note(line);
    }
    answer::each(&context, found)?;
    Ok(Outcome {
        output: Output::Nothing,
        failures: Vec::new(),
        ..outcome
    })
}

/// Lists what waits on one daemon.
fn look(context: &Context, found: &Mutex<Found>) -> CommandResult {
    let request = FetchAgents {
        page: directory::first_page(),
        ..FetchAgents::default()
    };
    let mut waiting = Vec::new();
    context
        .with_daemon_and(&request, async |daemon, first| {
            let take = |agent: AgentSnapshot| waiting.extend(waiting::of_one(&agent));
            Ok(directory::each(daemon, &request, first, take).await?)
        })
        .map_err(|error| error.or_code("INBOX_FAILED"))?;
    waiting::sort(&mut waiting);
    let rows = waiting.iter().map(Waiting::row).collect();
    let remote = context.global.remote.clone();
    let mut found = found.lock().unwrap_or_else(|gone| gone.into_inner());
    found.extend(waiting.into_iter().map(|waiting| (remote.clone(), waiting)));
    Ok(Output::List(Table {
        columns: vec![
            Column("AGENT ID", 12),
            Column("NAME", 20),
            Column("WAITS", 10),
            Column("REQUEST", 10),
            Column("DETAIL", 40),
            Column("SINCE", 14),
        ],
        rows,
    })
    .into())
}
