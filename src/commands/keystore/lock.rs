//! `paseo keystore lock`: forget the key of the vault.

use serde_json::json;

use super::key_process::KeyProcess;
use crate::commands::{CommandResult, Context};
use crate::output::Output;

/// Arguments of `paseo keystore lock`
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Ends the process that holds the key, a stuck one too.
pub fn run(context: &Context, _args: &Args) -> CommandResult {
    let process = KeyProcess::new(&context.env);
    let held = process.find();
    let forgotten = held.is_some();
    if let Some(holder) = held {
        holder.stop();
        // One that had to be killed leaves it.
        let _ = process.socket().map(std::fs::remove_file);
    }
    let text = match forgotten {
        true => "the vault is locked: its key is forgotten",
        false => "the vault was not unlocked: no key is held",
    };
    let json = json!({ "forgotten": forgotten });
    Ok(Output::Text {
        text: text.to_owned(),
        json,
    }
    .into())
}
