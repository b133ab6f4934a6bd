//! `paseo chat create`, `ls`, `inspect`, `delete`.

use serde_json::json;

use crate::client::CallError;
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, Reference, feature};
use crate::error::CommandError;
use crate::output::{Column, Output, Row, Table};
use crate::protocol::chat::{CreateRoom, DeleteRoom, InspectRoom, ListRooms, OneRoom, Room};

/// Arguments of `paseo chat create`
#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// Its name, which no other room has
    #[arg(value_name = "name")]
    pub name: String,

    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub purpose: Option<String>,
}

/// Arguments of `paseo chat ls`
#[derive(Debug, clap::Args)]
pub struct LsArgs {}

/// Arguments of commands about one room
#[derive(Debug, clap::Args)]
pub struct OneArgs {
    /// Name or id of the room
    #[arg(value_name = "name-or-id")]
    pub room: Reference,
}

/// Opens a room.
pub(super) fn create(context: &Context, args: &CreateArgs) -> CommandResult {
    let doing = Doing {
        code: "CHAT_CREATE_FAILED",
        what: "Failed to create chat room",
    };
    let request = CreateRoom {
        name: args.name.clone(),
        purpose: args.purpose.clone(),
    };
    context.with_daemon(async |daemon| {
        feature::require_old(daemon, super::ROOMS)?;
        one(daemon.call(&request).await, doing)
    })
}

/// Lists the rooms.
pub(super) fn ls(context: &Context, _: &LsArgs) -> CommandResult {
    let doing = Doing {
        code: "CHAT_LIST_FAILED",
        what: "Failed to list chat rooms",
    };
    let rooms = context.with_daemon(async |daemon| {
        feature::require_old(daemon, super::ROOMS)?;
        let reply = daemon.call(&ListRooms {}).await;
        let reply = reply.map_err(|error| doing.error(error))?;
        match reply.error {
            Some(why) => Err(doing.refused(&why)),
            None => Ok(reply.rooms),
        }
    })?;
    Ok(Output::List(table(&rooms)).into())
}

/// Shows a room.
pub(super) fn inspect(context: &Context, args: &OneArgs) -> CommandResult {
    let doing = Doing {
        code: "CHAT_INSPECT_FAILED",
        what: "Failed to inspect chat room",
    };
    let room = args.room.on(context).to_owned();
    context.with_daemon(async |daemon| {
        feature::require_old(daemon, super::ROOMS)?;
        one(daemon.call(&InspectRoom { room }).await, doing)
    })
}

/// Removes a room.
pub(super) fn delete(context: &Context, args: &OneArgs) -> CommandResult {
    let doing = Doing {
        code: "CHAT_DELETE_FAILED",
        what: "Failed to delete chat room",
    };
    let room = args.room.on(context).to_owned();
    context.with_daemon(async |daemon| {
        feature::require_old(daemon, super::ROOMS)?;
        one(daemon.call(&DeleteRoom { room }).await, doing)
    })
}

fn one(reply: Result<OneRoom, CallError>, doing: Doing) -> CommandResult {
    let reply = reply.map_err(|error| doing.error(error))?;
    match reply.room {
        Some(room) => Ok(Output::Item(table(&[room])).into()),
        None => Err(missing(doing, reply.error)),
    }
}

/// Makes the error of a reply without its data.
pub(super) fn missing(doing: Doing, why: Option<String>) -> CommandError {
    doing.refused(why.as_deref().unwrap_or("the daemon did not say why"))
}

fn table(rooms: &[Room]) -> Table {
    let row = |room: &Room| {
        let purpose = room.purpose.as_deref().unwrap_or("-");
        let last = room.last_message_at.as_deref().unwrap_or("-");
        let data = json!({ "name": room.name, "id": room.id, "purpose": purpose,
            "messages": room.message_count, "lastMessageAt": last,
            "purposeText": room.purpose, "lastPostAt": room.last_message_at });
        // The official table aligns the count to the right, in ten cells.
        let cells = vec![
            room.name.as_str().into(),
            room.id.as_str().into(),
            purpose.into(),
            format!("{:>10}", room.message_count).into(),
            last.into(),
        ];
        Row::new(room.id.clone(), cells, &data)
    };
    Table {
        columns: vec![
            Column("NAME", 22),
            Column("ID", 36),
            Column("PURPOSE", 30),
            Column("  MESSAGES", 10),
            Column("LAST MESSAGE", 24),
        ],
        rows: rooms.iter().map(row).collect(),
    }
}
