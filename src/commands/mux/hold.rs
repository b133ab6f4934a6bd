//! `paseo mux hold`: the process that keeps connections ready. It ends when nobody used it for a while, when its
//! remote was changed or removed, when its socket is gone, and when the daemon cannot be reached.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::commands::context::Road;
use crate::commands::runtime::run_async;
use crate::commands::stop_signal::stop_signal;
use crate::commands::warm::Warm;
use crate::commands::{CommandResult, Context, holder};
use crate::error::{CommandError, Exit};
use crate::forward;
use crate::listen::{self, Listen, Listener};
use crate::output::Output;
use crate::remote::Choice;

/// One that was replaced because it answered too late, and has gone on, ends when nobody has used it for so long: who
/// does loses nothing.
const REPLACED: Duration = Duration::from_secs(1);

/// Arguments of `paseo mux hold`
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Keeps connections ready.
pub fn run(context: &Context, _args: &Args) -> CommandResult {
    // It outlives the terminal. A person who runs it by hand has it in a group of its own already, and can end it.
    let _ = rustix::process::setsid();
    let resolved = context.resolve(&context.selection()?)?;
    let Some(warm) = resolved.plan.warm.clone() else {
        let message = "connections are kept ready for saved remotes, with --persist";
        return Err(CommandError::usage("NOT_PERSISTENT", message));
    };
    holder::prepare_dir(&warm.socket)?;
    run_async(async {
        let stop = stop_signal()?;
        // One that is there already answers, and then this one has nothing to do.
        let listener = Listener::open(&Listen::Unix(warm.socket.clone())).await;
        let listener = listener.map_err(not_listening)?.for_its_owner();
        let (road, daemon, _) = context.connect(&resolved, None).await?;
        daemon.close().await;
        let Road {
            target, settings, ..
        } = road;
        let service = Arc::new(forward::Warm::new(&warm.name, target, settings));
        let (_unchanged, open) = watch::channel(listen::Access::default());
        let serving = Arc::clone(&service);
        tokio::select! {
            () = listener.run(serving, open) => {}
            error = service.fill() => return Err(error.into()),
            () = service.idle_for(warm.time) => {}
            () = changed(context, &warm) => {}
            () = holder::replaced(&warm.socket) => service.idle_for(REPLACED).await,
            () = stop => {}
        }
        Ok(Output::Nothing.into())
    })
}

fn not_listening(error: std::io::Error) -> CommandError {
    let message = "no socket for warm connections can be opened";
    CommandError::new("LISTEN_FAILED", Exit::Failed, message).because(error)
}

/// Returns once the remote is not what it was.
async fn changed(context: &Context, warm: &Warm) {
    while is_same(context, warm) {
        tokio::time::sleep(holder::LOOK_EVERY).await;
    }
}

/// Whether the remote is still as it was; no secret store is asked for that.
fn is_same(context: &Context, warm: &Warm) -> bool {
    let (Ok(selection), Ok(file)) = (context.selection(), context.remotes()) else {
        return false;
    };
    match &selection.choice {
        Choice::Remote(remote) => {
            context.socket_of(remote, &file.options(remote)).as_ref() == Some(&warm.socket)
        }
        _ => false,
    }
}
