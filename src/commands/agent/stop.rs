//! `paseo stop`: interrupt running agents.

use super::many::{self, Tally, Which};
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context};
use crate::protocol::lifecycle::CancelAgent;

const DOING: Doing = Doing {
    code: "STOP_AGENT_FAILED",
    what: "Failed to stop agents",
};

/// Arguments of `paseo stop`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which agents.
    #[command(flatten)]
    pub which: Which,
}

/// Interrupts the agents that are running; the others are left alone.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    args.which.check("stop")?;
    let tally = context.with_daemon(async |daemon| {
        let mut agents = args.which.fetch(context, daemon, DOING).await?;
        agents.retain(|agent| agent.status == "running");
        args.which.confirm(context, "Interrupt", &agents).await?;
        let request = |agent: &crate::protocol::agents::AgentSnapshot| CancelAgent {
            agent_id: agent.id.clone(),
        };
        let mut tally = Tally::default();
        for (agent, reply) in many::for_each(daemon, agents, request).await {
            let why = match reply {
                Ok(canceled) => canceled.error,
                Err(error) => Some(error.to_string()),
            };
            tally.add(&agent, "stop", why);
        }
        Ok(tally)
    })?;
    Ok(tally.outcome("INTERRUPTED", "stoppedCount"))
}
