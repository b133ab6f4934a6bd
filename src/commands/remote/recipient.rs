//! `paseo remote recipient`: this machine as somebody that bundles are sealed for.

use serde_json::json;

use super::source::choose_store;
use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::e2ee::SecretKey;
use crate::error::CommandError;
use crate::output::Output;
use crate::remote::{Holder, KeepError, Recipient, SecretRef, recipient_item, recipient_key};
use crate::secret::{SecretId, StoreError, StoreKind};

/// Arguments of `paseo remote recipient`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Make another key; what was sealed for the old one cannot be opened any more
    #[arg(long)]
    pub new: bool,

    /// Where to keep a key that is made: keyring, vault, command or file
    #[arg(long, value_name = "STORE", add = complete::words(&["keyring", "vault", "command", "file"]))]
    pub store: Option<StoreKind>,
}

/// Prints the public key; makes the pair when there is none.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let known = match args.new {
        true => None,
        false => key(context)?,
    };
    let key = match known {
        Some(key) => key,
        None => make(context, args.store)?,
    };
    let recipient = Recipient::new(key.public_key());
    let fingerprint = recipient.fingerprint();
    let (text, words) = (recipient.to_string(), fingerprint.words());
    let json = json!({
        "recipient": text,
        "fingerprint": fingerprint.to_string(),
        "fingerprintWords": words,
    });
    let rows = vec![
        ("recipient".to_owned(), text),
        ("fingerprint".to_owned(), fingerprint.to_string()),
        ("in words".to_owned(), words),
    ];
    Ok(Output::Record { rows, json }.into())
}

/// Returns the secret key of this machine; `None` when it has none.
pub(super) fn key(context: &Context) -> Result<Option<SecretKey>, CommandError> {
    let file = context.remotes()?;
    let Some(secret) = file.recipient() else {
        return Ok(None);
    };
    let item = context.stores.open(secret.store)?.get(&secret.id)?;
    let item = item.ok_or(KeepError::Missing(Holder::Recipient))?;
    let key = recipient_key(&item).ok_or(StoreError::Damaged {
        store: secret.store,
        what: "the key of this recipient",
    })?;
    Ok(Some(key))
}

fn make(context: &Context, store: Option<StoreKind>) -> Result<SecretKey, CommandError> {
    let secret = SecretRef {
        store: choose_store(context, store)?,
        id: SecretId::random(),
    };
    let key = SecretKey::generate();
    context
        .keeper()
        .set_recipient(&secret, &recipient_item(&key))?;
    Ok(key)
}
