//! The report as a file that can be sent to somebody. What is known to be secret is searched for in it
//! before it is written.

use std::path::Path;

use serde_json::json;
use zeroize::Zeroizing;

use crate::commands::Context;
use crate::commands::report::Report;
use crate::env;
use crate::error::{CommandError, Exit};
use crate::files;
use crate::output;
use crate::pairing::Offer;
use crate::secret::Secret;
use crate::target::Target;

/// Shorter ones are words that stand in any text.
const SHORTEST_SECRET: usize = 5;
/// How long a piece of a secret may be, before it counts as the secret.
const PIECE: usize = 24;

pub(super) fn write(context: &Context, report: &Report, path: &Path) -> Result<(), CommandError> {
    let text = text(context, report);
    for secret in known(context) {
        if gives_away(&text, secret.expose()) {
            let message = "a secret would have been in the report, so it was not written";
            return Err(CommandError::new("BUNDLE_UNSAFE", Exit::Failed, message).hint(
                "look for a server id, key, link or password in remotes.toml: in a description, for example",
            ));
        }
    }
    Ok(files::export(path, text.as_bytes(), false)?)
}

fn text(context: &Context, report: &Report) -> String {
    let file = context.remotes().ok();
    let remotes: Vec<_> = file
        .iter()
        .flat_map(|file| file.remotes())
        .map(|remote| {
            json!({
                "name": remote.name.as_str(),
                "description": remote.description,
                "tags": remote.tags,
                "store": remote.secret().map(|secret| secret.store.as_str()),
                "roads": remote.roads.len() + 1,
                "proxy": remote.options.network.proxy.is_some(),
                "headers": remote.options.network.headers.len(),
            })
        })
        .collect();
    let bundle = json!({
        "paseo": env!("CARGO_PKG_VERSION"),
        "system": std::env::consts::OS,
        "machine": std::env::consts::ARCH,
        "variables": context.env.names_of_ours(),
        "remotes": remotes,
        "checks": report,
    });
    let text = output::pretty_json(&bundle, false) + "\n";
    match context
        .env
        .home()
        .and_then(|home| home.to_str().map(str::to_owned))
    {
        Some(home) if home.len() > 1 => text.replace(&home, "~"),
        _ => text,
    }
}

/// Returns every secret that this user's stores and environment have. What cannot be read is not known,
/// and was not read for the report either.
fn known(context: &Context) -> Vec<Secret<String>> {
    let variables = env::SECRETS
        .iter()
        .chain(&env::HTTPS_PROXY)
        .chain(&env::ALL_PROXY);
    let mut known: Vec<Secret<String>> = variables
        .filter_map(|name| context.env.text(name).map(Secret::from))
        .collect();
    let file = context.remotes().ok();
    for remote in file.iter().flat_map(|file| file.remotes()) {
        if let Ok(Some(offer)) = remote.offer(&context.stores) {
            known.extend(words(&offer));
        }
        if let Ok(target) = remote.resolve(&context.stores) {
            known.extend(match target {
                Target::Tcp { password, .. }
                | Target::Unix { password, .. }
                | Target::Ssh { password, .. } => password,
                Target::Relay { .. } => None,
            });
        }
        for (name, source) in &remote.options.network.headers {
            if let crate::remote::ValueSource::Env(_) = source {
                known.extend(context.value(name, source).ok());
            }
        }
    }
    known
}

/// The parts of an offer, in the forms in which they are written.
fn words(offer: &Offer) -> Vec<Secret<String>> {
    let key = offer.daemon_key.to_base64();
    let url: String = key
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_");
    let link = offer.to_link("");
    let payload = link
        .expose()
        .split("#offer=")
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    let mut words = vec![
        offer.server_id.clone(),
        Secret::new(key),
        Secret::new(url),
        Secret::new(payload),
    ];
    words.extend(
        offer
            .relay_token
            .as_ref()
            .map(|token| Secret::from(token.expose())),
    );
    words
}

/// Returns whether a text holds a secret, or a piece of a long one.
fn gives_away(text: &str, secret: &str) -> bool {
    let secret = Zeroizing::new(secret.trim().to_owned());
    if secret.len() < SHORTEST_SECRET {
        return false;
    }
    if secret.len() <= PIECE || !secret.is_ascii() {
        return text.contains(secret.as_str());
    }
    (0..=secret.len() - PIECE).any(|at| text.contains(&secret[at..at + PIECE]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_long_secrets_count() {
        let secret = "abcdefghijklmnopqrstuvwxyz0123456789";
        assert!(gives_away("x cdefghijklmnopqrstuvwxyz0123 y", secret));
        assert!(!gives_away("abcdefghijk", secret));
        assert!(gives_away("my hunter2 is", "hunter2"));
        assert!(!gives_away("a short one", "a"));
    }
}
