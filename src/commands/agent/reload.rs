//! `paseo agent reload`: load an agent afresh.

use std::time::Duration;

use serde_json::json;

use super::resolve;
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, Reference};
use crate::complete;
use crate::output::{Column, Output, Row, Table};
use crate::protocol::lifecycle::RefreshAgent;

const DOING: Doing = Doing {
    code: "RELOAD_FAILED",
    what: "Failed to reload agent",
};

/// A provider may have to start first. 0.1.65 never answers when it fails.
const LIMIT: Duration = Duration::from_secs(60);

/// Arguments of `paseo agent reload`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the agent, the beginning of it, its title, or a part of its title
    #[arg(value_name = "id", add = complete::agents())]
    pub id: Reference,
}

/// Loads an agent afresh. An archived one is archived no more.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = resolve::named(args.id.on(context))?;
    let reloaded = context.with_daemon_and(&request, async |daemon, reply| {
        let agent = resolve::find(daemon, args.id.on(context), reply).await?;
        let request = RefreshAgent { agent_id: agent.id };
        let reply = daemon.call_within(&request, Some(LIMIT)).await;
        reply.map_err(|error| DOING.error(error))
    })?;
    let (id, size) = (reloaded.agent_id, reloaded.timeline_size);
    let data = json!({ "agentId": id, "status": "reloaded", "timelineSize": size });
    let size = size.map(|size| size.to_string()).unwrap_or_default();
    let cells = vec![id.as_str().into(), "reloaded".into(), size.into()];
    Ok(Output::Item(Table {
        columns: vec![
            Column("AGENT ID", 0),
            Column("STATUS", 0),
            Column("TIMELINE", 0),
        ],
        rows: vec![Row::new(id, cells, &data)],
    })
    .into())
}
