//! `paseo terminal kill`: end a terminal.

use serde_json::json;

use super::{resolve, short};
use crate::commands::{CommandResult, Context, Reference, failure};
use crate::complete;
use crate::output::{Column, Output, Row, Table};
use crate::protocol::terminals::{KillTerminal, ListTerminals};

/// Arguments of `paseo terminal kill`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its id, the beginning of it, or its name
    #[arg(add = complete::terminals())]
    pub terminal_id: Reference,
}

/// Ends a terminal and what runs in it.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let killed = context
        .with_daemon_and(&ListTerminals::default(), async |daemon, reply| {
            let terminal_id = resolve::pick(&reply.terminals, args.terminal_id.on(context))?
                .id
                .clone();
            Ok(daemon.call(&KillTerminal { terminal_id }).await?)
        })
        .map_err(failure::of("TERMINAL_KILL_FAILED"))?;
    let id = killed.terminal_id;
    let json = json!({ "terminalId": id, "success": killed.success });
    let cells = vec![short(&id).into(), killed.success.to_string().into()];
    Ok(Output::Item(Table {
        columns: vec![Column("ID", 8), Column("SUCCESS", 8)],
        rows: vec![Row::new(id, cells, &json)],
    })
    .into())
}
