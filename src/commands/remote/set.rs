//! `paseo remote set` and `unset`: single settings of a remote, and what is kept with its secret: the daemon's password and
//! the token of its relay.

use serde_json::json;

use super::source::{choose_store, no_relay};
use crate::commands::daemon_password::Passwords;
use crate::commands::secret_source::SecretSource;
use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::error::CommandError;
use crate::output::Output;
use crate::remote::{
    ConfigError, DirectRoute, Edit, PASSWORD, RelayRoute, Remote, RemotesFile, Route, SecretRef,
    Setting, SettingError, SettingKey, offer_item, password_item,
};
use crate::secret::{RelayToken, Secret, SecretId};

/// What the report calls the token.
const TOKEN: &str = "relay token";

/// Arguments of `paseo remote set`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remote
    #[arg(add = complete::remotes())]
    pub name: String,

    /// key=value: description, tags (a,b), readonly, protected, expires, cwd, dirs, connect_timeout, persist, url,
    /// relay.endpoint, relay.tls, direct, unix, ssh, proxy, ca_file, family, headers; and the word password, to be asked
    /// for the daemon's
    #[arg(required_unless_present_any = ["relay_token", "password_file"], value_name = "KEY=VALUE", value_parser = word)]
    #[arg(add = complete::setting_keys("="))]
    pub settings: Vec<Secret<String>>,

    /// File with the token of its private relay, or - for stdin; it is kept with the offer
    #[arg(long, value_name = "FILE")]
    pub relay_token: Option<SecretSource>,

    /// File with the daemon's password, or - for stdin; it is kept with the secret of the remote
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<SecretSource>,
}

/// Arguments of `paseo remote unset`
#[derive(Debug, clap::Args)]
pub struct UnsetArgs {
    /// The remote
    #[arg(add = complete::remotes())]
    pub name: String,

    /// The settings to take away; password forgets the daemon's
    #[arg(required_unless_present = "relay_token", value_name = "KEY")]
    #[arg(add = complete::setting_keys(""))]
    pub keys: Vec<String>,

    /// Forget the token of its relay
    #[arg(long)]
    pub relay_token: bool,
}

/// A setting is read later: what is wrong with it is told in words of its own, without the value.
fn word(text: &str) -> Result<Secret<String>, std::convert::Infallible> {
    Ok(Secret::from(text))
}

/// Changes of the file.
type Changes<'a> = &'a mut dyn FnMut(&mut Edit) -> Result<(), ConfigError>;

/// Changes of what is kept with the secret. `Some(None)` takes something away.
#[derive(Default)]
struct Kept {
    password: Option<Option<Secret<String>>>,
    token: Option<Option<RelayToken>>,
}

impl Kept {
    /// What the report calls them.
    fn keys(&self) -> Vec<&'static str> {
        let password = self.password.as_ref().map(|_| PASSWORD);
        let token = self.token.as_ref().map(|_| TOKEN);
        token.into_iter().chain(password).collect()
    }
}

/// Sets settings, and what is none of the file: all of them or none.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let is_password = |text: &&Secret<String>| text.is(PASSWORD);
    let settings = args.settings.iter().filter(|text| !is_password(text));
    let settings = settings.map(|text| text.expose().parse());
    let settings: Vec<Setting> = settings.collect::<Result<_, SettingError>>()?;
    let mut change = |edit: &mut Edit| {
        settings.iter().try_for_each(|setting| {
            let value = setting.value().clone();
            edit.set(&args.name, setting.key().as_str(), value)
        })
    };
    let from_stdin = [&args.relay_token, &args.password_file];
    let from_stdin = from_stdin.into_iter().flatten();
    if from_stdin.filter(|source| source.is_stdin()).count() > 1 {
        let message = "only one of relay token and password can come from standard input";
        return Err(CommandError::usage("INVALID_ARGUMENT", message));
    }
    let mut kept = Kept::default();
    if let Some(source) = &args.relay_token {
        kept.token = Some(Some(source.relay_token()?));
    }
    if let Some(source) = &args.password_file {
        kept.password = Some(Some(source.password()?));
    } else if args.settings.iter().any(|text| is_password(&text)) {
        // Before it is asked for.
        context.remotes()?.get(&args.name)?;
        let given = Passwords::new(context, false).next()?;
        let missing = || {
            let error = CommandError::usage("PASSWORD_MISSING", "no password is given");
            error.hint("add --password-file FILE (- for standard input), or set PASEO_PASSWORD")
        };
        kept.password = Some(Some(given.ok_or_else(missing)?));
    }
    let mut keys = kept.keys();
    match keys.is_empty() {
        true => change_file(context, &mut change)?,
        false => change_kept(context, &args.name, kept, &mut change)?,
    }
    keys.extend(settings.iter().map(|setting| setting.key().as_str()));
    Ok(changed(&args.name, keys).into())
}

