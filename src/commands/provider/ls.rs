//! `paseo provider ls`: the providers of a daemon.

use anstyle::AnsiColor;
use serde::Serialize;

use crate::commands::{CommandResult, Context};
use crate::complete::Kind;
use crate::output::{Cell, Column, Output, Row, Table};
use crate::protocol::providers::{GetProviders, ProviderEntry};

/// Arguments of `paseo provider ls`
#[derive(Debug, clap::Args)]
pub struct Args {}

const COLUMNS: [Column; 6] = [
    Column("PROVIDER", 12),
    Column("LABEL", 16),
    Column("STATUS", 12),
    Column("ENABLED", 10),
    Column("DEFAULT MODE", 14),
    Column("MODES", 30),
];

/// Lists the providers as the daemon knows them now. Without a daemon there is no list.
pub fn run(context: &Context, _: &Args) -> CommandResult {
    let providers = context
        .with_daemon_and(&GetProviders::default(), async |_, providers| Ok(providers))
        .map_err(|error| error.or_code("PROVIDER_ERROR"))?;
    let entries = providers.entries.iter();
    let named = entries.map(|entry| {
        (
            entry.provider.as_str(),
            entry.label.as_deref().unwrap_or_default(),
        )
    });
    context.remember(Kind::Providers, &mut named.into_iter());
    let modes = providers
        .entries
        .iter()
        .flat_map(|entry| entry.modes.iter().flatten());
    let mut modes: Vec<(&str, &str)> = modes
        .map(|mode| (mode.id.as_str(), mode.label.as_str()))
        .collect();
    modes.sort_unstable();
    modes.dedup_by_key(|(id, _)| *id);
    context.remember(Kind::Modes, &mut modes.into_iter());
    for entry in &providers.entries {
        if let Some(error) = &entry.error {
            context.output.note(&format!("{}: {error}", entry.provider));
        }
        if entry.status == "loading" {
            let provider = &entry.provider;
            let note = format!("{provider}: not known yet: it is still starting; list again later");
            context.output.note(&note);
        }
    }
    let rows = providers
        .entries
        .iter()
        .map(|entry| Listed::new(entry).into_row());
    Ok(Output::List(Table {
        columns: COLUMNS.to_vec(),
        rows: rows.collect(),
    })
    .into())
}

/// A provider as it is shown: the official fields, and the exact ones.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    provider: String,
    label: String,
    status: String,
    enabled: &'static str,
    default_mode: String,
    modes: String,
    /// Why it cannot be used.
    error: Option<String>,
    is_enabled: bool,
    default_mode_id: Option<String>,
    mode_ids: Vec<String>,
    mode_labels: Vec<String>,
}

impl Listed {
    fn new(entry: &ProviderEntry) -> Self {
        let modes = || entry.modes.iter().flatten();
        let labels: Vec<String> = modes().map(|mode| mode.label.clone()).collect();
        Self {
            provider: entry.provider.clone(),
            label: entry
                .label
                .clone()
                .unwrap_or_else(|| entry.provider.clone()),
            status: match entry.status.as_str() {
                "ready" => "available".to_owned(),
                other => other.to_owned(),
            },
            enabled: if entry.enabled { "Enabled" } else { "Disabled" },
            default_mode: entry
                .default_mode_id
                .clone()
                .unwrap_or_else(|| "default".to_owned()),
            modes: labels.join(", "),
            error: entry.error.clone(),
            is_enabled: entry.enabled,
            default_mode_id: entry.default_mode_id.clone(),
            mode_ids: modes().map(|mode| mode.id.clone()).collect(),
            mode_labels: labels,
        }
    }

    fn into_row(self) -> Row {
        let status = match self.status.as_str() {
            "available" => Cell::colored("available", AnsiColor::Green),
            "unavailable" => Cell::colored("unavailable", AnsiColor::Red),
            other => other.into(),
        };
        let cells = vec![
            self.provider.as_str().into(),
            self.label.as_str().into(),
            status,
            self.enabled.into(),
            self.default_mode.as_str().into(),
            self.modes.as_str().into(),
        ];
        Row::new(self.provider.clone(), cells, &self)
    }
}
