//! `paseo relay serve`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::settings::Settings;
use crate::commands::{CommandResult, Context};
use crate::error::CommandError;
use crate::output::Output;
use crate::relay::Server;

/// Run a relay
///
/// Stops on SIGTERM or Ctrl-C: tells everybody to come back, and ends within half a minute.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Settings file (TOML): its keys are the names of these flags, without the dashes in front
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the command's"
    )]
    #[command(flatten)]
    pub settings: Settings,
}

pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    let settings = args.settings.clone();
    let settings = settings.layered(&context.env, args.config.as_deref())?;
    let config = settings.into_config();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            CommandError::internal("the asynchronous runtime cannot start").because(error)
        })?;
    runtime.block_on(async {
        let server = Server::bind(config)?;
        server.run(stop_signal()?).await;
        Ok(Output::Nothing.into())
    })
}

/// Returns what is ready when the process is asked to stop.
fn stop_signal() -> Result<impl Future<Output = ()>, CommandError> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let failed = |error| CommandError::internal("signals cannot be caught").because(error);
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        // Without the signal there is only the hard way to stop.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
