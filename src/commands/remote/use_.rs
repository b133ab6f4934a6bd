//! `paseo remote use`: the default.

use serde_json::json;

use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::error::{CommandError, Exit};
use crate::output::{self, Output};
use crate::remote::{RemoteName, RemotesFile, Rule, Selection};
use crate::state::PreviousDefault;

/// Arguments of `paseo remote use`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remote; `local` is the daemon on this machine, and - the default before this one
    #[arg(add = complete::daemons())]
    pub name: String,
}

/// Names the remote that commands talk to when they are not told another one.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let previous = PreviousDefault::new(context.env.state_dir().as_deref());
    let mut edit = RemotesFile::edit(context.env.config_dir().as_deref())?;
    let before = edit.file().default();
    let before = before.map_or(RemoteName::LOCAL, |(name, _)| name.as_str());
    let before = before.to_owned();
    let name = match args.name.as_str() {
        "-" => previous.get().ok_or_else(no_previous)?,
        name => name.to_owned(),
    };
    edit.set_default(&name)?;
    edit.save()?;
    if before != name {
        previous.set(&before);
    }
    if let Ok(Selection { rule, .. }) = context.selection()
        && matches!(rule, Rule::Variable(_) | Rule::InsideAgent)
    {
        output::note(&format!(
            "commands still go elsewhere: {rule} comes before the default"
        ));
    }
    Ok(Output::Text {
        text: format!("the default is now `{name}`"),
        json: json!({ "default": name, "previous": before }),
    }
    .into())
}

fn no_previous() -> CommandError {
    let message = "no other default is remembered";
    CommandError::new("NO_PREVIOUS_DEFAULT", Exit::NotFound, message)
        .hint("name one; paseo remote ls lists them")
}
