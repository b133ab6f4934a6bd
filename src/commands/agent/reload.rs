//! `paseo agent reload`: load an agent afresh.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::resolve;
use crate::client::{Event, Events};
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, Reference};
use crate::complete;
use crate::output::{Column, Output, Row, Table};
use crate::protocol::lifecycle::RefreshAgent;

const DOING: Doing = Doing {
    code: "RELOAD_FAILED",
    what: "Failed to reload agent",
};

/// A provider may have to start first.
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
        let mut events = daemon.events();
        tokio::select! {
            biased;
            reply = daemon.call_within(&request, Some(LIMIT)) => reply.map_err(|error| DOING.error(error)),
            why = complaint(&mut events) => Err(DOING.refused(&why)),
        }
    })?;
    let (id, size) = (reloaded.agent_id, reloaded.timeline_size);
    let data = json!({ "agentId": id, "status": "reloaded", "timelineSize": size,
        "fullAgentId": id });
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

/// Waits until the daemon logs an error, and returns it. 0.1.65 never answers when it fails: it only logs why.
async fn complaint(events: &mut Events) -> String {
    #[derive(Deserialize)]
    struct Logged {
        r#type: String,
        content: String,
    }
    while let Some(event) = events.recv().await {
        let Event::Message { kind, payload } = event else {
            continue;
        };
        match serde_json::from_str::<Logged>(payload.get()) {
            Ok(logged) if kind == "activity_log" && logged.r#type == "error" => {
                return logged.content;
            }
            _ => {}
        }
    }
    // The connection has ended, which the reply tells.
    std::future::pending().await
}
