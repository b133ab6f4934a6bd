//! `paseo loop logs`.

use std::time::Duration;

use super::missing;
use crate::client::DaemonClient;
use crate::commands::agent::streaming::{self, Stop};
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, Reference, feature};
use crate::error::CommandError;
use crate::output::{Format, Stream};
use crate::protocol::loops::{LoopLog, LoopLogs};

const DOING: Doing = Doing {
    code: "LOOP_LOGS_FAILED",
    what: "Failed to stream loop logs",
};

/// Arguments of `paseo loop logs`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the loop
    pub id: Reference,

    /// How often to ask for more, in milliseconds
    #[arg(
        long,
        value_name = "MS",
        default_value = "1000",
        allow_hyphen_values = true
    )]
    pub poll_interval: String,
}

/// Prints the log of a loop until the loop is over, as JSON Lines with `--json`. The daemon sends no news of it,
/// so it is asked again and again.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    let pause = match args.poll_interval.trim().parse() {
        Ok(pause @ 1..) => Duration::from_millis(pause),
        _ => {
            let message = "--poll-interval must be a positive integer";
            return Err(CommandError::usage("INVALID_POLL_INTERVAL", message));
        }
    };
    let json = context.output.format == Format::Json;
    context.with_daemon(async |daemon| {
        feature::require_old(daemon, super::LOOPS)?;
        let stream = Stream::start(&context.output);
        let id = args.id.on(context);
        let work = async |stream: &Stream| follow(daemon, stream, id, pause, json).await;
        streaming::until_interrupted(stream, "", work).await
    })
}

async fn follow(
    daemon: &DaemonClient,
    stream: &Stream,
    id: &str,
    pause: Duration,
    json: bool,
) -> Result<(), Stop> {
    let mut request = LoopLogs {
        id: id.to_owned(),
        after_seq: Some(0),
    };
    loop {
        let reply = daemon.call(&request).await;
        let page = reply.map_err(|error| DOING.error(error))?;
        let Some(shown) = page.r#loop.filter(|_| page.error.is_none()) else {
            return Err(missing(DOING, page.error).into());
        };
        for entry in &page.entries {
            match json {
                true => stream.json_line(entry).await?,
                false => stream.text(&text(entry)).await?,
            }
        }
        if shown.status != "running" {
            return Ok(());
        }
        request.after_seq = Some(page.next_cursor);
        tokio::time::sleep(pause).await;
    }
}

fn text(entry: &LoopLog) -> String {
    let mut head = format!("{} {}", entry.timestamp, entry.source);
    if let Some(round) = entry.iteration {
        head += &format!(" iteration={round}");
    }
    if entry.level == "error" {
        head += " ERROR";
    }
    format!("{head}\n{}\n", entry.text)
}
