//! `paseo remote check`, and the one connection behind it that `add` and `repair` make too.

use std::time::{Duration, Instant};

use anstyle::AnsiColor;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{self, StreamExt};
use serde::Serialize;

use super::source::Source;
use crate::commands::daemon_password::{Passwords, is_about_password, not_given};
use crate::commands::runtime::run_async;
use crate::commands::selection::Resolved;
use crate::commands::{CommandResult, Context, Outcome, several};
use crate::complete;
use crate::error::{CommandError, Exit};
use crate::output::{Cell, Column, Output, Row, Table};
use crate::protocol::session::Ping;
use crate::remote::{Choice, Remote, RemotesFile, Rule, Selected, Selection};
use crate::target::Target;

/// How many connections are made at once.
const AT_ONCE: usize = 32;

/// Arguments of `paseo remote check`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remotes, or @tags and patterns; without any, those of --remote, else all
    #[arg(value_name = "NAME", add = complete::remotes())]
    pub names: Vec<String>,

    /// All of them
    #[arg(long, conflicts_with = "names")]
    pub all: bool,

    /// Only remotes with this tag
    #[arg(long, value_name = "TAG", conflicts_with = "names")]
    pub tag: Option<String>,
}

impl Args {
    /// Returns the remotes that the arguments name, else `-r`, else all.
    fn remotes<'a>(
        &self,
        context: &Context,
        file: &'a RemotesFile,
    ) -> Result<Vec<&'a Remote>, CommandError> {
        let tagged = |remote: &&Remote| match &self.tag {
            Some(tag) => remote.tags.contains(tag),
            None => true,
        };
        let named = match self.names.is_empty() {
            false => Some(self.names.join(",")),
            true => context.global.remote.clone(),
        };
        let Some(named) = named.filter(|_| self.tag.is_none() && !self.all) else {
            return Ok(file.remotes().filter(tagged).collect());
        };
        let selections = match context.about(Some(&named)).selected()? {
            Selected::One(selection) => vec![selection],
            Selected::Several(selections, _) => selections,
        };
        let names = selections.iter().filter_map(|one| one.choice.name());
        Ok(names.map(|name| file.get(name)).collect::<Result<_, _>>()?)
    }
}

/// What a daemon said of itself, and how far away it is.
#[derive(Debug)]
pub(super) struct Checked {
    /// Its host name.
    pub(super) hostname: Option<String>,
    /// Its version.
    pub(super) version: Option<String>,
    /// The road that led there.
    road: String,
    /// One request and its reply, end to end.
    pub(super) round_trip: Duration,
}

/// A line of the report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    name: String,
    ok: bool,
    hostname: Option<String>,
    version: Option<String>,
    road: Option<String>,
    round_trip_ms: Option<f64>,
    error: Option<Failure>,
}

#[derive(Debug, Serialize)]
struct Failure {
    code: String,
    message: String,
    hop: Option<&'static str>,
    hint: Option<String>,
}

/// Connects to remotes, all at once. Secrets are read before, one after the other: a keyring may ask.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let file = context.remotes()?;
    let remotes = args.remotes(context, &file)?;
    let resolved: Vec<_> = remotes
        .iter()
        .map(|remote| resolve(context, remote))
        .collect();
    let results = run_async(async {
        let checks = resolved.into_iter().map(|resolved| -> Checking<'_> {
            Box::pin(async move { once(context, &resolved?).await })
        });
        Ok(stream::iter(checks)
            .buffered(AT_ONCE)
            .collect::<Vec<_>>()
            .await)
    })?;
    let exit = several::exit(results.iter().map(|result| match result {
        Ok(_) => Exit::Ok,
        Err(error) => error.exit,
    }));
    let lines = remotes
        .iter()
        .zip(results)
        .map(|(remote, result)| line(remote, result));
    Ok(Outcome {
        output: table(lines.collect()),
        exit,
        ..Outcome::default()
    })
}

/// A check that is going on.
type Checking<'a> = LocalBoxFuture<'a, Result<Checked, CommandError>>;

fn resolve(context: &Context, remote: &Remote) -> Result<Resolved, CommandError> {
    let selection = Selection {
        choice: Choice::Remote(Box::new(remote.clone())),
        rule: Rule::Flag("--remote"),
    };
    let mut resolved = context.resolve(&selection)?;
    resolved.plan.waits = false;
    Ok(resolved)
}

fn line(remote: &Remote, result: Result<Checked, CommandError>) -> Line {
    let mut line = Line {
        name: remote.name.to_string(),
        ok: result.is_ok(),
        hostname: None,
        version: None,
        road: None,
        round_trip_ms: None,
        error: None,
    };
    match result {
        Ok(checked) => {
            let millis = checked.round_trip.as_secs_f64() * 1000.0;
            line.hostname = checked.hostname;
            line.version = checked.version;
            line.road = Some(checked.road);
            line.round_trip_ms = Some((millis * 10.0).round() / 10.0);
        }
        Err(error) => {
            let causes = error.causes().into_iter();
            let message = causes.fold(error.message, |text, cause| format!("{text}: {cause}"));
            line.error = Some(Failure {
                code: error.code.into_owned(),
                message,
                hop: error.hop.map(|hop| hop.as_str()),
                hint: error.hint,
            });
        }
    }
    line
}

fn table(lines: Vec<Line>) -> Output {
    let row = |line: Line| {
        let (word, color) = match line.ok {
            true => ("pass", AnsiColor::Green),
            false => ("fail", AnsiColor::Red),
        };
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let time = line.round_trip_ms.map(|ms| format!("{ms:.1} ms"));
        let detail = line.error.as_ref().map(|error| error.message.clone());
        let cells: Vec<Cell> = vec![
            line.name.as_str().into(),
            Cell::colored(word, color),
            known(&line.hostname).into(),
            known(&line.version).into(),
            known(&time).into(),
            detail.or(line.road.clone()).unwrap_or_default().into(),
        ];
        Row::new(line.name.clone(), cells, &line)
    };
    let columns = [
        "NAME",
        "RESULT",
        "DAEMON",
        "VERSION",
        "ROUND TRIP",
        "DETAIL",
    ];
    Output::List(Table {
        columns: columns.map(|name| Column(name, 0)).to_vec(),
        rows: lines.into_iter().map(row).collect(),
    })
}

/// Connects, asks for one reply, and leaves.
pub(super) fn check(context: &Context, target: Target) -> Result<Checked, CommandError> {
    let resolved = context.plan_for(target)?;
    run_async(Box::pin(once(context, &resolved)))
}

/// The same, with the passwords of the command where the daemon requires one. The one that works stays in the source.
pub(super) fn check_with_password(
    context: &Context,
    source: &mut Source,
    passwords: &mut Passwords,
) -> Result<Checked, CommandError> {
    loop {
        let error = match check(context, source.target()) {
            Err(error) if is_about_password(&error) => error,
            checked => return checked,
        };
        let Some(password) = passwords.next()? else {
            return Err(not_given(error));
        };
        source.set_password(password);
    }
}

async fn once(context: &Context, resolved: &Resolved) -> Result<Checked, CommandError> {
    let (road, daemon, _) = context.connect(resolved, None).await?;
    road.finish(daemon, async |daemon| {
        let server = daemon.server();
        let (hostname, version) = (server.hostname.clone(), server.version.clone());
        let start = Instant::now();
        daemon.call(&Ping::default()).await?;
        Ok(Checked {
            hostname,
            version,
            road: road.target.to_string(),
            round_trip: start.elapsed(),
        })
    })
    .await
}
