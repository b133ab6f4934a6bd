//! `paseo remote qr`: the pairing offer of a saved remote, for a phone.

use serde_json::json;

use super::show::APP_URL;
use crate::commands::daemon::pair::{Picture, picture, put, scan, too_long_for_qr};
use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::error::CommandError;
use crate::output::{self, Output};
use crate::qr;
use crate::remote::RemotesFile;
use crate::secret::Secret;

/// Arguments of `paseo remote qr`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remote
    #[arg(add = complete::remotes())]
    pub name: String,

    /// Write the code into a new private file (.svg or .png) instead of showing it
    #[arg(long, value_name = "FILE", value_parser = picture)]
    pub qr: Option<Picture>,

    /// Let --qr replace a file
    #[arg(long, requires = "qr")]
    pub force: bool,
}

/// Shows the code to eyes only, or writes it into a file.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    if args.qr.is_none() && !context.output.terminal {
        let message = "the code is a secret, and is shown on a terminal only";
        return Err(CommandError::usage("NOT_A_TERMINAL", message)
            .hint("write it into a file that only you can read, with: --qr FILE.png"));
    }
    let file = context.remotes()?;
    let link = link(context, &file, &args.name)?;
    let code = qr::Code::of(link.expose());
    let fingerprint = file.get(&args.name)?.fingerprint();
    let words = fingerprint.map(|key| key.words());
    let fingerprint = fingerprint.map(|key| key.to_string());
    let mut json = json!({
        "name": args.name,
        "fingerprint": fingerprint,
        "fingerprintWords": words,
        "picture": null,
    });
    if let Some(picture) = &args.qr {
        let code = code.ok_or_else(too_long_for_qr)?;
        put(&picture.path, &(picture.draw)(&code), args.force)?;
        let path = picture.path.display().to_string();
        json["picture"] = json!(path);
        let text = format!("the code of `{}` is in {path}", args.name);
        return Ok(Output::Text { text, json }.into());
    }
    output::note("whoever scans this has full control of the daemon's account");
    let text = format!(
        "{}\nFingerprint, which the phone must show too:\n{}\n{}\n",
        scan(context, code.as_ref()),
        fingerprint.unwrap_or_default(),
        words.unwrap_or_default()
    );
    Ok(Output::Styled {
        text,
        id: args.name.clone(),
        json,
    }
    .into())
}

fn link(context: &Context, file: &RemotesFile, name: &str) -> Result<Secret<String>, CommandError> {
    let remote = file.get(name)?;
    let offer = remote.offer(&context.stores)?;
    let offer = offer.ok_or_else(|| {
        let message = format!("`{}` is reached straight, and has no offer", remote.name);
        CommandError::usage("NO_OFFER", message)
    })?;
    if offer.password.is_some() {
        output::note("the code leaves the daemon's password out; the phone asks for it");
    }
    Ok(offer.to_link(APP_URL))
}
