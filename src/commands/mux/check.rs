//! `paseo mux check`: whether connections of a remote are ready.

use serde_json::json;

use super::holder::status_of;
use crate::commands::holder::Holder;
use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::error::{CommandError, Exit};
use crate::output::Output;

/// Arguments of `paseo mux check`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remote
    #[arg(value_name = "NAME", add = complete::targets())]
    pub name: String,
}

/// Asks the holder.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let file = context.remotes()?;
    let remote = file.get(&args.name)?;
    let socket = context.socket_of(remote, &file.options(remote));
    let fail = |message: &str| {
        let message = format!("{message} `{}`", remote.name);
        CommandError::new("NO_HOLDER", Exit::DaemonOffline, message)
    };
    let holder = socket.as_deref().and_then(Holder::at).ok_or_else(|| {
        fail("no connection is kept ready for").hint(format!(
            "paseo remote set {} persist=10m, or --persist with a command",
            remote.name
        ))
    })?;
    let pid = holder.pid.as_raw_nonzero().get();
    let status = status_of(holder).map_err(|error| {
        fail("what keeps connections ready does not answer, for")
            .because(error)
            .hint(format!("paseo mux stop {}", remote.name))
    })?;
    let text = format!(
        "{}: {} ready, {} in use, {} served (process {pid})",
        status.remote, status.ready, status.sessions, status.served
    );
    let json = json!({ "pid": pid, "holder": status });
    Ok(Output::Text { text, json }.into())
}
