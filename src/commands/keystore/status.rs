//! `paseo keystore status`: every store, looked at without asking anybody.

use jiff::Timestamp;
use serde::Serialize;

use super::until;
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
    /// Until when the key of an unlocked vault is held.
    #[serde(rename = "heldUntil")]
    held_until: Option<Timestamp>,
}

/// Shows the stores.
pub fn run(context: &Context, _args: &Args) -> CommandResult {
    let file = context.remotes()?;
    let held_until = held_until(context);
    let row = |kind: StoreKind| {
        let opened = context.stores.open(kind);
        let (state, reason) = state(opened.and_then(|store| store.status()));
        let secrets = file.remotes().filter_map(|remote| remote.secret());
        let held_until = held_until.filter(|_| kind == StoreKind::Vault);
        let found = Found {
            store: kind.as_str(),
            state,
            reason,
            remotes: secrets.filter(|secret| secret.store == kind).count(),
            held_until,
        };
        let held = held_until.map(|until| format!("unlocked until {}", until::for_people(until)));
        let cells = vec![
            found.store.into(),
            found.state.into(),
            found.remotes.to_string().into(),
            found.reason.clone().or(held).unwrap_or_default().into(),
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

/// Returns until when the key of the vault is held, where it fits.
#[cfg(unix)]
fn held_until(context: &Context) -> Option<Timestamp> {
    let vault = context.stores.vault().ok()?;
    let left = super::key_process::KeyProcess::new(&context.env).time_left()?;
    vault.is_held().then(|| until::moment_in(left))
}

#[cfg(not(unix))]
fn held_until(_context: &Context) -> Option<Timestamp> {
    None
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
