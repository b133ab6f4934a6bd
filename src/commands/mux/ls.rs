//! `paseo mux ls`: what is kept ready.

use serde_json::json;

use super::holder::{Status, sockets, status_of};
use crate::commands::holder::Holder;
use crate::commands::{CommandResult, Context};
use crate::output::{Column, Output, Row, Table};

/// Arguments of `paseo mux ls`
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Lists every holder of this user. One that does not answer in time is `stuck`, and commands go around it.
pub fn run(context: &Context, _args: &Args) -> CommandResult {
    let rows = sockets(context).into_iter().filter_map(|socket| {
        let holder = Holder::at(&socket)?;
        let pid = holder.pid.as_raw_nonzero().get();
        let status = status_of(holder).ok();
        let state = match &status {
            Some(_) => "running",
            None => "stuck",
        };
        let number = |of: fn(&Status) -> u64| {
            let number = status.as_ref().map(of);
            number.map(|number| number.to_string()).unwrap_or_default()
        };
        let remote = status.as_ref().map_or("", |status| &status.remote);
        let cells = vec![
            remote.into(),
            state.into(),
            pid.to_string().into(),
            number(|status| status.ready as u64).into(),
            number(|status| status.sessions as u64).into(),
            number(|status| status.served as u64).into(),
        ];
        let data = json!({ "state": state, "pid": pid, "socket": socket, "holder": status });
        Some(Row::new(remote, cells, &data))
    });
    Ok(Output::List(Table {
        columns: vec![
            Column("REMOTE", 0),
            Column("STATE", 0),
            Column("PID", 0),
            Column("READY", 0),
            Column("IN USE", 0),
            Column("SERVED", 0),
        ],
        rows: rows.collect(),
    })
    .into())
}
