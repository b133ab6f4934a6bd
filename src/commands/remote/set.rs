//! `paseo remote set` and `unset`: single settings of a remote.

use serde_json::json;

use super::source::no_relay;
use crate::commands::relay_token::TokenSource;
use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::error::CommandError;
use crate::output::Output;
use crate::remote::{
    ConfigError, Edit, RemotesFile, Route, Setting, SettingError, SettingKey, offer_item,
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
    /// relay.endpoint, relay.tls, direct, unix, ssh, proxy, ca_file, family, headers
    #[arg(required_unless_present = "relay_token", value_name = "KEY=VALUE", value_parser = word)]
    #[arg(add = complete::setting_keys("="))]
    pub settings: Vec<Secret<String>>,

    /// File with the token of its private relay, or - for stdin; it is kept with the offer
    #[arg(long, value_name = "FILE")]
    pub relay_token: Option<TokenSource>,
}

/// Arguments of `paseo remote unset`
#[derive(Debug, clap::Args)]
pub struct UnsetArgs {
    /// The remote
    #[arg(add = complete::remotes())]
    pub name: String,

    /// The settings to take away
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

/// Sets settings, and the token, which is none of the file: all of them or none.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let settings = args.settings.iter().map(|text| text.expose().parse());
    let settings: Vec<Setting> = settings.collect::<Result<_, SettingError>>()?;
    let mut change = |edit: &mut Edit| {
        settings.iter().try_for_each(|setting| {
            let value = setting.value().clone();
            edit.set(&args.name, setting.key().as_str(), value)
        })
    };
    let token = args
        .relay_token
        .as_ref()
        .map(TokenSource::read)
        .transpose()?;
    let mut keys: Vec<&str> = token.iter().map(|_| TOKEN).collect();
    match token {
        Some(token) => set_token(context, &args.name, Some(token), &mut change)?,
        None => change_file(context, &mut change)?,
    }
    keys.extend(settings.iter().map(|setting| setting.key().as_str()));
    Ok(changed(&args.name, keys).into())
}

/// Takes settings away, all of them or none.
pub fn unset(context: &Context, args: &UnsetArgs) -> CommandResult {
    let named = args.keys.iter().map(|key| key.parse());
    let named: Vec<SettingKey> = named.collect::<Result<_, SettingError>>()?;
    let mut change = |edit: &mut Edit| {
        let mut keys = named.iter();
        keys.try_for_each(|key| edit.unset(&args.name, key.as_str()))
    };
    let mut keys = Vec::new();
    match args.relay_token {
        true => {
            set_token(context, &args.name, None, &mut change)?;
            keys.push(TOKEN);
        }
        false => change_file(context, &mut change)?,
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

/// Changes the token inside the secret, and the file. The secret gets a new id: whatever is killed in between
/// leaves the old one or the new one.
fn set_token(
    context: &Context,
    name: &str,
    token: Option<RelayToken>,
    change: Changes<'_>,
) -> Result<(), CommandError> {
    let file = context.remotes()?;
    let remote = file.get(name)?;
    let (Route::Relay(route), Some(mut offer)) = (&remote.route, remote.offer(&context.stores)?)
    else {
        return Err(no_relay(&format!("`{name}`")));
    };
    offer.relay_token = token;
    let mut route = route.clone();
    route.secret.id = SecretId::random();
    let item = offer_item(&offer);
    context.keeper().repair(name, &route, &item, change)?;
    Ok(())
}

fn changed(name: &str, keys: Vec<&str>) -> Output {
    Output::Text {
        text: format!("changed `{name}`: {}", keys.join(", ")),
        json: json!({ "name": name, "changed": keys }),
    }
}
