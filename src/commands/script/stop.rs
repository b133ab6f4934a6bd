//! `paseo script stop`: stop a script of a workspace.

use super::{one, workspace};
use crate::commands::{CommandResult, Context, failure};
use crate::protocol::scripts::StopScript;

const CODE: &str = "WORKSPACE_SCRIPT_STOP_FAILED";

/// Stops a script, and shows how it is then.
pub fn run(context: &Context, args: &workspace::Named) -> CommandResult {
    let wanted = args.workspace.wanted(context)?;
    let reply = context
        .with_daemon(async |daemon| {
            let request = StopScript {
                workspace_id: wanted.id(daemon).await?,
                script_name: args.name.on(context).to_owned(),
            };
            Ok(daemon.call(&request).await?)
        })
        .map_err(failure::of(CODE))?;
    one(reply, CODE)
}
