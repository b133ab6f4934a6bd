//! `paseo keystore unlock`: ask for the passphrase of the vault once, for a while.

use std::time::Duration;

use serde_json::json;

use super::key_process::{KeyProcess, USUAL_TIME};
use super::until;
use crate::commands::{CommandResult, Context};
use crate::duration;
use crate::output::Output;

/// Arguments of `paseo keystore unlock`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long [default: `keep` of `[stores.vault]`, else 15m]
    #[arg(long = "for", value_name = "DURATION", value_parser = parse)]
    pub time: Option<Duration>,
}

/// Asks for the passphrase, also while a key is held: who only finds the terminal cannot make the time longer.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let process = KeyProcess::new(&context.env);
    // What stands in the way is told before somebody types a passphrase.
    process.check()?;
    let key = context.stores.vault()?.key_of_passphrase()?;
    let usual = || Some(process.time()).filter(|time| !time.is_zero());
    let time = args.time.or_else(usual).unwrap_or(USUAL_TIME);
    process.start(&key, time)?;
    let moment = until::moment_in(time);
    let text = format!(
        "the vault is unlocked for {}, until {}; to lock it: paseo keystore lock",
        humantime::format_duration(time),
        until::for_people(moment)
    );
    let json = json!({ "heldUntil": moment });
    Ok(Output::Text { text, json }.into())
}

fn parse(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(Duration::ZERO) => Err("to lock the vault: paseo keystore lock".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(error.to_string()),
    }
}
