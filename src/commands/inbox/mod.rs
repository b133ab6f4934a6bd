//! `paseo inbox`: everything on any remote that waits for a person.

mod answer;
mod attended;
mod dismiss;
mod notify;
mod waiting;
mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use notify::Notify;
use serde_json::Value;
use waiting::Waiting;

use super::agent::answering::Asking;
use super::agent::directory;
use super::agent::known::{self, Known};
use super::several::{self, Form};
use super::{CommandResult, Context, Outcome};
use crate::error::CommandError;
use crate::output::{self, Column, Format, Output, Row, Table};
use crate::protocol::agents::{AgentSnapshot, FetchAgents};

/// Arguments of `paseo inbox`
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Go on: print what waits now, and what begins to wait
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

    /// Take ends (finished, failed) off the list without asking: of these agents, or of all
    #[arg(long, value_name = "ID", num_args = 0.., conflicts_with = "watch")]
    #[arg(add = crate::complete::agents())]
    pub dismiss: Option<Vec<String>>,
}

/// What waits on which daemons.
type Found = Vec<There>;

/// What waits on one daemon.
struct There {
    /// Its name; none where it is the selected one.
    remote: Option<String>,
    /// Whether requests cannot be answered under that name.
    read_only: bool,
    /// Its own id.
    server_id: String,
    waiting: Vec<Waiting>,
}

/// Leaves a daemon that is saved under several names in once, under the first of them.
fn once(found: &mut Found, output: &mut Output) {
    let mut names: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut again = Vec::new();
    found.retain(|there| {
        let first = !names.contains_key(&there.server_id);
        match first {
            true => drop(names.insert(there.server_id.clone(), there.remote.clone())),
            false => again.extend(there.remote.clone()),
        }
        first
    });
    if let Output::List(table) = output {
        let is_again = |row: &Row| {
            let remote = row.json.get("remote").and_then(Value::as_str);
            remote.is_some_and(|remote| again.iter().any(|name| name == remote))
        };
        table.rows.retain(|row| !is_again(row));
    }
}

/// Lists what waits on all remotes, unless `-r` or the like says which. On a terminal, requests are answered
/// then, one after the other; with `--watch`, whenever somebody presses Enter.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let context = context.about(several::everywhere(context)?);
    let is_attended = context.output.terminal
        && context.output.format == Format::Table
        && !context.output.quiet
        && !context.is_batch();
    if args.watch {
        return watch_all(&context, args, is_attended);
    }
    let (found, outcome) = everything(&context)?;
    if args.dismiss.is_some() || !is_attended || found.is_empty() {
        return match &args.dismiss {
            Some(ids) => dismiss::all(&context, &found, ids, outcome),
            None => Ok(outcome),
        };
    }
    output::print(&outcome.output, &context.output)
        .map_err(|error| CommandError::internal("stdout cannot be written").because(error))?;
    for line in &outcome.failures {
        output::note(line);
    }
    answer::each(&context, &found, &mut Asking::start())?;
    Ok(Outcome {
        output: Output::Nothing,
        failures: Vec::new(),
        ..outcome
    })
}

fn watch_all(context: &Context, args: &Args, is_attended: bool) -> CommandResult {
    let terminal = Arc::default();
    if is_attended {
        attended::start(context, Arc::clone(&terminal));
    }
    let seen = watch::Seen::default();
    let args = args.clone();
    let work = move |context: &Context| {
        watch::run(context, &Notify::new(context, &args), &seen, &terminal)
    };
    several::each(context, &[], Form::Endless, Arc::new(work))
}

/// One thing that waits, and the name of its remote.
type Entry = (Option<String>, Waiting);

/// Finds what waits, and makes the list of it.
fn everything(context: &Context) -> Result<(Vec<Entry>, Outcome), CommandError> {
    let found = Arc::new(Mutex::new(Found::new()));
    let list = Arc::clone(&found);
    let work = move |context: &Context| look(context, &list);
    let mut outcome = several::each(context, &[], Form::Table, Arc::new(work))?;
    let mut found = std::mem::take(&mut *found.lock().unwrap_or_else(|gone| gone.into_inner()));
    // As they are listed, not as they came; of two names of a daemon, the one that may answer counts.
    found.sort_by(|one, other| (one.read_only, &one.remote).cmp(&(other.read_only, &other.remote)));
    once(&mut found, &mut outcome.output);
    let entries = found.into_iter().flat_map(|there| {
        let named = move |one| (there.remote.clone(), one);
        there.waiting.into_iter().map(named)
    });
    Ok((entries.collect(), outcome))
}

fn is_read_only(context: &Context, name: &str) -> bool {
    let file = context.remotes();
    file.is_ok_and(|file| {
        let mut remotes = file.remotes();
        remotes.any(|remote| remote.name.as_str() == name && remote.guard.readonly)
    })
}

/// Lists what waits on one daemon.
fn look(context: &Context, found: &Mutex<Found>) -> CommandResult {
    let request = FetchAgents {
        page: directory::first_page(),
        ..FetchAgents::default()
    };
    let (mut waiting, mut seen) = (Vec::new(), Vec::new());
    let server_id = context
        .with_daemon_and(&request, async |daemon, first| {
            let take = |agent: AgentSnapshot| {
                seen.push(Known::from(&agent));
                waiting.extend(waiting::of_one(&agent));
            };
            directory::each(daemon, &request, first, take).await?;
            Ok(daemon.server().server_id.clone())
        })
        .map_err(|error| error.or_code("INBOX_FAILED"))?;
    known::remember_waiting(context, &seen);
    waiting::sort(&mut waiting);
    let rows = waiting.iter().map(Waiting::row).collect();
    let remote = context.global.remote.clone();
    let mut found = found.lock().unwrap_or_else(|gone| gone.into_inner());
    found.push(There {
        read_only: remote
            .as_deref()
            .is_some_and(|name| is_read_only(context, name)),
        remote,
        server_id,
        waiting,
    });
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
