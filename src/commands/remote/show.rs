//! `paseo remote show`: one remote; with `--reveal` its secret too.

use std::time::Duration;

use serde_json::json;

use super::ls::Listed;
use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::error::CommandError;
use crate::output::{self, Output};
use crate::remote::Remote;

/// Where links lead a browser; the link works with any other base too.
pub(super) const APP_URL: &str = "https://app.paseo.sh";

/// Arguments of `paseo remote show`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remote
    #[arg(add = complete::remotes())]
    pub name: String,

    /// Show the pairing link and the password too: on a terminal only
    #[arg(long)]
    pub reveal: bool,

    /// Every setting that holds, and where it comes from: default, file, environment or flag
    #[arg(short = 'G', long, conflicts_with = "reveal")]
    pub effective: bool,
}

/// Shows a remote. Without `--reveal` no secret store is opened.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let file = context.remotes()?;
    let remote = file.get(&args.name)?;
    if args.reveal {
        return reveal(context, remote);
    }
    if args.effective {
        return super::effective::show(context, &file, remote);
    }
    let default = file.default().is_some_and(|(name, _)| *name == remote.name);
    let listed = Listed::new(remote, default);
    let options = file.options(remote);
    let mut rows = vec![
        ("name", listed.name.clone()),
        ("via", listed.way()),
        ("default", (if default { "yes" } else { "no" }).to_owned()),
    ];
    let mut add = |key, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            rows.push((key, value));
        }
    };
    add("description", listed.description.clone());
    add("fingerprint", listed.fingerprint.clone());
    add("in words", listed.fingerprint_words.clone());
    let blocked = remote.fingerprint().is_some_and(|key| file.is_blocked(key));
    add(
        "blocked",
        blocked.then(|| "yes: nothing connects to it".to_owned()),
    );
    let guard = &remote.guard;
    add("readonly", guard.readonly.then(|| "yes".to_owned()));
    add("protected", guard.protected.then(|| "yes".to_owned()));
    add("expires", guard.expires.map(|at| at.to_string()));
    add("tags", Some(listed.tags.join(", ")));
    add("store", Some(listed.store_words().to_owned()));
    let timeout = options.connect_timeout;
    add(
        "connect_timeout",
        timeout.map(|t| humantime::format_duration(t).to_string()),
    );
    add(
        "persist",
        options
            .persist
            .map(|t| humantime::format_duration(t).to_string()),
    );
    add("cwd", options.cwd.clone());
    for road in &remote.roads {
        add("road", Some(road.to_string()));
    }
    for dir in &remote.dirs {
        add("dir", Some(format!("{} = {}", dir.local, dir.remote)));
    }
    add("added", listed.added.clone());
    let place = file.place_of(&remote.name);
    let place = place.map(|place| format!("{}:{}", place.path.display(), place.line));
    add("included from", place.clone());
    let mut data = serde_json::to_value(&listed).expect("a struct with string keys");
    data["connectTimeout"] = json!(timeout.map(|t| humantime::format_duration(t).to_string()));
    data["connectTimeoutMs"] = json!(timeout.map(millis));
    data["persistMs"] = json!(options.persist.map(millis));
    data["cwd"] = json!(options.cwd);
    data["blocked"] = json!(blocked);
    data["readonly"] = json!(guard.readonly);
    data["protected"] = json!(guard.protected);
    data["expires"] = json!(guard.expires.map(|at| at.to_string()));
    let roads = remote.roads.iter().map(ToString::to_string);
    data["roads"] = json!(roads.collect::<Vec<_>>());
    let dirs = remote.dirs.iter();
    let dirs = dirs.map(|dir| json!({ "local": dir.local, "remote": dir.remote }));
    data["dirs"] = json!(dirs.collect::<Vec<_>>());
    data["includedFrom"] = json!(place);
    Ok(Output::Record {
        rows: rows
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
        json: data,
    }
    .into())
}

/// Returns whole milliseconds.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Prints the secret, to eyes only: what goes into a pipe or a file stays there.
fn reveal(context: &Context, remote: &Remote) -> CommandResult {
    if !context.output.terminal {
        return Err(CommandError::usage(
            "NOT_A_TERMINAL",
            "--reveal prints a secret, and only to a terminal",
        ));
    }
    let (secret, password) = match remote.offer(&context.stores)? {
        Some(offer) => (Some(offer.to_link(APP_URL)), offer.password),
        None => (remote.resolve(&context.stores)?.password().cloned(), None),
    };
    let Some(secret) = secret else {
        let message = format!("`{}` has no secret", remote.name);
        return Err(CommandError::new(
            "SECRET_MISSING",
            crate::error::Exit::NotFound,
            message,
        ));
    };
    output::note("whoever reads this has full control of the daemon's account");
    let mut text = secret.expose().clone();
    let json = json!({
        "name": remote.name.as_str(),
        "secret": secret.expose(),
        "password": password.as_ref().map(|password| password.expose().as_str()),
    });
    if let Some(password) = password {
        text.push_str("\npassword: ");
        text.push_str(password.expose());
    }
    Ok(Output::Text { text, json }.into())
}
