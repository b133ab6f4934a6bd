//! `paseo daemon restart`, `paseo restart`: let a daemon start anew.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::far;
use super::local::{self, Answer, Local};
use super::stop::{self, Limits};
use crate::commands::runtime::run_async;
use crate::commands::{CommandResult, Context, handover};
use crate::error::{CommandError, Exit};
use crate::pairing::Overrides;

/// A daemon loads its agents before it listens.
const COMING_BACK: Duration = Duration::from_secs(30);

/// Arguments of `paseo daemon restart`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Home of the daemon [default: $PASEO_HOME, then ~/.paseo]
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,

    /// Seconds to wait for its end [default: 15]
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    pub timeout: Option<String>,

    /// Kill it when it has not ended by then (official CLI)
    #[arg(long)]
    pub force: bool,

    /// With which settings it starts.
    #[command(flatten)]
    pub start: Start,
}

/// Settings that a daemon is started with: the official CLI does that
#[derive(Debug, clap::Args)]
pub struct Start {
    /// Listen here from now on: host:port, a port or a Unix socket (official CLI)
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,

    /// Listen on this port of 127.0.0.1 from now on (official CLI)
    #[arg(long, value_name = "PORT")]
    pub port: Option<String>,

    /// Without the relay (official CLI)
    #[arg(long)]
    pub no_relay: bool,

    /// Without the MCP server for agents (official CLI)
    #[arg(long)]
    pub no_mcp: bool,

    /// Without giving agents the MCP server (official CLI)
    #[arg(long)]
    pub no_inject_mcp: bool,

    /// With the web page (official CLI)
    #[arg(long)]
    pub web_ui: bool,

    /// Without the web page (official CLI)
    #[arg(long)]
    pub no_web_ui: bool,

    /// Names that the daemon answers to (official CLI)
    #[arg(long, value_name = "NAMES", alias = "allowed-hosts")]
    pub hostnames: Option<String>,
}

impl Start {
    fn is_given(&self) -> bool {
        let switches = [
            self.no_relay,
            self.no_mcp,
            self.no_inject_mcp,
            self.web_ui,
            self.no_web_ui,
        ];
        let texts = [&self.listen, &self.port, &self.hostnames];
        switches.contains(&true) || texts.iter().any(|text| text.is_some())
    }
}

/// Lets the daemon of this machine start anew; or, once that is confirmed, the selected one. What does not
/// run, or is to run with other settings, is started by the official CLI.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let limits = Limits::parse(args.timeout.as_deref(), args.force, None)?;
    if args.start.listen.is_some() && args.start.port.is_some() {
        let message = "--listen and --port exclude each other";
        return Err(CommandError::usage("INVALID_OPTIONS", message));
    }
    // `--relay` alone is the official switch; with an offer it selects a daemon.
    let relay = context
        .global
        .relay
        .as_ref()
        .is_some_and(|it| it.expose().is_empty());
    let settings = args.start.is_given() || relay;
    if !relay && !local::is_meant(context, args.home.as_ref())? {
        if settings {
            let message = "a daemon on another machine starts with its own settings";
            return Err(CommandError::usage("LOCAL_ONLY", message));
        }
        return far::restart(context, limits.patience + COMING_BACK);
    }
    let local = Local::read(context, args.home.as_ref(), &Overrides::default())?;
    let restarted = run_async(async {
        match local.ask(context).await? {
            Answer::Foreign(..) => Err(foreign(&local)),
            Answer::Ours(road, daemon) if !settings => {
                far::again(&road, daemon, limits.patience + COMING_BACK).await?;
                Ok(Some(local.home.pid()?.map(|pid| pid.pid)))
            }
            Answer::Ours(..) | Answer::Locked(_) | Answer::Nobody | Answer::NoAddress => Ok(None),
        }
    })?;
    let Some(pid) = restarted else {
        return handover::run(context, &["daemon", "restart"], &handover::Args::default());
    };
    let name = |pid: Option<u32>| pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
    let before = local.alive();
    let (process_id, pid) = (pid, name(pid));
    let home = local.home.dir().display().to_string();
    let message = format!("Local daemon restarted (PID {} -> PID {pid})", name(before));
    let data = json!({ "action": "restarted", "home": home, "pid": pid, "message": message,
        "processId": process_id });
    Ok(stop::row("restarted", &home, &pid, &message, &data).into())
}

fn foreign(local: &Local) -> CommandError {
    let at = local.listen();
    let message = format!("the daemon at {at} belongs to a different Paseo home: it is left alone");
    CommandError::new("DAEMON_OF_OTHER_HOME", Exit::Config, message)
        .hint("check --home, PASEO_HOME, and where the daemon of this home listens")
}
