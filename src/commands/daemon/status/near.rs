//! The status of the daemon of this machine: its files, and what it says itself when it answers.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::show::{Near, Relay, Status};
use super::{programs, told};
use crate::client::{DaemonClient, PasswordFault};
use crate::commands::Context;
use crate::commands::daemon::local::{Answer, Local};
use crate::commands::daemon::process;
use crate::commands::runtime::run_async;
use crate::error::CommandError;
use crate::pairing::Standing;
use crate::protocol::daemon::DaemonStatus;
use crate::protocol::session::ServerInfo;

/// How long a process that runs may need until it listens.
const STARTING: Duration = Duration::from_millis(2500);

/// The same for one that it has started itself: official daemons are a process that starts another one, and starts it
/// anew, which takes long on a busy machine.
const STARTING_CHILD: Duration = Duration::from_secs(20);

/// How long to wait before the next try.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Looks at the files, and asks whoever answers there. A daemon that does not run is no failure.
pub(super) fn status(context: &Context, local: &Local) -> Result<Status, CommandError> {
    let mut status = from_files(local)?;
    let answer = run_async(async {
        Ok(match patiently(context, local).await? {
            Answer::Ours(road, daemon) => Told::By(road.finish(daemon, details).await?, true),
            Answer::Foreign(road, daemon) => Told::By(road.finish(daemon, details).await?, false),
            Answer::Locked(fault) => Told::Locked(fault),
            Answer::Nobody => Told::Nobody,
            Answer::NoAddress => Told::NoAddress,
        })
    })?;
    let at = local.listen();
    let near = status.near.as_mut().expect("it was made of files");
    let running = local.alive().is_some();
    let mut details = None;
    let mut notes = std::mem::take(&mut status.notes);
    match answer {
        Told::By(daemon, ours) => {
            let (server, told) = *daemon;
            status.connected_daemon = "reachable";
            status.daemon_version = server.version;
            status.permissions = server.permissions;
            if !ours {
                notes.push(format!(
                    "the daemon at {at} belongs to a different Paseo home"
                ));
            } else if !running {
                notes.push(format!(
                    "the daemon at {at} runs without a living process of its own in the pid file"
                ));
            } else if told.is_none() {
                notes.push("the daemon gives no details: it is too old, or too slow".to_owned());
            }
            details = told;
        }
        Told::Locked(PasswordFault::Required | PasswordFault::Lost) => {
            status.connected_daemon = "auth_required";
            notes.push(format!(
                "the daemon at {at} requires a password: set PASEO_PASSWORD"
            ));
        }
        Told::Locked(PasswordFault::Incorrect | PasswordFault::NotToken) => {
            status.connected_daemon = "auth_failed";
            notes.push(format!(
                "at {at} the password was rejected: check PASEO_PASSWORD"
            ));
        }
        Told::Nobody => {
            status.connected_daemon = "unreachable";
            if running {
                near.local_daemon = "unresponsive";
                notes.push(format!("its process runs, but nothing answers at {at}"));
            }
        }
        Told::NoAddress => status.connected_daemon = "not_probed",
    }
    status.notes = notes;
    let mut status = status.told(details);
    if status.providers.is_none() {
        status.providers = Some(run_async(async { Ok(programs::look(&context.env).await) })?);
    }
    Ok(status)
}

/// Asks once more, and again, while the process runs: one that has just been started does not listen yet.
async fn patiently(context: &Context, local: &Local) -> Result<Answer, CommandError> {
    let deadline = Instant::now() + STARTING;
    loop {
        let answer = local.ask(context).await?;
        let (Answer::Nobody, Some(pid)) = (&answer, local.alive()) else {
            return Ok(answer);
        };
        let young = || process::child_age(pid).is_some_and(|age| age < STARTING_CHILD);
        if Instant::now() >= deadline && !young() {
            return Ok(answer);
        }
        sleep(RETRY_AFTER).await;
    }
}

/// How asking ended.
enum Told {
    /// By a daemon, and whether it is that of the home.
    By(Box<Details>, bool),
    Locked(PasswordFault),
    Nobody,
    NoAddress,
}

/// What a daemon says of itself, and what it told.
type Details = (ServerInfo, Option<DaemonStatus>);

async fn details(daemon: &DaemonClient) -> Result<Box<Details>, CommandError> {
    // A daemon that answers and tells nothing is there all the same.
    let told = told(daemon).await.unwrap_or_default();
    Ok(Box::new((daemon.server().clone(), told)))
}

fn from_files(local: &Local) -> Result<Status, CommandError> {
    let home = local.home.dir();
    let relay = &local.config.relay;
    let pid = local.pid.as_ref();
    let known = |text: &String| (!text.is_empty()).then(|| text.clone());
    let (local_daemon, note) = match (local.alive(), pid) {
        (Some(_), _) => ("running", None),
        (None, Some(pid)) => {
            let id = pid.pid;
            let note = match local.home.standing(pid) {
                Standing::Elsewhere { host } => {
                    format!("the pid file belongs to the machine {host} (process {id})")
                }
                _ => format!("the pid file is stale: process {id} is not the daemon"),
            };
            ("stale_pid", Some(note))
        }
        (None, None) => ("stopped", None),
    };
    Ok(Status {
        near: Some(Near {
            local_daemon,
            home: home.display().to_string(),
            owner_id: pid.map(|pid| pid.uid),
            owner: pid.map(|pid| {
                let hostname = known(&pid.hostname);
                format!(
                    "{}@{}",
                    pid.uid,
                    hostname.as_deref().unwrap_or("unknown-host")
                )
            }),
            has_log: home.join("daemon.log").is_file(),
            log_path: home.join("daemon.log").display().to_string(),
            desktop_managed: pid.is_some_and(|pid| pid.desktop_managed),
        }),
        listen: Some(local.listen().to_owned()),
        relay: Some(Relay::new(
            relay.enabled,
            relay.public_use_tls,
            &relay.public_endpoint.to_string(),
        )),
        hostname: pid.and_then(|pid| known(&pid.hostname)),
        pid: pid.map(|pid| pid.pid),
        started_at: pid.and_then(|pid| known(&pid.started_at)),
        daemon_node: local.alive().and_then(programs::of_process),
        notes: Vec::from_iter(note),
        ..Status::default()
    })
}
