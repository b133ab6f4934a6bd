//! `paseo remote add`: a pairing offer, or a direct address, under a name.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::check::{Checked, check_with_password};
use super::ls::Listed;
use super::source::{Source, choose_store};
use crate::commands::daemon_password::Passwords;
use crate::commands::guard::refuse_blocked;
use crate::commands::secret_source::SecretSource;
use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::error::{CommandError, Exit};
use crate::output::{self, Output};
use crate::pairing::{Offer, OfferSource};
use crate::remote::{Remote, RemoteName, RemotesFile, Route, SecretRef};
use crate::secret::{Secret, SecretId, StoreKind};

/// Arguments of `paseo remote add`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name
    #[arg(value_parser = str::parse::<RemoteName>)]
    pub name: RemoteName,

    /// A pairing offer (link, base64url, JSON, a file of one, or - for stdin), or a direct address such
    /// as tcp://10.0.0.5:6767?ssl=true. Without it you are asked, and what you paste is not shown
    #[arg(value_parser = secret, value_hint = clap::ValueHint::AnyPath)]
    pub offer: Option<Secret<String>>,

    /// Read the offer from a screenshot (PNG) of its QR code
    #[arg(long, value_name = "FILE", conflicts_with = "offer", value_hint = clap::ValueHint::FilePath)]
    pub qr_image: Option<PathBuf>,

    /// Do not connect to see whether it works
    #[arg(long)]
    pub no_check: bool,

    /// File with the token of a private relay, or - for stdin; it is kept with the offer
    #[arg(long, value_name = "FILE")]
    pub relay_token: Option<SecretSource>,

    /// File with the daemon's password, or - for stdin (default: PASEO_PASSWORD or a question, if it requires one)
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<SecretSource>,

    /// Where to keep the secret: keyring, vault, command or file
    #[arg(long, value_name = "STORE", add = complete::words(&["keyring", "vault", "command", "file"]))]
    pub store: Option<StoreKind>,

    /// A line that says what it is
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,

    /// A tag; repeat for more
    #[arg(long = "tag", value_name = "TAG", value_parser = tag, add = complete::tags())]
    pub tags: Vec<String>,

    /// Make it the default
    #[arg(long)]
    pub default: bool,

    /// Do nothing when the name is taken
    #[arg(long)]
    pub if_absent: bool,

    /// Save a daemon that is already saved under another name
    #[arg(long)]
    pub again: bool,

    /// Take the settings of another remote, and its daemon too unless an offer is given
    #[arg(long, value_name = "OTHER", add = complete::remotes())]
    pub from: Option<String>,
}

fn secret(text: &str) -> Result<Secret<String>, std::convert::Infallible> {
    Ok(Secret::from(text))
}

fn tag(text: &str) -> Result<String, &'static str> {
    match text.parse::<RemoteName>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("a tag is spelled like a remote's name"),
    }
}

/// Saves a remote. The order matters: the offer is asked for first, hidden, because people paste it as soon as the
/// command runs; then, before anything is connected to, a store is found that can keep it.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let file = context.remotes()?;
    if file.get(args.name.as_str()).is_ok() {
        if args.if_absent {
            return Ok(Output::Nothing.into());
        }
        return Err(crate::remote::ConfigError::Exists(args.name.clone()).into());
    }
    let from = args
        .from
        .as_deref()
        .map(|name| file.get(name))
        .transpose()?;
    if let (Some(from), None, None) = (from, &args.offer, &args.qr_image) {
        return copy(context, args, from);
    }
    one_from_stdin(args)?;
    let given = Source::given(context, args.offer.as_ref(), args.qr_image.as_deref())?;
    let mut source = given.map_or_else(|| Source::asked(context), Ok)?;
    if let Some(password) = &args.password_file {
        source.set_password(password.password()?);
    }
    let keeps_nothing = source.keeps_nothing();
    let mut store = match keeps_nothing {
        // It is written nowhere then; a machine without a store that works can have the remote too.
        true => args.store.unwrap_or(StoreKind::Keyring),
        false => choose_store(context, args.store)?,
    };
    if let Some(token) = &args.relay_token {
        source.set_relay_token(token.relay_token()?)?;
    }
    if let Source::Offer(offer) = &source {
        refuse_blocked(&file, offer.daemon_key.fingerprint())?;
        if !args.again {
            refuse_twice(&file, offer)?;
        }
    }
    let checked = match args.no_check {
        true => None,
        false => {
            let mut passwords = Passwords::new(context, args.password_file.is_some());
            Some(check_with_password(context, &mut source, &mut passwords)?)
        }
    };
    if keeps_nothing && !source.keeps_nothing() {
        store = choose_store(context, args.store)?;
    }
    let (route, item) = source.route(SecretRef {
        store,
        id: SecretId::random(),
    });
    let remote = with_settings_of(from, args, route);
    let file = context
        .keeper()
        .add(&remote, item.as_ref(), |edit| match args.default {
            true => edit.set_default(args.name.as_str()),
            false => Ok(()),
        })?;
    warn(context, args, &file, &remote);
    Ok(report(&remote, checked.as_ref(), args.default))
}

