//! `paseo agent detach`: make a child an agent of its own.

use serde_json::json;

use super::resolve;
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, Reference};
use crate::complete;
use crate::output::{Column, Output, Row, Table};
use crate::protocol::lifecycle::DetachAgent;

const DOING: Doing = Doing {
    code: "DETACH_FAILED",
    what: "Failed to detach agent",
};

/// Arguments of `paseo agent detach`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the agent, the beginning of it, its title, or a part of its title
    #[arg(value_name = "id", add = complete::agents())]
    pub id: Reference,
}

/// Detaches an agent from the one that started it.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = resolve::named(args.id.on(context))?;
    let id = context.with_daemon_and(&request, async |daemon, reply| {
        let agent = resolve::find(daemon, args.id.on(context), reply).await?;
        let request = DetachAgent { agent_id: agent.id };
        let reply = daemon.call(&request).await.map_err(|e| DOING.error(e))?;
        resolve::accepted(reply, DOING)
    })?;
    let data = json!({ "agentId": id.agent_id, "status": "detached",
        "fullAgentId": id.agent_id });
    let cells = vec![id.agent_id.as_str().into(), "detached".into()];
    Ok(Output::Item(Table {
        columns: vec![Column("AGENT ID", 0), Column("STATUS", 0)],
        rows: vec![Row::new(id.agent_id, cells, &data)],
    })
    .into())
}
