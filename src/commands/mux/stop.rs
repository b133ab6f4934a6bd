//! `paseo mux stop`: close what is kept ready.

use serde_json::json;

use super::holder::sockets;
use crate::commands::holder::Holder;
use crate::commands::{CommandResult, Context};
use crate::complete;
use crate::output::Output;

/// Arguments of `paseo mux stop`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The remote [default: all]
    #[arg(value_name = "NAME", add = complete::targets())]
    pub name: Option<String>,
}

/// Ends holders, stuck ones too. Commands that use them lose their connection.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let sockets = match &args.name {
        None => sockets(context),
        Some(name) => {
            let file = context.remotes()?;
            let remote = file.get(name)?;
            let socket = context.socket_of(remote, &file.options(remote));
            Vec::from_iter(socket)
        }
    };
    let mut stopped = 0;
    for socket in sockets {
        if let Some(holder) = Holder::at(&socket) {
            holder.stop();
            let _ = std::fs::remove_file(&socket);
            stopped += 1;
        }
    }
    let text = match stopped {
        0 => "nothing was kept ready".to_owned(),
        1 => "stopped".to_owned(),
        count => format!("stopped {count}"),
    };
    let json = json!({ "stopped": stopped });
    Ok(Output::Text { text, json }.into())
}
