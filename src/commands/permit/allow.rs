//! `paseo permit allow`: let an agent go on.

use serde_json::Value;

use super::answer;
use crate::commands::agent::resolve;
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, Reference};
use crate::complete;
use crate::error::CommandError;
use crate::protocol::permissions::PermissionAnswer;

const DOING: Doing = Doing {
    code: "ALLOW_PERMISSION_FAILED",
    what: "Failed to allow permission",
};

/// Arguments of `paseo permit allow`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the agent, the beginning of it, or its title
    #[arg(value_name = "agent", add = complete::agents())]
    pub agent: Reference,

    /// Id of the request, or the beginning of it; all without it
    #[arg(value_name = "req_id")]
    pub request: Option<String>,

    /// Answer all requests of the agent
    #[arg(long)]
    pub all: bool,

    /// Replaces the input of the tool, or answers the questions
    #[arg(long, value_name = "JSON")]
    pub input: Option<String>,
}

/// Allows a request of an agent, or all.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = resolve::named(args.agent.on(context))?;
    let updated_input = match &args.input {
        None => None,
        Some(text) => Some(serde_json::from_str::<Value>(text).map_err(|error| {
            CommandError::usage("INVALID_JSON", "--input is not valid JSON").because(error)
        })?),
    };
    let answer = PermissionAnswer::Allow {
        selected_action_id: None,
        updated_input,
        updated_permissions: None,
    };
    let wanted = args.request.as_deref().filter(|_| !args.all);
    let output = context.with_daemon_and(&request, async |daemon, reply| {
        let agent = resolve::found(reply, DOING)?;
        let requests = answer::pick(&agent, wanted)?;
        answer::give(daemon, &agent, requests, &answer, DOING).await
    })?;
    Ok(output.into())
}
