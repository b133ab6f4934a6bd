//! `paseo permit allow`: let an agent go on.

use serde_json::Value;

use super::answer;
use crate::commands::agent::resolve;
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context};
use crate::error::CommandError;
use crate::protocol::permissions::PermissionAnswer;

const DOING: Doing = Doing {
    code: "ALLOW_PERMISSION_FAILED",
    what: "Failed to allow permission",
};

/// Arguments of `paseo permit allow`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is answered.
    #[command(flatten)]
    pub asked: answer::Asked,

    /// Replaces the input of the tool, or answers the questions
    #[arg(long, value_name = "JSON")]
    pub input: Option<String>,
}

/// Allows a request of an agent, or all.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    resolve::named(args.asked.agent.on(context))?;
    let updated_input = match &args.input {
        None => None,
        Some(text) => Some(serde_json::from_str::<Value>(text).map_err(|error| {
            CommandError::usage("INVALID_JSON", "--input is not valid JSON").because(error)
        })?),
    };
    let answer = PermissionAnswer::Allow {
        selected_action_id: None,
        updated_input,
        updated_permissions: None,
    };
    answer::run(context, &args.asked, &answer, DOING)
}
