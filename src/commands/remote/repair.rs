//! `paseo remote repair`: a new pairing offer for a remote that is saved already.

use std::path::PathBuf;

use serde_json::json;

use super::check::check_with_password;
use super::source::{Source, not_asked};
use crate::commands::daemon_password::Passwords;
use crate::commands::guard::refuse_blocked;
use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::e2ee::Fingerprint;
use crate::error::{CommandError, Exit, Hop};
use crate::output::{self, Output};
use crate::remote::{RemoteName, Route, SecretRef};
use crate::secret::{Secret, SecretId};

/// Arguments of `paseo remote repair`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remote
    #[arg(add = complete::remotes())]
    pub name: String,

    /// The new offer: a link, base64url, JSON, a file of one, or - for stdin. Without it you are asked
    #[arg(value_parser = secret, value_hint = clap::ValueHint::AnyPath)]
    pub offer: Option<Secret<String>>,

    /// Read the offer from a screenshot (PNG) of its QR code
    #[arg(long, value_name = "FILE", conflicts_with = "offer", value_hint = clap::ValueHint::FilePath)]
    pub qr_image: Option<PathBuf>,

    /// Accept another key without being asked
    #[arg(long)]
    pub yes: bool,

    /// Do not connect to see whether it works
    #[arg(long)]
    pub no_check: bool,
}

fn secret(text: &str) -> Result<Secret<String>, std::convert::Infallible> {
    Ok(Secret::from(text))
}

/// Replaces the offer of a remote; everything else about it stays. The same key passes without a word,
/// another one only when somebody says so.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let file = context.remotes()?;
    let remote = file.get(&args.name)?;
    let Route::Relay(old) = &remote.route else {
        let message = format!("`{}` is reached straight, and has no offer", remote.name);
        return Err(CommandError::usage("NO_OFFER", message));
    };
    let given = Source::given(context, args.offer.as_ref(), args.qr_image.as_deref())?;
    let Source::Offer(mut offer) = given.map_or_else(|| Source::asked(context), Ok)? else {
        return Err(CommandError::usage(
            "INVALID_OFFER",
            "this is an address, not a pairing offer",
        ));
    };
    let found = offer.daemon_key.fingerprint();
    refuse_blocked(&file, found)?;
    if found != old.fingerprint && !args.yes {
        accept(context, &remote.name, old.fingerprint, Some(found))?;
    }
    // An old secret that cannot be read is what this command is for.
    let known = remote.offer(&context.stores).ok().flatten();
    if let Some(known) = known {
        // The relay is the same.
        if offer.relay_token.is_none() && offer.relay == old.endpoint {
            offer.relay_token = known.relay_token;
        }
        // The daemon is the same. Another one is not shown the password of this one.
        if offer.password.is_none() && found == old.fingerprint {
            offer.password = known.password;
        }
    }
    let mut source = Source::Offer(offer);
    if !args.no_check {
        let mut passwords = Passwords::new(context, false);
        check_with_password(context, &mut source, &mut passwords)?;
    }
    let secret = SecretRef {
        store: old.secret.store,
        id: SecretId::random(),
    };
    let (Route::Relay(new), Some(item)) = source.route(secret) else {
        return Err(CommandError::internal("an offer leads to no relay"));
    };
    context
        .keeper()
        .repair(&args.name, &new, &item, &mut |_| Ok(()))?;
    let text = if found == old.fingerprint {
        format!(
            "`{}` has the new offer; the key is the same, {found} ({})",
            remote.name,
            found.words()
        )
    } else {
        format!(
            "`{}` has the new offer and the new key {found} ({})",
            remote.name,
            found.words()
        )
    };
    let json = json!({
        "name": remote.name.as_str(),
        "fingerprint": found.to_string(),
        "fingerprintWords": found.words(),
        "oldFingerprint": old.fingerprint.to_string(),
        "oldFingerprintWords": old.fingerprint.words(),
    });
    Ok(Output::Text { text, json }.into())
}

/// Asks whether another key, or none, may take the place of the one that a remote has.
pub(super) fn accept(
    context: &Context,
    name: &RemoteName,
    old: Fingerprint,
    new: Option<Fingerprint>,
) -> Result<(), CommandError> {
    let changed = match new {
        Some(new) => format!("the offer is of another key: {new}, not {old}"),
        None => format!("`{name}` would lose its key {old}, and be believed without one"),
    };
    let asked = !context.is_batch();
    if asked {
        output::note(&changed);
        output::note(&format!("old key of `{name}` in words: {}", old.words()));
        if let Some(new) = new {
            output::note(&format!("new key in words: {}", new.words()));
            output::note("compare it with what `paseo daemon pair` shows on the daemon's machine");
        }
        if output::ask_yes("Trust the new key?").map_err(not_asked)? {
            return Ok(());
        }
    }
    let refused = CommandError::new("KEY_CHANGED", Exit::Trust, changed).at(Hop::Key);
    Err(match asked {
        true => refused.cancelled(),
        false => refused.hint(
            "when `paseo daemon pair` on the daemon's machine shows the new fingerprint, add --yes",
        ),
    })
}
