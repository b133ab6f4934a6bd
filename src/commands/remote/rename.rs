//! `paseo remote rename`: another name for the same remote.

use serde_json::json;

use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::output::Output;
use crate::remote::{RemoteName, RemotesFile};

/// Arguments of `paseo remote rename`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remote
    #[arg(add = complete::remotes())]
    pub from: String,

    /// Its new name
    #[arg(value_parser = str::parse::<RemoteName>)]
    pub to: RemoteName,
}

/// Renames a remote; the default follows, and its secret stays where it is.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let mut edit = RemotesFile::edit(context.env.config_dir().as_deref())?;
    let before = edit.file().clone();
    edit.rename(&args.from, &args.to)?;
    context.relabel(&before, &edit.save()?);
    Ok(Output::Text {
        text: format!("`{}` is now `{}`", args.from, args.to),
        json: json!({ "name": args.to.as_str(), "from": args.from }),
    }
    .into())
}
