//! `paseo chat …`: rooms where agents leave each other messages. Daemons of 0.1.65 have them; a newer one
//! is refused, with exit 14.

mod message;
mod room;

use clap::Subcommand;

use super::{CommandResult, Context};

/// What a newer daemon lacks.
const ROOMS: &str = "chat rooms";

/// A command about chat rooms.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Open a room
    Create(room::CreateArgs),
    /// List the rooms
    Ls(room::LsArgs),
    /// Show a room
    Inspect(room::OneArgs),
    /// Remove a room and its messages
    Delete(room::OneArgs),
    /// Write a message
    Post(message::PostArgs),
    /// Print messages
    Read(message::ReadArgs),
    /// Wait for the next message
    Wait(message::WaitArgs),
}

pub(super) fn dispatch(context: &Context, command: &Command) -> CommandResult {
    match command {
        Command::Create(args) => room::create(context, args),
        Command::Ls(args) => room::ls(context, args),
        Command::Inspect(args) => room::inspect(context, args),
        Command::Delete(args) => room::delete(context, args),
        Command::Post(args) => message::post(context, args),
        Command::Read(args) => message::read(context, args),
        Command::Wait(args) => message::wait(context, args),
    }
}
