//! `paseo provider models`: what a provider can run.

use std::time::Duration;

use serde::Serialize;

use crate::commands::{CommandResult, Context, Reference, exact};
use crate::complete;
use crate::error::{CommandError, Exit, Hop};
use crate::output::{Column, Output, Row, Table};
use crate::protocol::providers::{ListModels, Model};

/// A provider may have to be started to be asked.
const PATIENCE: Duration = Duration::from_secs(90);

/// Arguments of `paseo provider models`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The provider
    #[arg(add = complete::providers())]
    pub provider: Reference,

    /// Show how hard each model may think
    #[arg(long)]
    pub thinking: bool,
}

/// Lists the models of a provider.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let provider = args.provider.on(context);
    let request = ListModels {
        provider: provider.to_lowercase(),
        cwd: None,
    };
    let reply = context
        .with_daemon(async |daemon| Ok(daemon.call_within(&request, Some(PATIENCE)).await?))
        .map_err(|error| error.or_code("PROVIDER_ERROR"))?;
    if let Some(error) = reply.error {
        let message = format!("no models of {provider}: {error}");
        let unknown = error.starts_with("Unknown provider");
        let exit = if unknown {
            Exit::NotFound
        } else {
            Exit::Failed
        };
        return Err(CommandError::new("PROVIDER_ERROR", exit, message)
            .at(Hop::Daemon)
            .hint("see the providers with: paseo provider ls"));
    }
    let rows = reply.models.iter().flatten();
    let rows = rows.map(|model| Listed::new(model).into_row(args.thinking));
    Ok(Output::List(Table {
        columns: columns(args.thinking),
        rows: rows.collect(),
    })
    .into())
}

fn columns(thinking: bool) -> Vec<Column> {
    let (id, model) = (Column("ID", 30), Column("MODEL", 30));
    if thinking {
        vec![
            id,
            model,
            Column("THINKING IDS", 40),
            Column("DEFAULT THINKING", 18),
        ]
    } else {
        vec![id, model, Column("DESCRIPTION", 40)]
    }
}

/// A model as it is shown: the official fields, and the exact ones.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    model: String,
    id: String,
    description: String,
    thinking_option_ids: Vec<String>,
    default_thinking_option_id: Option<String>,
    thinking_options: String,
    description_text: Option<String>,
}

impl Listed {
    fn new(model: &Model) -> Self {
        let options = model.thinking_options.iter().flatten();
        let ids: Vec<String> = options.map(|option| option.id.clone()).collect();
        Self {
            model: model.label.clone(),
            id: model.id.clone(),
            description: model.description.clone().unwrap_or_default(),
            description_text: exact::text(model.description.as_deref()).map(str::to_owned),
            thinking_options: match ids.as_slice() {
                [] => "none".to_owned(),
                ids => ids.join(", "),
            },
            thinking_option_ids: ids,
            default_thinking_option_id: model.default_thinking_option_id.clone(),
        }
    }

    fn into_row(self, thinking: bool) -> Row {
        let mut cells = vec![self.id.as_str().into(), self.model.as_str().into()];
        if thinking {
            let default = self.default_thinking_option_id.as_deref();
            cells.push(self.thinking_options.as_str().into());
            cells.push(default.unwrap_or("auto").into());
        } else {
            cells.push(self.description.as_str().into());
        }
        Row::new(self.id.clone(), cells, &self)
    }
}
