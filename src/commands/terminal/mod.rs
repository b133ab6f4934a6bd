//! `paseo terminal …`: terminals on the daemon's machine.

#[cfg(unix)]
pub mod attach;
pub mod capture;
pub mod create;
pub mod kill;
pub mod ls;
#[cfg(unix)]
pub(super) mod program;
mod resolve;
pub mod send_keys;
#[cfg(unix)]
mod session;
#[cfg(unix)]
pub mod shell;

use clap::Subcommand;
use serde::Serialize;

use super::{CommandResult, Context, exact};
use crate::output::{Column, Row};

/// A command about terminals.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List terminals
    Ls(ls::Args),
    /// Start a terminal
    Create(create::Args),
    /// Print what a terminal shows
    Capture(capture::Args),
    /// Type into a terminal
    SendKeys(send_keys::Args),
    /// Work in a terminal
    #[cfg(unix)]
    Attach(attach::Args),
    /// End a terminal
    Kill(kill::Args),
}

impl Command {
    /// Returns whether somebody sits before it.
    pub(super) fn is_session(&self) -> bool {
        match self {
            #[cfg(unix)]
            Self::Attach(_) => true,
            _ => false,
        }
    }
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Ls(args) => ls::run(context, args),
        Command::Create(args) => create::run(context, args),
        Command::Capture(args) => capture::run(context, args),
        Command::SendKeys(args) => send_keys::run(context, args),
        #[cfg(unix)]
        Command::Attach(args) => attach::run(context, args),
        Command::Kill(args) => kill::run(context, args),
    }
}

const COLUMNS: [Column; 3] = [Column("ID", 8), Column("NAME", 24), Column("CWD", 48)];

/// A terminal as it is shown: the official fields, and the exact ones.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    id: &'a str,
    name: &'a str,
    cwd: &'a str,
    cwd_path: Option<&'a str>,
}

/// Makes the row of a terminal. `cwd` is where it started, or which directory was asked for.
fn row(id: &str, name: &str, cwd: Option<&str>) -> Row {
    let listed = Listed {
        id,
        name,
        cwd: cwd.unwrap_or("-"),
        cwd_path: cwd.and_then(exact::path),
    };
    let cells = vec![short(id).into(), name.into(), listed.cwd.into()];
    Row::new(id, cells, &listed)
}

/// Returns the first eight characters of a terminal's id.
fn short(id: &str) -> String {
    id.chars().take(8).collect()
}
