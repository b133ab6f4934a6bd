//! `paseo remote rm`: forget a remote.

use serde_json::json;

use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::error::{CommandError, Exit};
use crate::output::{self, Output};
use crate::remote::{ConfigError, KeepError, RemotesFile, Route};

/// Arguments of `paseo remote rm`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remote
    #[arg(add = complete::remotes())]
    pub name: String,

    /// Do not fail when there is no such remote
    #[arg(long)]
    pub if_present: bool,
}

/// Removes a remote from the file and its secret from the store.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let was_default = |file: &RemotesFile| {
        file.default()
            .is_some_and(|(name, _)| name.as_str() == args.name)
    };
    let was_default = context.remotes().is_ok_and(|file| was_default(&file));
    let (remote, deleted) = match context.keeper().remove(&args.name) {
        Err(KeepError::Config(ConfigError::Unknown(_))) if args.if_present => {
            return Ok(Output::Nothing.into());
        }
        removed => removed?,
    };
    if let Err(error) = deleted {
        let message = format!(
            "`{}` is removed, but its secret is still stored",
            remote.name
        );
        return Err(
            CommandError::new("SECRET_NOT_DELETED", Exit::Keystore, message)
                .because(error)
                .hint("it is noted, and deleted with the next change that reaches the store"),
        );
    }
    if matches!(remote.route, Route::Relay(_)) {
        output::note(
            "the pairing offer itself stays valid: whoever else has it can still connect to the daemon",
        );
    }
    if was_default {
        output::note(
            "it was the default; commands go to the daemon of this machine now, unless -r names another one",
        );
    }
    Ok(Output::Text {
        text: format!("removed `{}`", remote.name),
        json: json!({ "name": remote.name.as_str(), "removed": true }),
    }
    .into())
}
