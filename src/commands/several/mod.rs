//! One command, many remotes: which they are, and the fan-out.
//!
//! A command knows one daemon. [`spread`] finds the daemons that a command line names; [`fan`] runs the
//! command once for each, on threads of their own with a narrowed [`Context`], and [`merge`] makes one output
//! of all. So every command works with several remotes, and none is written twice.

mod branch;
mod fan;
mod live;
mod merge;

pub(super) use branch::{Branch, Part, Spread, spread};
pub(super) use fan::{Form, Work};

use super::{CommandResult, Context, Reference};
use crate::error::{CommandError, Exit};

/// Runs a command on every daemon that the command line names; `references` are what it names of them.
pub(super) fn each(
    context: &Context,
    references: &[Reference],
    form: Form,
    work: Work,
) -> CommandResult {
    match spread(context, references)? {
        Spread::One(context) => work(&context),
        Spread::Several(branches) => fan::run(&context.output, branches, form, work),
    }
}

/// Returns the word for all remotes where nothing says which, and there are some.
pub(super) fn everywhere(context: &Context) -> Result<Option<&'static str>, CommandError> {
    let told = context.names_a_daemon();
    let saved = !told && context.remotes()?.remotes().next().is_some();
    Ok(saved.then_some("all"))
}

/// All ended alike, or it is in between.
pub(super) fn exit(exits: impl IntoIterator<Item = Exit>) -> Exit {
    let mut exits = exits.into_iter();
    let first = exits.next().unwrap_or_default();
    match exits.all(|exit| exit == first) {
        true => first,
        false => Exit::Partial,
    }
}
