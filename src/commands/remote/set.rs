//! `paseo remote set` and `unset`: single settings of a remote.

use serde_json::json;

use super::source::no_relay;
use crate::commands::relay_token::TokenSource;
use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::error::CommandError;
use crate::output::Output;
use crate::remote::{RemotesFile, Route, Setting, SettingKey, offer_item};
use crate::secret::{RelayToken, SecretId};

/// What the report calls the token.
const TOKEN: &str = "relay token";

/// Arguments of `paseo remote set`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remote
    #[arg(add = complete::remotes())]
    pub name: String,

    /// key=value: description, tags (a,b), url, relay.endpoint, relay.tls, connect_timeout, cwd, proxy,
    /// ca_file, family, direct, unix, ssh
    #[arg(required_unless_present = "relay_token", value_name = "KEY=VALUE", value_parser = str::parse::<Setting>)]
    pub settings: Vec<Setting>,

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
    #[arg(required_unless_present = "relay_token", value_name = "KEY", value_parser = str::parse::<SettingKey>)]
    pub keys: Vec<SettingKey>,

    /// Forget the token of its relay
    #[arg(long)]
    pub relay_token: bool,
}

/// Sets settings, all of them or none; the token, which is no setting of the file, first.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let mut keys = Vec::new();
    if let Some(token) = &args.relay_token {
        set_token(context, &args.name, Some(token.read()?))?;
        keys.push(TOKEN);
    }
    let mut edit = RemotesFile::edit(context.env.config_dir().as_deref())?;
    for setting in &args.settings {
        let value = setting.value().clone();
        edit.set(&args.name, setting.key().as_str(), value)?;
    }
    edit.save()?;
    keys.extend(args.settings.iter().map(|setting| setting.key().as_str()));
    Ok(changed(&args.name, keys).into())
}

/// Takes settings away, all of them or none.
pub fn unset(context: &Context, args: &UnsetArgs) -> CommandResult {
    let mut keys = Vec::new();
    if args.relay_token {
        set_token(context, &args.name, None)?;
        keys.push(TOKEN);
    }
    let mut edit = RemotesFile::edit(context.env.config_dir().as_deref())?;
    for key in &args.keys {
        edit.unset(&args.name, key.as_str())?;
    }
    edit.save()?;
    keys.extend(args.keys.iter().map(|key| key.as_str()));
    Ok(changed(&args.name, keys).into())
}

/// Changes the token inside the secret. The secret gets a new id: whatever is killed in between leaves
/// the old one or the new one.
fn set_token(context: &Context, name: &str, token: Option<RelayToken>) -> Result<(), CommandError> {
    let file = context.remotes()?;
    let remote = file.get(name)?;
    let (Route::Relay(route), Some(mut offer)) = (&remote.route, remote.offer(&context.stores)?)
    else {
        return Err(no_relay(&format!("`{name}`")));
    };
    offer.relay_token = token;
    let mut route = route.clone();
    route.secret.id = SecretId::random();
    context.keeper().repair(name, &route, &offer_item(&offer))?;
    Ok(())
}

fn changed(name: &str, keys: Vec<&str>) -> Output {
    Output::Text {
        text: format!("changed `{name}`: {}", keys.join(", ")),
        json: json!({ "name": name, "changed": keys }),
    }
}
