//! `paseo remote export`: remotes and their secrets, sealed.

use std::path::PathBuf;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::show::APP_URL;
use crate::commands::daemon::pair::put_public;
use crate::commands::passphrase::{self, Asker};
use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::error::CommandError;
use crate::output::{self, Output};
use crate::remote::{Bundle, Recipient, Remote, RemotesFile, SealFor};
use crate::secret::Cost;
use crate::target::Target;

/// Arguments of `paseo remote export`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remotes
    #[arg(required_unless_present = "all", add = complete::remotes())]
    pub names: Vec<String>,

    /// All of them
    #[arg(long, conflicts_with = "names")]
    pub all: bool,

    /// Seal the bundle with a passphrase
    #[arg(long)]
    pub passphrase: bool,

    /// Seal it for somebody: what `paseo remote recipient` prints there; repeat for more
    #[arg(long = "recipient", value_name = "KEY")]
    pub recipients: Vec<Recipient>,

    /// Write the bundle into a new file instead of to stdout
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub file: Option<PathBuf>,

    /// Let --file replace a file
    #[arg(long, requires = "file")]
    pub force: bool,

    /// Show the links instead, for everybody to read; on a terminal only
    #[arg(long, conflicts_with_all = ["passphrase", "recipients", "file"])]
    pub insecure: bool,
}

/// Writes the bundle. Everything is asked for before a secret is read.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let file = context.remotes()?;
    let remotes = wanted(&file, args)?;
    if args.insecure {
        return show(context, &remotes);
    }
    let mut who: Vec<SealFor> = args
        .recipients
        .iter()
        .copied()
        .map(SealFor::Recipient)
        .collect();
    if args.passphrase {
        let asker = Asker::new(&context.env, context.is_batch(), &passphrase::BUNDLE);
        who.push(SealFor::Passphrase(asker.new_one()?, Cost::USUAL));
    }
    if who.is_empty() {
        let message = "it is not said who may open the bundle";
        return Err(CommandError::usage("RECIPIENT_MISSING", message).hint(
            "add --passphrase, or --recipient and what `paseo remote recipient` prints there",
        ));
    }
    let (bundle, left) = Bundle::of(&remotes, &context.stores)?;
    for (name, key) in left {
        output::note(&format!(
            "`{key}` of `{name}` is left out: only this machine has its value"
        ));
    }
    for recipient in &args.recipients {
        let key = recipient.fingerprint();
        output::note(&format!("sealed for {key} ({})", key.words()));
    }
    let sealed = bundle.seal(&who)?;
    let text = sealed.to_text();
    let Some(path) = &args.file else {
        let json = serde_json::to_value(&sealed).expect("a struct with string keys");
        return Ok(Output::Text { text, json }.into());
    };
    put_public(path, format!("{text}\n").as_bytes(), args.force)?;
    let path = path.display().to_string();
    let names: Vec<&str> = remotes.iter().map(|remote| remote.name.as_str()).collect();
    let text = format!("{} sealed in {path}", count(names.len()));
    let json = json!({ "file": path, "remotes": names });
    Ok(Output::Text { text, json }.into())
}

/// Returns the remotes that are meant, each once.
fn wanted<'a>(file: &'a RemotesFile, args: &Args) -> Result<Vec<&'a Remote>, CommandError> {
    if args.all {
        let all: Vec<&Remote> = file.remotes().collect();
        return match all.is_empty() {
            true => Err(CommandError::usage("NO_REMOTES", "there are no remotes")),
            false => Ok(all),
        };
    }
    let mut remotes: Vec<&Remote> = Vec::new();
    for name in &args.names {
        let remote = file.get(name)?;
        if !remotes.contains(&remote) {
            remotes.push(remote);
        }
    }
    Ok(remotes)
}

/// Shows a list of links, which `import` reads.
fn show(context: &Context, remotes: &[&Remote]) -> CommandResult {
    if !context.output.terminal {
        let message = "links are secrets, and are shown on a terminal only";
        return Err(CommandError::usage("NOT_A_TERMINAL", message)
            .hint("seal them, with --passphrase or --recipient"));
    }
    let (mut lines, mut links) = (Vec::new(), Vec::new());
    for remote in remotes {
        let link = match remote.offer(&context.stores)? {
            Some(offer) => {
                if offer.password.is_some() {
                    output::note(&format!(
                        "the link of `{}` leaves the daemon's password out; a sealed bundle includes it",
                        remote.name
                    ));
                }
                offer.to_link(APP_URL).expose().clone()
            }
            None => direct(&remote.resolve(&context.stores)?, remote)?,
        };
        lines.push(format!("{} {link}", remote.name));
        links.push(json!({ "name": remote.name.as_str(), "link": link }));
    }
    output::note("whoever sees these has full control of the daemons' accounts");
    Ok(Output::Text {
        text: lines.join("\n"),
        json: links.into(),
    }
    .into())
}

/// Returns a direct address with its password in it, where there is a form for that.
fn direct(target: &Target, remote: &Remote) -> Result<String, CommandError> {
    let address = match &remote.route {
        crate::remote::Route::Direct(direct) => direct.address.to_string(),
        crate::remote::Route::Relay(_) => {
            return Err(CommandError::internal("a direct remote leads to a relay"));
        }
    };
    let Some(password) = target.password() else {
        return Ok(address);
    };
    if !matches!(target, Target::Tcp { .. }) {
        let message = format!(
            "the password of `{}` has no place in its address",
            remote.name
        );
        return Err(CommandError::usage("NO_LINK", message)
            .hint("seal it instead, with --passphrase or --recipient"));
    }
    let password = utf8_percent_encode(password.expose(), NON_ALPHANUMERIC);
    let joint = if address.contains('?') { '&' } else { '?' };
    Ok(format!("{address}{joint}password={password}"))
}

fn count(remotes: usize) -> String {
    match remotes {
        1 => "1 remote is".to_owned(),
        _ => format!("{remotes} remotes are"),
    }
}
