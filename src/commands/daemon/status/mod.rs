//! `paseo daemon status`, `paseo status`: how a daemon is. The server id is not part of it: it is half of what lets a
//! client connect, and what a direct route of a paired remote is known by.

mod near;
mod programs;
mod show;

use std::path::PathBuf;
use std::time::Duration;

use show::{Provider, Relay, Status};

use super::local::{self, Local};
use crate::client::DaemonClient;
use crate::commands::{CommandResult, Context};
use crate::error::CommandError;
use crate::pairing::Overrides;
use crate::protocol::daemon::{DaemonStatus, GetStatus, RelayStatus};
use crate::remote::Choice;

/// Feature of daemons that tell how they are: from 0.5.0 on.
const STATUS_FEATURE: &str = "daemonStatusRpc";

/// Longest time for the details.
const LIMIT: Duration = Duration::from_secs(10);

/// Arguments of `paseo daemon status`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Home of the daemon [default: $PASEO_HOME, then ~/.paseo]
    #[arg(long, value_name = "DIR")]
    pub home: Option<PathBuf>,
}

/// Shows how the daemon of this machine is, whether it runs or not; or the selected one, which must answer.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let status = if local::is_meant(context, args.home.as_ref())? {
        // The environment may be an agent's, whose daemon was told otherwise.
        let local = Local::read(context, args.home.as_ref(), &Overrides::default())?;
        near::status(context, &local)?
    } else {
        far(context)?
    };
    Ok(status.output().into())
}

/// Asks the selected daemon.
fn far(context: &Context) -> Result<Status, CommandError> {
    let name = match context.selection()?.choice {
        Choice::Remote(remote) => Some(remote.name.to_string()),
        _ => None,
    };
    context.with_daemon(async |daemon| {
        let server = daemon.server();
        let told = told(daemon).await?;
        let old = told.is_none();
        let notes = old.then(|| "this daemon is too old to tell more".to_owned());
        Ok(Status {
            remote: name,
            connected_daemon: "reachable",
            hostname: server.hostname.clone(),
            daemon_version: server.version.clone(),
            permissions: server.permissions.clone(),
            notes: Vec::from_iter(notes),
            ..Status::default()
        }
        .told(told))
    })
}

/// Asks a daemon how it is; `None` when it is too old to be asked.
async fn told(daemon: &DaemonClient) -> Result<Option<DaemonStatus>, CommandError> {
    if !daemon.server().has(STATUS_FEATURE) {
        return Ok(None);
    }
    Ok(Some(daemon.call_within(&GetStatus {}, Some(LIMIT)).await?))
}

impl Status {
    /// Takes over what the daemon itself says: it knows better than its files.
    fn told(mut self, told: Option<DaemonStatus>) -> Self {
        let Some(told) = told else { return self };
        self.notes.extend(told.problems);
        self.daemon_version = told.version.or(self.daemon_version);
        self.daemon_node = Some(told.node_path);
        self.pid = self.pid.or(Some(told.pid));
        self.started_at = self.started_at.or(told.started_at);
        self.listen = self.listen.or(told.listen);
        self.relay = told.relay.as_ref().map(relay).or(self.relay);
        let providers = told.providers.into_iter();
        self.providers = Some(
            providers
                .map(|provider| Provider {
                    label: programs::label(&provider.provider),
                    path: provider.available.then(|| "available".to_owned()),
                    version: provider.error.filter(|_| !provider.available),
                    source: Some("daemon"),
                })
                .collect(),
        );
        self
    }
}

fn relay(relay: &RelayStatus) -> Relay {
    Relay::new(relay.enabled, relay.public_use_tls, &relay.public_endpoint)
}
