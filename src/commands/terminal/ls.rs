//! `paseo terminal ls`: the terminals of a daemon.

use super::{COLUMNS, row};
use crate::commands::{CommandResult, Context, failure, place};
use crate::complete::Kind;
use crate::output::{Output, Table};
use crate::protocol::terminals::ListTerminals;

/// Arguments of `paseo terminal ls`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Those of all directories
    #[arg(long)]
    pub all: bool,

    /// Those of this directory; the current one when absent
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
}

/// Lists terminals. For a remote on which nothing stands for the current directory, all of them.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let cwd = match (args.all, &args.cwd) {
        (true, _) => None,
        (false, Some(cwd)) => Some(cwd.clone()),
        (false, None) => place::usual(context)?,
    };
    let request = ListTerminals {
        cwd,
        workspace_id: None,
    };
    let reply = context
        .with_daemon_and(&request, async |_, reply| Ok(reply))
        .map_err(failure::of("TERMINAL_LIST_FAILED"))?;
    if request.cwd.is_none() {
        let known = reply.terminals.iter();
        let known = known.map(|terminal| (terminal.id.as_str(), terminal.name.as_str()));
        context.remember(Kind::Terminals, &mut known.into_iter());
    }
    let cwd = reply.cwd.as_deref().or(request.cwd.as_deref());
    let rows = reply.terminals.iter();
    let rows = rows.map(|terminal| row(&terminal.id, &terminal.name, cwd));
    Ok(Output::List(Table {
        columns: COLUMNS.to_vec(),
        rows: rows.collect(),
    })
    .into())
}
