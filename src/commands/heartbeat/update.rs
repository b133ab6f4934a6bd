//! `paseo heartbeat update`: change when a heartbeat comes.

use crate::commands::schedule::show;
use crate::commands::{CommandResult, Context, Reference, failure};
use crate::protocol::schedules::{Cadence, InspectSchedule, UpdateSchedule};

/// Arguments of `paseo heartbeat update`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its id
    pub id: Reference,

    /// When, as five fields of cron
    #[arg(long, value_name = "EXPR")]
    pub cron: String,

    /// Time zone; the one it has when absent
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
}

const DOING: (&str, &str) = ("HEARTBEAT_UPDATE_FAILED", "update heartbeat");

/// Changes a heartbeat of this agent.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let agent = super::caller(context)?;
    let id = args.id.on(context);
    let zone = args
        .timezone
        .as_deref()
        .map(str::trim)
        .filter(|zone| !zone.is_empty());
    let request = UpdateSchedule {
        schedule_id: id.to_owned(),
        cadence: Some(Cadence::Cron {
            expression: super::cron(&args.cron)?,
            timezone: zone.map(str::to_owned),
        }),
        ..UpdateSchedule::default()
    };
    let inspect = InspectSchedule {
        schedule_id: id.to_owned(),
    };
    let schedule = context
        .with_daemon_and(&inspect, async |daemon, reply| {
            super::owned(reply, id, &agent, DOING)?;
            show::found(daemon.call(&request).await?, DOING.0, DOING.1)
        })
        .map_err(failure::of(DOING.0))?;
    Ok(show::line(&schedule).into())
}
