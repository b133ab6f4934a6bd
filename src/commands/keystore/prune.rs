//! `paseo keystore prune`: what no remote uses goes.

use serde::Serialize;

use crate::commands::{CommandResult, Context, Outcome};
use crate::error::{CommandError, Exit};
use crate::output::{Column, Output, Row, Table};
use crate::remote::SecretRef;

/// Arguments of `paseo keystore prune`
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Debug, Serialize)]
struct Pruned<'a> {
    id: &'a str,
    store: &'static str,
    result: &'static str,
    error: Option<String>,
}

/// Deletes the secrets in files and in the vault that no remote uses, after asking: they cannot be told from those of
/// another `remotes.toml`.
pub fn run(context: &Context, _: &Args) -> CommandResult {
    let unused = context.keeper().unused(&context.remotes()?);
    if !unused.is_empty() {
        confirm(context, &unused)?;
    }
    // Also without any: what earlier changes left is deleted on the way.
    let pruned = context.keeper().prune(unused)?;
    let failed = pruned.iter().any(|(_, deleted)| deleted.is_err());
    let rows = pruned.iter().map(|(secret, deleted)| {
        let row = Pruned {
            id: secret.id.as_str(),
            store: secret.store.as_str(),
            result: match deleted {
                Ok(()) => "deleted",
                Err(_) => "failed",
            },
            error: deleted.as_ref().err().map(ToString::to_string),
        };
        let cells = [
            row.id,
            row.store,
            row.error.as_deref().unwrap_or(row.result),
        ];
        Row::new(row.id.to_owned(), cells.map(Into::into).to_vec(), &row)
    });
    let columns = ["ID", "STORE", "RESULT"];
    let columns = columns.map(|name| Column(name, 0)).to_vec();
    let rows = rows.collect();
    Ok(Outcome {
        output: Output::List(Table { columns, rows }),
        exit: if failed { Exit::Partial } else { Exit::Ok },
        ..Outcome::default()
    })
}

fn confirm(context: &Context, unused: &[SecretRef]) -> Result<(), CommandError> {
    let secrets = unused.iter().map(SecretRef::to_string);
    let secrets = secrets.collect::<Vec<_>>().join(", ");
    let question = format!("Nothing in remotes.toml uses {secrets}. Delete for good?");
    context.agrees(&question, || {
        let message = format!("nothing was deleted; no remote uses {secrets}");
        CommandError::usage("CONFIRMATION_NEEDED", message)
            .hint("say --yes, if no other remotes.toml uses them either")
    })
}
