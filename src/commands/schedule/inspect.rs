//! `paseo schedule inspect`: all about a schedule.

use super::{one, show};
use crate::commands::{CommandResult, Context, failure};

const CODE: &str = "SCHEDULE_INSPECT_FAILED";

/// Shows a schedule.
pub fn run(context: &Context, args: &one::Args) -> CommandResult {
    let schedule = context
        .with_daemon_and(&args.inspect(context), async |_, reply| {
            one::new_agents(reply, args.id.on(context), CODE, "inspect schedule")
        })
        .map_err(failure::of(CODE))?;
    Ok(show::record(&schedule).into())
}
