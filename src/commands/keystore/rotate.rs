//! `paseo keystore passwd` and `rekey`: fresh keys for the vault.

use serde_json::json;

use crate::commands::{CommandResult, Context};
use crate::output::Output;

/// Arguments of `paseo keystore passwd` and `rekey`
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Seals every item of the vault anew.
pub(super) fn run(context: &Context, new_passphrase: bool) -> CommandResult {
    let items = context.stores.vault()?.rotate(new_passphrase)?;
    let passphrase = match new_passphrase {
        true => "a new passphrase and fresh keys",
        false => "fresh keys",
    };
    let text = format!("the vault has {passphrase}; {items} secrets are sealed anew");
    let json = json!({ "items": items, "newPassphrase": new_passphrase });
    Ok(Output::Text { text, json }.into())
}
