//! `paseo script …`: scripts and services that a workspace defines in its `paseo.json`.

pub mod ls;
pub mod start;
pub mod stop;
pub mod workspace;

use clap::Subcommand;

use super::{CommandResult, Context, failure};
use crate::output::{Column, Output, Row, Table};
use crate::protocol::scripts::{Script, Scripts};

/// A command about scripts.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the scripts of a workspace
    Ls(ls::Args),
    /// Start a script
    Start(workspace::Named),
    /// Stop a script
    Stop(workspace::Named),
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Ls(args) => ls::run(context, args),
        Command::Start(args) => start::run(context, args),
        Command::Stop(args) => stop::run(context, args),
    }
}

const COLUMNS: [Column; 7] = [
    Column("NAME", 20),
    Column("TYPE", 9),
    Column("LIFECYCLE", 10),
    Column("HEALTH", 10),
    Column("PORT", 7),
    Column("PROXY URL", 42),
    Column("TERMINAL", 12),
];

/// A script as it is shown; the data are the daemon's record.
fn row(script: &Script) -> Row {
    let or_dash = |text: Option<&str>| text.unwrap_or("-").into();
    let port = script.port.map(|port| port.to_string());
    let cells = vec![
        script.script_name.as_str().into(),
        script.kind.as_str().into(),
        script.lifecycle.as_str().into(),
        or_dash(script.health.as_deref()),
        or_dash(port.as_deref()),
        or_dash(script.proxy_url.as_deref()),
        or_dash(script.terminal_id.as_deref()),
    ];
    Row::new(script.script_name.as_str(), cells, script)
}

/// The script of a reply, or why there is none.
fn one(reply: Scripts, code: &'static str) -> CommandResult {
    match (reply.error, reply.script) {
        (None, Some(script)) => Ok(Output::Item(Table {
            columns: COLUMNS.to_vec(),
            rows: vec![row(&script)],
        })
        .into()),
        (error, _) => Err(failure::says(code, error)),
    }
}
