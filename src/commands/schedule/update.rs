//! `paseo schedule update`: change a schedule.

use super::create::given;
use super::{cadence, one, show};
use crate::commands::{CommandResult, Context, Reference, failure, model, prompt};
use crate::error::CommandError;
use crate::protocol::schedules::{AgentConfigPatch, InspectSchedule, UpdateSchedule};

/// Arguments of `paseo schedule update`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its id
    pub id: Reference,

    /// When it runs.
    #[command(flatten)]
    pub when: cadence::When,

    /// Name for people; an empty one takes the name away
    #[arg(long)]
    pub name: Option<String>,

    /// The prompt, or - for stdin
    #[arg(long)]
    pub prompt: Option<String>,

    /// Provider, or provider/model
    #[arg(long)]
    pub provider: Option<String>,

    /// Model; needs --provider
    #[arg(long)]
    pub model: Option<String>,

    /// Mode of the agents; an empty one goes back to the usual
    #[arg(long)]
    pub mode: Option<String>,

    /// Where the agents work
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,

    /// How many runs at most
    #[arg(long, value_name = "N")]
    pub max_runs: Option<String>,

    /// As many runs as come
    #[arg(long)]
    pub no_max_runs: bool,

    /// How long the schedule lives
    #[arg(long, value_name = "DURATION")]
    pub expires_in: Option<String>,

    /// For ever
    #[arg(long)]
    pub no_expires_in: bool,
}

const CODE: &str = "SCHEDULE_UPDATE_FAILED";

/// Changes what is given, and keeps the rest.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = args.request(context)?;
    let inspect = InspectSchedule {
        schedule_id: args.id.on(context).to_owned(),
    };
    let schedule = context
        .with_daemon_and(&inspect, async |daemon, reply| {
            one::new_agents(reply, args.id.on(context), CODE, "update schedule")?;
            show::found(daemon.call(&request).await?, CODE, "update schedule")
        })
        .map_err(failure::of(CODE))?;
    Ok(show::record(&schedule).into())
}

impl Args {
    fn request(&self, context: &Context) -> Result<UpdateSchedule, CommandError> {
        let usage = |code: &'static str, message: &str| Err(CommandError::usage(code, message));
        let schedule_id = self.id.on(context).trim().to_owned();
        if schedule_id.is_empty() {
            return usage("INVALID_SCHEDULE_ID", "which schedule? the id is blank");
        }
        let cadence = self.when.cadence()?;
        let max_runs = match (self.max_runs.as_deref(), self.no_max_runs) {
            (Some(_), true) => {
                let message = "--max-runs and --no-max-runs exclude each other";
                return usage("CONFLICTING_MAX_RUNS", message);
            }
            (None, true) => Some(None),
            (runs, false) => runs.map(cadence::max_runs).transpose()?.map(Some),
        };
        let expires_at = match (self.expires_in.as_deref(), self.no_expires_in) {
            (Some(_), true) => {
                let message = "--expires-in and --no-expires-in exclude each other";
                return usage("CONFLICTING_EXPIRES", message);
            }
            (None, true) => Some(None),
            (length, false) => length.map(cadence::expires_at).transpose()?.map(Some),
        };
        let read = |text| prompt::of_text(context, text).map(|text| text.trim().to_owned());
        let prompt = self.prompt.as_deref().map(read).transpose()?;
        if prompt.as_deref() == Some("") {
            return usage("INVALID_PROMPT", "--prompt cannot be empty");
        }
        let request = UpdateSchedule {
            schedule_id: schedule_id.clone(),
            name: self.name.as_ref().map(|name| given(Some(name))),
            prompt,
            cadence,
            new_agent_config: self.config()?,
            max_runs,
            expires_at,
        };
        let nothing = UpdateSchedule {
            schedule_id,
            ..UpdateSchedule::default()
        };
        if request == nothing {
            return usage("NO_UPDATES", "nothing to change was given");
        }
        Ok(request)
    }

    fn config(&self) -> Result<Option<AgentConfigPatch>, CommandError> {
        let mut patch = AgentConfigPatch::default();
        if self.provider.is_some() || self.model.is_some() {
            let (provider, model) =
                model::provider_and_model(self.provider.as_deref(), self.model.as_deref())?;
            patch.provider = Some(provider);
            patch.model = model.map(Some);
        }
        patch.mode_id = self.mode.as_ref().map(|mode| given(Some(mode)));
        patch.cwd = self.cwd.as_deref().map(|cwd| cwd.trim().to_owned());
        if patch.cwd.as_deref() == Some("") {
            return Err(CommandError::usage("INVALID_CWD", "--cwd cannot be empty"));
        }
        Ok((patch != AgentConfigPatch::default()).then_some(patch))
    }
}
