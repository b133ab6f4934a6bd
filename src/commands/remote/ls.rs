//! `paseo remote ls`: what is saved. Reads one file, opens no secret store and no connection.

use serde::Serialize;

use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::output::{self, Cell, Column, Output, Row, Table};
use crate::remote::{Remote, Route};
use crate::spelling::{closest, did_you_mean};

/// Arguments of `paseo remote ls`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only remotes with this tag
    #[arg(long, value_name = "TAG", add = complete::tags())]
    pub tag: Option<String>,
}

const COLUMNS: [Column; 6] = [
    Column("NAME", 12),
    Column("DEFAULT", 0),
    Column("VIA", 20),
    Column("FINGERPRINT", 0),
    Column("TAGS", 0),
    Column("STORE", 0),
];

/// Lists the remotes by name.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let file = context.remotes()?;
    let default = file.default().map(|(name, _)| name);
    let wanted = |remote: &&Remote| {
        args.tag
            .as_ref()
            .is_none_or(|tag| remote.tags.contains(tag))
    };
    if let Some(tag) = args
        .tag
        .as_ref()
        .filter(|tag| !file.tags().contains(&tag.as_str()))
    {
        let none = format!("no remote has the tag `{tag}`");
        output::note(&did_you_mean(none, closest(tag, &file.tags())));
    }
    let row = |remote: &Remote| Listed::new(remote, default == Some(&remote.name)).into_row();
    Ok(Output::List(Table {
        columns: COLUMNS.to_vec(),
        rows: file.remotes().filter(wanted).map(row).collect(),
    })
    .into())
}

/// A remote without anything secret.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) default: bool,
    pub(super) description: Option<String>,
    pub(super) via: &'static str,
    pub(super) address: String,
    pub(super) tls: Option<bool>,
    pub(super) fingerprint: Option<String>,
    pub(super) fingerprint_words: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) store: Option<&'static str>,
    pub(super) added: Option<String>,
}

impl Listed {
    pub(super) fn new(remote: &Remote, default: bool) -> Self {
        let (via, address, tls) = match &remote.route {
            Route::Relay(relay) => ("relay", relay.endpoint.to_string(), Some(relay.tls)),
            Route::Direct(direct) => ("direct", direct.address.to_string(), None),
        };
        Self {
            name: remote.name.to_string(),
            default,
            description: remote.description.clone(),
            via,
            address,
            tls,
            fingerprint: remote.fingerprint().map(|f| f.to_string()),
            fingerprint_words: remote.fingerprint().map(|f| f.words()),
            tags: remote.tags.clone(),
            store: remote.secret().map(|secret| secret.store.as_str()),
            added: remote.added.map(|added| added.to_string()),
        }
    }

    /// Returns the way to the daemon in a few words.
    pub(super) fn way(&self) -> String {
        match self.tls {
            Some(true) => format!("relay {}", self.address),
            Some(false) => format!("relay {} (no TLS)", self.address),
            None => self.address.clone(),
        }
    }

    fn into_row(self) -> Row {
        let cells: Vec<Cell> = vec![
            self.name.as_str().into(),
            (if self.default { "*" } else { "" }).into(),
            self.way().into(),
            self.fingerprint.as_deref().unwrap_or("-").into(),
            self.tags.join(",").into(),
            self.store_words().into(),
        ];
        Row::new(self.name.clone(), cells, &self)
    }

    /// Returns the store; one that does not encrypt is shown as such.
    pub(super) fn store_words(&self) -> &'static str {
        match self.store {
            Some("file") => "file (not encrypted)",
            Some(store) => store,
            None => "-",
        }
    }
}
