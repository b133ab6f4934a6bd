//! `paseo heartbeat create`: prompt this agent by the clock.

use crate::commands::schedule::create::given;
use crate::commands::schedule::{expires_at, max_runs, show};
use crate::commands::{CommandResult, Context, failure, prompt};
use crate::error::CommandError;
use crate::protocol::schedules::{Cadence, CreateSchedule, ScheduleTarget};

/// Arguments of `paseo heartbeat create`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The prompt, or - for stdin
    pub prompt: String,

    /// When, as five fields of cron
    #[arg(long, value_name = "EXPR")]
    pub cron: String,

    /// Time zone, such as Europe/Paris; UTC when absent
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,

    /// Name for people
    #[arg(long)]
    pub name: Option<String>,

    /// How many times at most
    #[arg(long, value_name = "N")]
    pub max_runs: Option<String>,

    /// How long it lives
    #[arg(long, value_name = "DURATION")]
    pub expires_in: Option<String>,
}

const CODE: &str = "HEARTBEAT_CREATE_FAILED";

/// Makes a heartbeat.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let agent_id = super::caller(context)?;
    let expression = super::cron(&args.cron)?;
    let runs = args.max_runs.as_deref().map(max_runs).transpose();
    let request = CreateSchedule {
        prompt: prompt::of_text(context, &args.prompt)?.trim().to_owned(),
        name: given(args.name.as_deref()),
        cadence: Cadence::Cron {
            expression,
            timezone: given(args.timezone.as_deref()),
        },
        target: ScheduleTarget::Agent { agent_id },
        max_runs: runs.map_err(|error| {
            CommandError::usage(
                CODE,
                format!("Failed to create heartbeat: {}", error.message),
            )
        })?,
        expires_at: args.expires_in.as_deref().map(expires_at).transpose()?,
        run_on_create: None,
    };
    let schedule = context
        .with_daemon(async |daemon| {
            show::found(daemon.call(&request).await?, CODE, "create heartbeat")
        })
        .map_err(failure::of(CODE))?;
    Ok(show::line(&schedule).into())
}
