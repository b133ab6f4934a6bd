//! `paseo provider diagnostic`: how a provider is installed.

use std::time::Duration;

use serde_json::json;

use crate::commands::{CommandResult, Context, Reference};
use crate::complete;
use crate::output::Output;
use crate::protocol::providers::DiagnoseProvider;

/// The daemon runs the provider's program several times.
const PATIENCE: Duration = Duration::from_secs(180);

/// Arguments of `paseo provider diagnostic`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The provider
    #[arg(add = complete::providers())]
    pub provider: Reference,
}

/// Shows what the daemon finds out about a provider.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = DiagnoseProvider {
        provider: args.provider.on(context).to_owned(),
    };
    let found = context
        .with_daemon(async |daemon| Ok(daemon.call_within(&request, Some(PATIENCE)).await?))
        .map_err(|error| error.or_code("PROVIDER_ERROR"))?;
    Ok(Output::Text {
        json: json!({ "provider": found.provider, "diagnostic": found.diagnostic }),
        text: match context.output.quiet {
            true => found.provider,
            false => found.diagnostic,
        },
    }
    .into())
}
