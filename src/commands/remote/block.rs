//! `paseo remote block` and `unblock`: keys of daemons that no connection is made to.

use serde_json::json;

use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::e2ee::Fingerprint;
use crate::error::CommandError;
use crate::output::Output;
use crate::remote::{ConfigError, RemotesFile};

/// Arguments of `paseo remote block`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// SHA256:… of the daemon's key, or the remote that has it
    #[arg(add = complete::remotes())]
    pub key: String,
}

/// Refuses every connection to the daemon with a key, however it is named, from now on.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let mut edit = RemotesFile::edit(context.env.config_dir().as_deref())?;
    let fingerprint = fingerprint(edit.file(), &args.key)?;
    let new = edit.block(fingerprint)?;
    edit.save()?;
    let text = match new {
        true => format!("{fingerprint} is blocked: nothing connects to it"),
        false => format!("{fingerprint} was blocked already"),
    };
    Ok(told(fingerprint, true, text).into())
}

/// Takes that back.
pub fn unblock(context: &Context, args: &Args) -> CommandResult {
    let mut edit = RemotesFile::edit(context.env.config_dir().as_deref())?;
    let fingerprint = fingerprint(edit.file(), &args.key)?;
    let was = edit.unblock(fingerprint)?;
    let still = edit.save()?.is_blocked(fingerprint);
    let text = match (was, still) {
        (_, true) => format!("{fingerprint} is still blocked, by a file that is included"),
        (true, false) => format!("{fingerprint} is no longer blocked"),
        (false, false) => format!("{fingerprint} was not blocked"),
    };
    Ok(told(fingerprint, still, text).into())
}

fn told(fingerprint: Fingerprint, blocked: bool, text: String) -> Output {
    let json = json!({ "fingerprint": fingerprint.to_string(), "blocked": blocked });
    Output::Text { text, json }
}

fn fingerprint(file: &RemotesFile, key: &str) -> Result<Fingerprint, CommandError> {
    match key.parse::<Fingerprint>() {
        Ok(fingerprint) => return Ok(fingerprint),
        Err(error) if key.contains(':') => {
            return Err(
                CommandError::usage("INVALID_FINGERPRINT", error.to_string()).hint(
                    "name the remote instead, or see its fingerprint with: paseo remote show",
                ),
            );
        }
        Err(_) => {}
    }
    let remote = file.get(key).map_err(ConfigError::from)?;
    remote.fingerprint().ok_or_else(|| {
        let message = format!("`{}` is reached straight, and has no key", remote.name);
        CommandError::usage("NO_FINGERPRINT", message)
    })
}
