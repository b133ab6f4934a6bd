//! `paseo permit deny`: refuse what an agent asks.

use super::answer;
use crate::commands::agent::resolve;
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context};
use crate::error::CommandError;
use crate::protocol::permissions::PermissionAnswer;

const DOING: Doing = Doing {
    code: "DENY_PERMISSION_FAILED",
    what: "Failed to deny permission",
};

/// Arguments of `paseo permit deny`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is answered.
    #[command(flatten)]
    pub asked: answer::Asked,

    /// Why, for the agent
    #[arg(long, value_name = "TEXT")]
    pub message: Option<String>,

    /// End the turn as well
    #[arg(long)]
    pub interrupt: bool,
}

/// Returns why nothing is denied: nothing is named, or there is nothing to name.
fn unnamed(context: &Context, args: &Args) -> CommandError {
    let agent = resolve::named(args.asked.agent.on(context)).and_then(|request| {
        context.with_daemon_and(&request, async |_, reply| resolve::found(reply, DOING))
    });
    match agent {
        Err(error) => error,
        Ok(agent) if agent.pending_permissions.is_empty() => answer::nothing_pending(&agent),
        Ok(_) => CommandError::usage(
            "MISSING_ARGUMENT",
            "no request given: name one, or use --all",
        )
        .hint("see the requests with: paseo permit ls"),
    }
}

/// Denies a request of an agent, or all.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    if args.asked.request.is_none() && !args.asked.all {
        return Err(unnamed(context, args));
    }
    let answer = PermissionAnswer::Deny {
        selected_action_id: None,
        message: args.message.clone(),
        interrupt: args.interrupt.then_some(true),
    };
    answer::run(context, &args.asked, &answer, DOING)
}
