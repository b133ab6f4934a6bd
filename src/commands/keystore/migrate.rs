//! `paseo keystore migrate`: secrets into another store, one remote after the other.

use serde::Serialize;

use crate::commands::{CommandResult, Context, Outcome};
use crate::complete;
use crate::error::{CommandError, Exit};
use crate::output::{Column, Output, Row, Table};
use crate::remote::{Holder, Remote, RemotesFile, SecretRef};
use crate::secret::StoreKind;

/// Arguments of `paseo keystore migrate`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remotes; without names all of them, and the key of this recipient
    #[arg(add = complete::remotes())]
    pub names: Vec<String>,

    /// Where to: keyring, vault, command or file
    #[arg(long, value_name = "STORE", add = complete::words(&["keyring", "vault", "command", "file"]))]
    pub to: StoreKind,
}

#[derive(Debug, Serialize)]
struct Moved {
    name: String,
    from: &'static str,
    to: &'static str,
    result: &'static str,
    /// Why it was not moved, or why the old secret is still there.
    error: Option<String>,
}

/// Copies each secret, verifies it, switches the remote over, and deletes the old one.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let file = context.remotes()?;
    let mut wanted = wanted(&file, &args.names)?;
    wanted.retain(|(_, secret)| secret.store != args.to);
    if !wanted.is_empty() {
        context.keeper().choose(Some(args.to))?;
    }
    let (mut rows, mut failed, mut moved) = (Vec::new(), None, 0);
    for (holder, secret) in wanted {
        let result = context.keeper().migrate(&holder, secret, args.to);
        moved += usize::from(result.is_ok());
        let row = Moved {
            name: match &holder {
                Holder::Remote(name) => name.to_string(),
                Holder::Recipient => "(recipient)".to_owned(),
            },
            from: secret.store.as_str(),
            to: args.to.as_str(),
            result: match &result {
                Ok(_) => "moved",
                Err(_) => "failed",
            },
            error: match &result {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(error) => Some(error.to_string()),
            },
        };
        let words = match (&row.error, row.result) {
            (None, result) => result.to_owned(),
            (Some(error), "moved") => format!("moved; the old secret is still there: {error}"),
            (Some(error), _) => error.clone(),
        };
        if let Err(error) = result {
            failed.get_or_insert(error);
        }
        let cells = [&row.name, row.from, row.to, &words];
        let cells = cells.map(Into::into).to_vec();
        rows.push(Row::new(row.name.clone(), cells, &row));
    }
    let exit = match failed {
        Some(error) if moved == 0 => return Err(error.into()),
        Some(_) => Exit::Partial,
        None => Exit::Ok,
    };
    let columns = ["NAME", "FROM", "TO", "RESULT"];
    let columns = columns.map(|name| Column(name, 0)).to_vec();
    let output = Output::List(Table { columns, rows });
    Ok(Outcome {
        output,
        exit,
        ..Outcome::default()
    })
}

/// Without names: everything whose secret can be moved from here.
fn wanted<'a>(
    file: &'a RemotesFile,
    names: &[String],
) -> Result<Vec<(Holder, &'a SecretRef)>, CommandError> {
    let with_secret =
        |remote: &'a Remote| Some((Holder::Remote(remote.name.clone()), remote.secret()?));
    if names.is_empty() {
        let own = file.remotes();
        let own = own.filter(|remote| file.place_of(&remote.name).is_none());
        let recipient = file.recipient().map(|secret| (Holder::Recipient, secret));
        return Ok(own.filter_map(with_secret).chain(recipient).collect());
    }
    let remotes = names.iter().map(|name| file.get(name));
    let remotes = remotes.collect::<Result<Vec<_>, _>>()?;
    Ok(remotes.into_iter().filter_map(with_secret).collect())
}
