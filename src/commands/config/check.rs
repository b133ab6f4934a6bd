//! `paseo config check`: whether `remotes.toml` can be used. Opens no secret store.

use serde_json::json;

use crate::commands::{CommandResult, Context};
use crate::output::Output;

/// Arguments of `paseo config check`
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Reads the file and fails with everything that is wrong in it.
pub fn run(context: &Context, _args: &Args) -> CommandResult {
    let file = context.remotes()?;
    let count = file.remotes().count();
    let path = file.path().map(|path| path.display().to_string());
    let text = match &path {
        Some(path) => format!("{path}: valid, {count} remotes"),
        None => "no directory for settings is known, so there are no remotes".to_owned(),
    };
    Ok(Output::Text {
        text,
        json: json!({ "path": path, "valid": true, "remotes": count }),
    }
    .into())
}
