//! `paseo daemon stop`: end a daemon, and never another one than was meant.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::far;
use super::local::{self, Answer, Local};
use super::process;
use crate::client::DaemonClient;
use crate::commands::context::Road;
use crate::commands::runtime::run_async;
use crate::commands::{CommandResult, Context};
use crate::duration;
use crate::error::{CommandError, Exit};
use crate::output::{self, Column, Output, Row, Table};
use crate::pairing::Overrides;
use crate::protocol::daemon::Shutdown;

/// How often it is looked whether the daemon has gone.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long the daemon may take to say that it will end.
const REPLY_LIMIT: Duration = Duration::from_secs(5);

/// Arguments of `paseo daemon stop`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Home of the daemon [default: $PASEO_HOME, then ~/.paseo]
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,

    /// Seconds to wait for its end [default: 15]
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    pub timeout: Option<String>,

    /// Kill it when it has not ended by then; only on this machine
    #[arg(long)]
    pub force: bool,

    /// Seconds to wait after that [default: 3]
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    pub kill_timeout: Option<String>,
}

/// Limits of a stop.
pub(super) struct Limits {
    pub(super) patience: Duration,
    pub(super) force: bool,
    pub(super) after_kill: Duration,
}

impl Limits {
    /// Parses the limits, which are seconds, also with a fraction.
    pub(super) fn parse(
        timeout: Option<&str>,
        force: bool,
        kill: Option<&str>,
    ) -> Result<Self, CommandError> {
        let seconds = |text: Option<&str>, name: &str, usual: u64| {
            let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
                return Ok(Duration::from_secs(usual));
            };
            duration::parse_positive(text).map_err(|_| {
                CommandError::usage("INVALID_TIMEOUT", format!("--{name} {text} is no time"))
                    .hint("give seconds, more than 0")
            })
        };
        Ok(Self {
            patience: seconds(timeout, "timeout", 15)?,
            force,
            after_kill: seconds(kill, "kill-timeout", 3)?,
        })
    }
}

/// Stops the daemon of this machine; or, once that is confirmed, the selected one.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let limits = Limits::parse(
        args.timeout.as_deref(),
        args.force,
        args.kill_timeout.as_deref(),
    )?;
    if !local::is_meant(context, args.home.as_ref())? {
        return far::stop(context, limits.patience);
    }
    let local = Local::read(context, args.home.as_ref(), &Overrides::default())?;
    let stopped = run_async(stop(context, &local, &limits))?;
    Ok(stopped.output().into())
}

/// How a stop ended, as the official CLI tells it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stopped {
    pub(super) action: &'static str,
    pub(super) home: String,
    pub(super) pid: String,
    pub(super) forced: bool,
    pub(super) used_lifecycle_rpc: bool,
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) process_id: Option<u32>,
}

impl Stopped {
    fn output(&self) -> Output {
        row(self.action, &self.home, &self.pid, &self.message, self)
    }
}

/// Shows what became of a daemon.
pub(super) fn row(
    action: &str,
    home: &str,
    pid: &str,
    message: &str,
    data: &impl Serialize,
) -> Output {
    let cells = [action, home, pid, message].map(Into::into).into();
    let columns = ["STATUS", "HOME", "PID", "MESSAGE"].map(|header| Column(header, 0));
    Output::Item(Table {
        columns: columns.into(),
        rows: vec![Row::new(action, cells, data)],
    })
}

/// Asks the daemon to end, if it is the one of the home; else its process, if that is a daemon's.
async fn stop(context: &Context, local: &Local, limits: &Limits) -> Result<Stopped, CommandError> {
    let deadline = Instant::now() + limits.patience;
    let answer = local.ask(context).await?;
    let (asked, stranger) = match answer {
        Answer::Ours(road, daemon) => (shut_down(&road, daemon).await, false),
        Answer::Foreign(..) => (false, true),
        Answer::Locked(_) | Answer::Nobody | Answer::NoAddress => (false, false),
    };
    if stranger {
        let at = local.listen();
        output::note(&format!(
            "the daemon at {at} belongs to a different Paseo home: it is left alone"
        ));
        // What listens there is not the noted process, whose id may be another one's by now.
        return Ok(not_running(local));
    }
    if !asked {
        let Some(pid) = local.to_signal().map_err(|why| failed(&why))? else {
            return Ok(not_running(local));
        };
        process::signal_tree(pid, process::Signal::Term);
    }
    let mut forced = false;
    if !gone(context, local, deadline).await? {
        let timed_out = || {
            let seconds = limits.patience.as_secs_f64().ceil();
            failed(&format!("it still runs after {seconds} s")).hint("end it with --force")
        };
        let to_signal = local.to_signal().map_err(|why| failed(&why))?;
        let pid = to_signal.filter(|_| limits.force).ok_or_else(timed_out)?;
        process::signal_tree(pid, process::Signal::Kill);
        forced = true;
        if !gone(context, local, Instant::now() + limits.after_kill).await? {
            return Err(timed_out());
        }
    }
    // The file of a daemon that could not clean up after itself; the next one replaces it anyway.
    let _ = local.home.forget_dead();
    let (reason, message) = match (forced, asked) {
        (true, _) => (
            "owner_pid_sigkill",
            "Daemon owner process was force-stopped",
        ),
        (false, true) => ("lifecycle_shutdown_rpc", "Daemon stopped gracefully"),
        (false, false) => (
            "owner_pid_signal",
            "Daemon stopped by a signal to its process",
        ),
    };
    Ok(Stopped {
        action: "stopped",
        forced,
        used_lifecycle_rpc: asked,
        reason,
        message: message.to_owned(),
        ..not_running(local)
    })
}

async fn shut_down(road: &Road, daemon: DaemonClient) -> bool {
    let asked = road.finish(daemon, async |daemon: &DaemonClient| {
        Ok(daemon.call_within(&Shutdown {}, Some(REPLY_LIMIT)).await?)
    });
    asked.await.is_ok()
}

/// Waits until the process has gone, or, when there is none to look at, until nobody answers.
async fn gone(context: &Context, local: &Local, deadline: Instant) -> Result<bool, CommandError> {
    let noted = local.alive();
    loop {
        let there = match noted {
            Some(_) => local.alive().is_some(),
            None => matches!(local.ask(context).await?, Answer::Ours(..)),
        };
        if !there {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        sleep(LOOK_EVERY).await;
    }
}

fn not_running(local: &Local) -> Stopped {
    let stale = local
        .pid
        .as_ref()
        .map(|pid| format!(" (stale PID file for {})", pid.pid));
    Stopped {
        action: "not_running",
        home: local.home.dir().display().to_string(),
        pid: local
            .pid
            .as_ref()
            .map_or_else(|| "-".to_owned(), |pid| pid.pid.to_string()),
        forced: false,
        used_lifecycle_rpc: false,
        reason: "not_running",
        message: format!("Daemon is not running{}", stale.unwrap_or_default()),
        process_id: local.pid.as_ref().map(|pid| pid.pid),
    }
}

fn failed(why: &str) -> CommandError {
    let message = format!("Failed to stop local daemon: {why}");
    CommandError::new("STOP_FAILED", Exit::Failed, message)
}
