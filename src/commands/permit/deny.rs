//! `paseo permit deny`: refuse what an agent asks.

use super::answer;
use crate::commands::agent::resolve;
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, Reference};
use crate::complete;
use crate::error::CommandError;
use crate::protocol::permissions::PermissionAnswer;

const DOING: Doing = Doing {
    code: "DENY_PERMISSION_FAILED",
    what: "Failed to deny permission",
};

/// Arguments of `paseo permit deny`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the agent, the beginning of it, or its title
    #[arg(value_name = "agent", add = complete::agents())]
    pub agent: Reference,

    /// Id of the request, or the beginning of it
    #[arg(value_name = "req_id")]
    pub request: Option<String>,

    /// Refuse all requests of the agent
    #[arg(long)]
    pub all: bool,

    /// Why, for the agent
    #[arg(long, value_name = "TEXT")]
    pub message: Option<String>,

    /// End the turn as well
    #[arg(long)]
    pub interrupt: bool,
}

/// Denies a request of an agent, or all.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = resolve::named(args.agent.on(context))?;
    if args.request.is_none() && !args.all {
        return Err(CommandError::usage(
            "MISSING_ARGUMENT",
            "which request? name it, or give --all",
        )
        .hint("paseo permit ls shows the requests"));
    }
    let answer = PermissionAnswer::Deny {
        selected_action_id: None,
        message: args.message.clone(),
        interrupt: args.interrupt.then_some(true),
    };
    let wanted = args.request.as_deref().filter(|_| !args.all);
    let output = context.with_daemon_and(&request, async |daemon, reply| {
        let agent = resolve::found(reply, DOING)?;
        let requests = answer::pick(&agent, wanted)?;
        answer::give(daemon, &agent, requests, &answer, DOING).await
    })?;
    Ok(output.into())
}
