//! `paseo keystore status`: every store, looked at without asking anybody.

use serde::Serialize;

use crate::commands::{CommandResult, Context};
use crate::output::{Column, Output, Row, Table};
use crate::secret::{StoreError, StoreKind};

/// Arguments of `paseo keystore status`
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Debug, Serialize)]
struct Found {
    store: &'static str,
    state: &'static str,
    reason: Option<String>,
    remotes: usize,
}

/// Shows the stores.
pub fn run(context: &Context, _args: &Args) -> CommandResult {
    let file = context.remotes()?;
    let row = |kind: StoreKind| {
        let opened = context.stores.open(kind);
        let (state, reason) = state(opened.and_then(|store| store.status()));
        let secrets = file.remotes().filter_map(|remote| remote.secret());
        let found = Found {
            store: kind.as_str(),
            state,
            reason,
            remotes: secrets.filter(|secret| secret.store == kind).count(),
        };
        let cells = vec![
            found.store.into(),
            found.state.into(),
            found.remotes.to_string().into(),
            found.reason.as_deref().unwrap_or_default().into(),
        ];
        Row::new(found.store, cells, &found)
    };
    Ok(Output::List(Table {
        columns: vec![
            Column("STORE", 0),
            Column("STATE", 0),
            Column("REMOTES", 0),
            Column("REASON", 0),
        ],
        rows: StoreKind::ALL.into_iter().map(row).collect(),
    })
    .into())
}

fn state(status: Result<(), StoreError>) -> (&'static str, Option<String>) {
    let error = match status {
        Ok(()) => return ("available", None),
        Err(error) => error,
    };
    let state = match &error {
        StoreError::Unavailable { .. } => "absent",
        StoreError::NoCollection { .. } => "no collection",
        StoreError::TimedOut { .. } => "not answering",
        StoreError::Locked { .. } => "locked",
        StoreError::NoPassphrase { .. } | StoreError::WrongPassphrase { .. } => "locked",
        _ => "failed",
    };
    (state, Some(error.to_string()))
}