/// Takes settings away, all of them or none.
pub fn unset(context: &Context, args: &UnsetArgs) -> CommandResult {
    let (passwords, named): (Vec<_>, Vec<_>) = args.keys.iter().partition(|key| *key == PASSWORD);
    let named = named.into_iter().map(|key| key.parse());
    let named: Vec<SettingKey> = named.collect::<Result<_, SettingError>>()?;
    let mut change = |edit: &mut Edit| {
        let mut keys = named.iter();
        keys.try_for_each(|key| edit.unset(&args.name, key.as_str()))
    };
    let kept = Kept {
        password: (!passwords.is_empty()).then_some(None),
        token: args.relay_token.then_some(None),
    };
    let mut keys = kept.keys();
    match keys.is_empty() {
        true => change_file(context, &mut change)?,
        false => change_kept(context, &args.name, kept, &mut change)?,
    }
    keys.extend(named.iter().map(|key| key.as_str()));
    Ok(changed(&args.name, keys).into())
}

fn change_file(context: &Context, change: Changes<'_>) -> Result<(), CommandError> {
    let mut edit = RemotesFile::edit(context.env.config_dir().as_deref())?;
    change(&mut edit)?;
    edit.save()?;
    Ok(())
}

/// Changes what the secret holds, and the file. The secret gets a new id: whatever is killed in between leaves the old
/// one or the new one.
fn change_kept(
    context: &Context,
    name: &str,
    kept: Kept,
    change: Changes<'_>,
) -> Result<(), CommandError> {
    let file = context.remotes()?;
    let remote = file.get(name)?;
    match &remote.route {
        Route::Relay(route) => change_offer(context, remote, route, kept, change),
        Route::Direct(_) if kept.token.is_some() => Err(no_relay(&format!("`{name}`"))),
        Route::Direct(route) => {
            let password = kept.password.flatten();
            change_password(context, remote, route, password.as_ref(), change)
        }
    }
}

/// … of a remote behind a relay: both are kept with the offer.
fn change_offer(
    context: &Context,
    remote: &Remote,
    route: &RelayRoute,
    kept: Kept,
    change: Changes<'_>,
) -> Result<(), CommandError> {
    let Some(mut offer) = remote.offer(&context.stores)? else {
        return Err(CommandError::internal("a relay remote has no offer"));
    };
    if let Some(token) = kept.token {
        offer.relay_token = token;
    }
    if let Some(password) = kept.password {
        offer.password = password;
    }
    let mut route = route.clone();
    route.secret.id = SecretId::random();
    let item = offer_item(&offer);
    context
        .keeper()
        .repair(remote.name.as_str(), &route, &item, change)?;
    Ok(())
}

/// … of a direct remote, whose whole secret the password is.
fn change_password(
    context: &Context,
    remote: &Remote,
    route: &DirectRoute,
    password: Option<&Secret<String>>,
    change: Changes<'_>,
) -> Result<(), CommandError> {
    let new = match (password, &route.secret) {
        (None, None) => return change_file(context, change),
        (None, Some(_)) => None,
        (Some(password), old) => {
            let store = match old {
                Some(old) => old.store,
                None => choose_store(context, None)?,
            };
            let id = SecretId::random();
            Some((SecretRef { store, id }, password_item(password)))
        }
    };
    let new = new.as_ref().map(|(secret, item)| (secret, item));
    Ok(context.keeper().renew(&remote.name, new, change)?)
}

fn changed(name: &str, keys: Vec<&str>) -> Output {
    Output::Text {
        text: format!("changed `{name}`: {}", keys.join(", ")),
        json: json!({ "name": name, "changed": keys }),
    }
}
