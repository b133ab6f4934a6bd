//! `paseo delete`: remove agents for good.

use super::many::{self, Tally, Which};
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context};
use crate::protocol::agents::AgentSnapshot;
use crate::protocol::lifecycle::{CancelAgent, DeleteAgent};

const DOING: Doing = Doing {
    code: "DELETE_AGENT_FAILED",
    what: "Failed to delete agents",
};

/// Arguments of `paseo delete`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which agents.
    #[command(flatten)]
    pub which: Which,
}

/// Interrupts the agents where they run, and deletes them. One archived agent can be deleted by its id.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    args.which.check("delete")?;
    let tally = context.with_daemon(async |daemon| {
        let agents = args.which.fetch(context, daemon, DOING).await?;
        args.which
            .confirm(context, "Permanently delete", &agents)
            .await?;
        let running = agents.iter().filter(|agent| agent.status == "running");
        let cancel = |agent: &AgentSnapshot| CancelAgent {
            agent_id: agent.id.clone(),
        };
        // What cannot be interrupted is deleted all the same.
        many::for_each(daemon, running.cloned().collect(), cancel).await;
        let delete = |agent: &AgentSnapshot| DeleteAgent {
            agent_id: agent.id.clone(),
        };
        let mut tally = Tally::default();
        for (agent, reply) in many::for_each(daemon, agents, delete).await {
            tally.add(&agent, "delete", reply.err().map(|error| error.to_string()));
        }
        Ok(tally)
    })?;
    Ok(tally.outcome("DELETED", "deletedCount"))
}
