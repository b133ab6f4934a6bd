//! `paseo remote use`: the default.

use serde_json::json;

use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::output::Output;
use crate::remote::RemotesFile;

/// Arguments of `paseo remote use`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remote; `local` is the daemon on this machine
    #[arg(add = complete::targets())]
    pub name: String,
}

/// Names the remote that commands talk to when they are not told another one.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let mut edit = RemotesFile::edit(context.env.config_dir().as_deref())?;
    edit.set_default(&args.name)?;
    edit.save()?;
    Ok(Output::Text {
        text: format!("the default is now `{}`", args.name),
        json: json!({ "default": args.name }),
    }
    .into())
}
