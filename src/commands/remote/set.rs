//! `paseo remote set` and `unset`: single settings of a remote.

use serde_json::json;

use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::output::Output;
use crate::remote::{RemotesFile, Setting, SettingKey};

/// Arguments of `paseo remote set`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remote
    #[arg(add = complete::remotes())]
    pub name: String,

    /// key=value: description, tags (a,b), url, relay.endpoint, relay.tls, connect_timeout, cwd
    #[arg(required = true, value_name = "KEY=VALUE", value_parser = str::parse::<Setting>)]
    pub settings: Vec<Setting>,
}

/// Arguments of `paseo remote unset`
#[derive(Debug, clap::Args)]
pub struct UnsetArgs {
    /// The remote
    #[arg(add = complete::remotes())]
    pub name: String,

    /// The settings to take away
    #[arg(required = true, value_name = "KEY", value_parser = str::parse::<SettingKey>)]
    pub keys: Vec<SettingKey>,
}

/// Sets settings, all of them or none.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let mut edit = RemotesFile::edit(context.env.config_dir().as_deref())?;
    for setting in &args.settings {
        let value = setting.value().clone();
        edit.set(&args.name, setting.key().as_str(), value)?;
    }
    edit.save()?;
    let keys = args.settings.iter().map(|setting| setting.key().as_str());
    Ok(changed(&args.name, keys.collect()).into())
}

/// Takes settings away, all of them or none.
pub fn unset(context: &Context, args: &UnsetArgs) -> CommandResult {
    let mut edit = RemotesFile::edit(context.env.config_dir().as_deref())?;
    for key in &args.keys {
        edit.unset(&args.name, key.as_str())?;
    }
    edit.save()?;
    Ok(changed(
        &args.name,
        args.keys.iter().map(|key| key.as_str()).collect(),
    )
    .into())
}

fn changed(name: &str, keys: Vec<&str>) -> Output {
    Output::Text {
        text: format!("changed `{name}`: {}", keys.join(", ")),
        json: json!({ "name": name, "changed": keys }),
    }
}
