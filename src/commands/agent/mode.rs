//! `paseo agent mode`: show or set how an agent works.

use serde_json::json;

use super::{ls::short_id, resolve};
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, Reference};
use crate::complete;
use crate::error::CommandError;
use crate::output::{Column, Output, Row, Table};
use crate::protocol::agents::Mode;
use crate::protocol::lifecycle::SetMode;

const SET: Doing = Doing {
    code: "MODE_OPERATION_FAILED",
    what: "Failed to set mode",
};

const LIST: Doing = Doing {
    code: "MODE_OPERATION_FAILED",
    what: "Failed to list modes",
};

/// Arguments of `paseo agent mode`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the agent, the beginning of it, or its title
    #[arg(value_name = "id", add = complete::agents())]
    pub id: Reference,

    /// The mode to set
    #[arg(value_name = "mode", add = complete::modes())]
    pub mode: Option<String>,

    /// List the modes to choose from
    #[arg(long)]
    pub list: bool,
}

/// Sets the mode of an agent, or lists its modes.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = resolve::named(args.id.on(context))?;
    if args.list {
        let agent =
            context.with_daemon_and(&request, async |_, reply| resolve::found(reply, LIST))?;
        let rows = agent.available_modes.iter().map(listed).collect();
        return Ok(Output::List(Table {
            columns: vec![
                Column("MODE", 15),
                Column("LABEL", 25),
                Column("DESCRIPTION", 40),
            ],
            rows,
        })
        .into());
    }
    let Some(mode) = &args.mode else {
        return Err(CommandError::usage(
            "MISSING_ARGUMENT",
            "Mode argument required unless --list is specified",
        )
        .hint("put the mode behind the agent; --list shows which there are"));
    };
    let id = context.with_daemon_and(&request, async |daemon, reply| {
        let agent = resolve::found(reply, SET)?;
        let request = SetMode {
            agent_id: agent.id,
            mode_id: mode.clone(),
        };
        let reply = daemon.call(&request).await.map_err(|e| SET.error(e))?;
        Ok(resolve::accepted(reply, SET)?.agent_id)
    })?;
    let short = short_id(&id);
    let data = json!({ "agentId": short, "mode": mode, "fullAgentId": id });
    let cells = vec![short.as_str().into(), mode.as_str().into()];
    Ok(Output::Item(Table {
        columns: vec![Column("AGENT ID", 12), Column("MODE", 20)],
        rows: vec![Row::new(short, cells, &data)],
    })
    .into())
}

fn listed(mode: &Mode) -> Row {
    let description = mode.description.as_deref();
    let mut data = json!({ "id": mode.id, "label": mode.label });
    if let Some(description) = description {
        data["description"] = json!(description);
    }
    let cells = vec![
        mode.id.as_str().into(),
        mode.label.as_str().into(),
        description.unwrap_or_default().into(),
    ];
    Row::new(mode.id.clone(), cells, &data)
}
