//! `paseo archive`: put an agent out of the way.

use serde_json::json;

use super::{ls::short_id, resolve};
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, Reference};
use crate::complete;
use crate::error::{CommandError, Exit};
use crate::output::{Column, Output, Row, Table};
use crate::protocol::lifecycle::ArchiveAgent;

const DOING: Doing = Doing {
    code: "ARCHIVE_FAILED",
    what: "Failed to archive agent",
};

/// Arguments of `paseo archive`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the agent, the beginning of it, its title, or a part of its title
    #[arg(value_name = "id", add = complete::agents())]
    pub id: Reference,

    /// Archive it even if it is running, which interrupts it
    #[arg(long)]
    pub force: bool,
}

/// Archives an agent.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = resolve::named(args.id.on(context))?;
    let archived = context.with_daemon_and(&request, async |daemon, reply| {
        let agent = resolve::find(daemon, args.id.on(context), reply).await?;
        let short = short_id(&agent.id);
        if let Some(when) = &agent.archived_at {
            let message = format!("agent {short} was archived before");
            return Err(CommandError::new("AGENT_ALREADY_ARCHIVED", Exit::Failed, message)
                .hint(format!("Archived at: {when}")));
        }
        if agent.status == "running" && !args.force {
            let message = format!("agent {short} still works");
            return Err(CommandError::new("AGENT_RUNNING", Exit::Failed, message).hint(
                "run paseo stop before, or add --force, which interrupts it; paseo delete removes an \
                 agent for good",
            ));
        }
        let request = ArchiveAgent { agent_id: agent.id };
        daemon.call(&request).await.map_err(|error| DOING.error(error))
    })?;
    let (id, when) = (archived.agent_id, archived.archived_at);
    let data = json!({ "agentId": id, "status": "archived", "archivedAt": when,
        "fullAgentId": id });
    let cells = vec![id.as_str().into(), "archived".into(), when.into()];
    Ok(Output::Item(Table {
        columns: vec![
            Column("AGENT ID", 0),
            Column("STATUS", 0),
            Column("ARCHIVED AT", 0),
        ],
        rows: vec![Row::new(id, cells, &data)],
    })
    .into())
}
