//! A daemon on another machine: it is ended or started anew only when somebody says so.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::stop;
use crate::client::{self, ConnectError, DaemonClient, Event};
use crate::commands::context::Road;
use crate::commands::runtime::run_async;
use crate::commands::{CommandResult, Context};
use crate::error::{CommandError, Exit, Hop};
use crate::output;
use crate::protocol::daemon::{GetStatus, Restart, Shutdown};
use crate::remote::Choice;

/// How long to wait before the next try to reach a daemon.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// How long a connection may outlive its daemon: some relays keep it.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long a daemon may think about how it is.
const STATUS_LIMIT: Duration = Duration::from_secs(5);

/// Ends the selected daemon, and waits until it has left.
pub(super) fn stop(context: &Context, patience: Duration) -> CommandResult {
    let name = name(context)?;
    confirm(
        context,
        &format!("Stop the daemon {name}? It can only be started again there."),
    )?;
    let road = road(context)?;
    run_async(async {
        let deadline = Instant::now() + patience;
        let daemon = client::connect(&road.target, &road.settings).await?;
        road.finish(daemon, async |daemon: &DaemonClient| {
            let events = daemon.events();
            daemon.call(&Shutdown {}).await?;
            end(events).await;
            Ok(())
        })
        .await?;
        while let Ok(daemon) = client::connect(&road.target, &road.settings).await {
            road.finish(daemon, async |_: &DaemonClient| Ok(())).await?;
            if Instant::now() >= deadline {
                let message = "the daemon said that it ends, and did not yet";
                return Err(late("STOP_FAILED", message));
            }
            sleep(RETRY_AFTER).await;
        }
        Ok(())
    })?;
    Ok(told("stopped", "Daemon stopped gracefully").into())
}

/// Lets the selected daemon start anew, and waits until it is back.
pub(super) fn restart(context: &Context, patience: Duration) -> CommandResult {
    let name = name(context)?;
    confirm(
        context,
        &format!("Restart the daemon {name}? Its running agents are interrupted."),
    )?;
    let road = road(context)?;
    run_async(async {
        let daemon = client::connect(&road.target, &road.settings).await?;
        again(&road, daemon, patience).await
    })?;
    Ok(told("restarted", "Daemon restarted").into())
}

/// Asks a daemon to start anew, and waits until it is back. One that cannot says so.
pub(super) async fn again(
    road: &Road,
    daemon: DaemonClient,
    patience: Duration,
) -> Result<(), CommandError> {
    let deadline = Instant::now() + patience;
    let began = road.finish(daemon, begin).await?;
    loop {
        let error = match client::connect(&road.target, &road.settings).await {
            Ok(daemon) if began.is_none() => return road.finish(daemon, async |_| Ok(())).await,
            Ok(daemon) => match road.finish(daemon, began_at).await {
                Ok(now) if now != began => return Ok(()),
                Ok(_) => None,
                Err(error) => error.source,
            },
            // It is there again, and will ask this of every command.
            Err(ConnectError::Password(_)) => return Ok(()),
            Err(error) => Some(error.into()),
        };
        if Instant::now() >= deadline {
            let late = late("RESTART_FAILED", "the daemon did not come back in time");
            return Err(match error {
                Some(error) => late.because(error),
                None => late,
            });
        }
        sleep(RETRY_AFTER).await;
    }
}

/// Asks a daemon to start anew, and returns when it began, if it can tell.
async fn begin(daemon: &DaemonClient) -> Result<Option<String>, CommandError> {
    let began = began_at(daemon).await?;
    let events = daemon.events();
    let reason = Some("paseo daemon restart".to_owned());
    daemon.call(&Restart { reason }).await.map_err(|error| {
        let error = CommandError::from(error).or_code("RESTART_FAILED");
        match error.hint {
            None => error.hint("stop it, and start it where it runs"),
            Some(_) => error,
        }
    })?;
    end(events).await;
    Ok(began)
}

async fn began_at(daemon: &DaemonClient) -> Result<Option<String>, CommandError> {
    if !daemon.server().has("daemonStatusRpc") {
        return Ok(None);
    }
    let status = daemon
        .call_within(&GetStatus {}, Some(STATUS_LIMIT))
        .await?;
    // The worker of an official daemon has another process each time, and the same beginning.
    Ok(Some(format!("{} {:?}", status.pid, status.started_at)))
}

/// Waits for the end of a connection, though not for ever.
async fn end(mut events: client::Events) {
    let ended =
        async { while let Some(Event::Message { .. } | Event::Binary(_)) = events.recv().await {} };
    // Whether the daemon has gone is seen without it.
    let _ = timeout(LAST_WORDS, ended).await;
}

/// Refuses, unless it was said on the command line or is said now.
fn confirm(context: &Context, question: &str) -> Result<(), CommandError> {
    context.agrees(question, || {
        let message = "this daemon is not the one of this machine";
        let refused = CommandError::usage("CONFIRMATION_NEEDED", message);
        refused.hint("say --yes to do it all the same")
    })
}

fn road(context: &Context) -> Result<Road, CommandError> {
    let resolved = context.resolve(&context.selection()?)?;
    let own = resolved.ways.iter().find(|way| way.own);
    let way = own.or(resolved.ways.first());
    let way = way.ok_or_else(|| CommandError::internal("there is no target to try"))?;
    context.road(way, &resolved.plan)
}

fn name(context: &Context) -> Result<String, CommandError> {
    Ok(match context.selection()?.choice {
        Choice::Remote(remote) => format!("`{}`", remote.name),
        _ => "that is selected".to_owned(),
    })
}

fn told(action: &'static str, message: &str) -> output::Output {
    let data = json!({ "action": action, "message": message, "processId": null });
    stop::row(action, "-", "-", message, &data)
}

fn late(code: &'static str, message: &str) -> CommandError {
    CommandError::new(code, Exit::Timeout, message)
        .at(Hop::Daemon)
        .hint("look at it with: paseo status")
}
