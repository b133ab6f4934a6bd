//! `paseo which`: the daemon that a command would talk to, and why.

use serde_json::json;

use super::{CommandResult, Context};
use crate::output::Output;
use crate::remote::{Choice, Host, Route};

/// Arguments of `paseo which`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name only, for prompts
    #[arg(long)]
    pub short: bool,
}

/// Prints the selection. Opens no secret store and no connection.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let selection = context.selection()?;
    let (name, via) = describe(context, &selection.choice);
    let addresses = addresses(context, &selection.choice);
    let json = json!({
        "target": name,
        "via": via,
        "addresses": addresses,
        "because": selection.rule.to_string(),
    });
    if args.short {
        return Ok(Output::Text { text: name, json }.into());
    }
    let rows = [
        ("target", name),
        ("via", via),
        ("because", selection.rule.to_string()),
    ];
    let rows = rows.map(|(key, value)| (key.to_owned(), value)).to_vec();
    Ok(Output::Record { rows, json }.into())
}

/// Returns what to call the daemon, and the way to it, without anything secret.
fn describe(context: &Context, choice: &Choice) -> (String, String) {
    match choice {
        Choice::Remote(remote) => {
            let via = match &remote.route {
                Route::Relay(relay) => format!("relay {}", relay.endpoint),
                Route::Direct(direct) => direct.address.to_string(),
            };
            (remote.name.to_string(), via)
        }
        Choice::Offer(_) | Choice::Host(Host::Offer(_)) => {
            ("offer".to_owned(), "the relay of the offer".to_owned())
        }
        Choice::Host(Host::Daemon { address, .. }) => ("host".to_owned(), address.to_string()),
        Choice::Local => (
            "local".to_owned(),
            addresses(context, choice).join(", then "),
        ),
    }
}

/// Returns the addresses that are tried, in their order. That of an offer is part of a secret.
fn addresses(context: &Context, choice: &Choice) -> Vec<String> {
    match choice {
        Choice::Remote(remote) => vec![match &remote.route {
            Route::Relay(relay) => relay.endpoint.to_string(),
            Route::Direct(direct) => direct.address.to_string(),
        }],
        Choice::Offer(_) | Choice::Host(Host::Offer(_)) => Vec::new(),
        Choice::Host(Host::Daemon { address, .. }) => vec![address.to_string()],
        Choice::Local => {
            let addresses = context.local_addresses();
            addresses.iter().map(ToString::to_string).collect()
        }
    }
}