/// Refuses two secrets from standard input.
fn one_from_stdin(args: &Args) -> Result<(), CommandError> {
    let offer = args.offer.as_ref().filter(|offer| offer.expose() == "-");
    let secrets = [&args.relay_token, &args.password_file]
        .into_iter()
        .flatten();
    let secrets = secrets.filter(|source| source.is_stdin()).count();
    match usize::from(offer.is_some()) + secrets {
        0 | 1 => Ok(()),
        _ => Err(CommandError::usage(
            "INVALID_ARGUMENT",
            "only one of offer, relay token and password can come from standard input",
        )),
    }
}

/// Saves a remote under a second name. Both then have the same secret, which stays until neither needs it.
fn copy(context: &Context, args: &Args, from: &Remote) -> CommandResult {
    if args.store.is_some() {
        let message = "a copy has the secret of the other remote, and no --store of its own";
        return Err(CommandError::usage("INVALID_ARGUMENT", message)
            .hint("afterwards: paseo keystore migrate --to STORE NAME"));
    }
    let remote = with_settings_of(Some(from), args, from.route.clone());
    context
        .keeper()
        .add(&remote, None, |edit| match args.default {
            true => edit.set_default(args.name.as_str()),
            false => Ok(()),
        })?;
    Ok(report(&remote, None, args.default))
}

/// Makes a remote of what is given, and for the rest of another one.
fn with_settings_of(from: Option<&Remote>, args: &Args, route: Route) -> Remote {
    let tags = from.filter(|_| args.tags.is_empty()).map(|from| &from.tags);
    let description = args.description.as_ref();
    let description = description.or_else(|| from.and_then(|from| from.description.as_ref()));
    Remote {
        name: args.name.clone(),
        description: description.cloned(),
        tags: tags.unwrap_or(&args.tags).clone(),
        route,
        options: from.map(|from| from.options.clone()).unwrap_or_default(),
        // Other roads belong to the daemon, not to the settings.
        roads: Vec::new(),
        dirs: from.map(|from| from.dirs.clone()).unwrap_or_default(),
        guard: from.map(|from| from.guard.clone()).unwrap_or_default(),
        added: Some(Timestamp::now()),
    }
}

fn refuse_twice(file: &RemotesFile, offer: &Offer) -> Result<(), CommandError> {
    let Some(known) = file.with_fingerprint(offer.daemon_key.fingerprint()) else {
        return Ok(());
    };
    let message = format!("this daemon is already saved as `{}`", known.name);
    Err(CommandError::new("REMOTE_EXISTS", Exit::Failed, message)
        .hint("to save it under a second name nevertheless, add --again"))
}

/// Says what a person should know, and a script need not.
fn warn(context: &Context, args: &Args, file: &RemotesFile, remote: &Remote) {
    let given = args.offer.as_ref();
    let given = given.map(|given| OfferSource::from_arg(given.expose()));
    let in_argv = matches!(given, Some(OfferSource::Text(_) | OfferSource::Bare(_)));
    if in_argv && remote.secret().is_some() {
        output::note(
            "the secret is in your shell's history now; `paseo remote add NAME` asks for it instead",
        );
    }
    if context.is_batch() {
        return;
    }
    if matches!(remote.route, Route::Relay(_)) {
        output::note(
            "a pairing offer gives full control of the account that the daemon runs under",
        );
    }
    if file.default().is_none() {
        output::note(&format!(
            "to make it the default: paseo remote use {}",
            remote.name
        ));
    }
}

fn report(remote: &Remote, checked: Option<&Checked>, default: bool) -> crate::commands::Outcome {
    let listed = Listed::new(remote, default);
    let mut data = serde_json::to_value(&listed).expect("a struct with string keys");
    let mut rows = vec![("name", listed.name.clone()), ("via", listed.way())];
    if let Some(fingerprint) = &listed.fingerprint {
        rows.push(("fingerprint", fingerprint.clone()));
    }
    if let Some(words) = &listed.fingerprint_words {
        rows.push(("in words", words.clone()));
    }
    data["daemon"] = Value::Null;
    if let Some(checked) = checked {
        let millis = checked.round_trip.as_secs_f64() * 1000.0;
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
        rows.push(("daemon", known(&checked.hostname)));
        rows.push(("version", known(&checked.version)));
        rows.push(("round trip", format!("{millis:.1} ms")));
        data["daemon"] = json!({
            "hostname": checked.hostname,
            "version": checked.version,
            "roundTripMs": (millis * 10.0).round() / 10.0,
        });
    }
    rows.push(("store", listed.store_words().to_owned()));
    Output::Record {
        rows: rows
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect(),
        json: data,
    }
    .into()
}
