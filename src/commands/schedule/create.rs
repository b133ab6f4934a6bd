//! `paseo schedule create`: run a prompt by the clock.

use super::{cadence, show};
use crate::commands::{CommandResult, Context, failure, model, place, prompt};
use crate::env;
use crate::error::CommandError;
use crate::protocol::lifecycle::AgentConfig;
use crate::protocol::schedules::{CreateSchedule, ScheduleTarget};

/// Arguments of `paseo schedule create`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The prompt, or - for stdin
    pub prompt: String,

    /// When it runs.
    #[command(flatten)]
    pub when: cadence::When,

    /// Name for people
    #[arg(long)]
    pub name: Option<String>,

    /// Provider, or provider/model
    #[arg(long)]
    pub provider: Option<String>,

    /// Mode of the agents
    #[arg(long)]
    pub mode: Option<String>,

    /// Thinking option of the agents
    #[arg(long, value_name = "ID")]
    pub thinking: Option<String>,

    /// Where the agents work; the current directory when absent
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,

    /// Run it now, too
    #[arg(long)]
    pub run_now: bool,

    /// How many runs at most
    #[arg(long, value_name = "N")]
    pub max_runs: Option<String>,

    /// How long the schedule lives
    #[arg(long, value_name = "DURATION")]
    pub expires_in: Option<String>,

    /// new-agent, self, or the id of an agent
    #[arg(long, hide = true)]
    pub target: Option<String>,
}

const CODE: &str = "SCHEDULE_CREATE_FAILED";

/// Makes a schedule.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = args.request(context)?;
    let schedule = context
        .with_daemon(async |daemon| {
            show::found(daemon.call(&request).await?, CODE, "create schedule")
        })
        .map_err(failure::of(CODE))?;
    Ok(show::line(&schedule).into())
}

impl Args {
    fn request(&self, context: &Context) -> Result<CreateSchedule, CommandError> {
        let usage = |code: &'static str, message: &str| CommandError::usage(code, message);
        let prompt = prompt::of_text(context, &self.prompt)?;
        let prompt = prompt.trim();
        if prompt.is_empty() {
            return Err(usage("INVALID_PROMPT", "a schedule needs a prompt"));
        }
        let cadence = self.when.cadence()?.ok_or_else(|| {
            let message = "when is it to run? give --every or --cron";
            usage("INVALID_CADENCE", message)
        })?;
        let cwd = self
            .cwd
            .as_deref()
            .map(str::trim)
            .filter(|cwd| !cwd.is_empty());
        if context.global.host.is_some() && cwd.is_none() {
            let message = "with --host, say in which directory of that machine it runs: \
                           add --cwd";
            return Err(usage("MISSING_CWD", message));
        }
        if self
            .thinking
            .as_deref()
            .is_some_and(|id| id.trim().is_empty())
        {
            return Err(usage(
                "INVALID_THINKING_OPTION",
                "--thinking cannot be empty",
            ));
        }
        Ok(CreateSchedule {
            prompt: prompt.to_owned(),
            name: given(self.name.as_deref()),
            cadence,
            target: self.target(context, cwd)?,
            max_runs: self
                .max_runs
                .as_deref()
                .map(cadence::max_runs)
                .transpose()?,
            expires_at: self
                .expires_in
                .as_deref()
                .map(cadence::expires_at)
                .transpose()?,
            run_on_create: Some(self.run_now),
        })
    }

    fn target(&self, context: &Context, cwd: Option<&str>) -> Result<ScheduleTarget, CommandError> {
        let named = self.target.as_deref().map(str::trim);
        let new_agent = self.provider.is_some() || self.mode.is_some() || self.thinking.is_some();
        match named.filter(|target| !target.is_empty() && *target != "new-agent") {
            None => {
                let (provider, model) = model::provider_and_model(self.provider.as_deref(), None)?;
                let config = AgentConfig {
                    provider,
                    cwd: place::named(context, cwd, "schedule create …", "--cwd")?,
                    mode_id: given(self.mode.as_deref()),
                    model,
                    thinking_option_id: given(self.thinking.as_deref()),
                    ..AgentConfig::default()
                };
                Ok(ScheduleTarget::NewAgent { config })
            }
            Some(_) if new_agent => Err(CommandError::usage(
                "INVALID_TARGET",
                "--provider, --mode and --thinking can only be used with a new-agent target",
            )
            .hint("leave --target out, or make it new-agent")),
            Some("self") => match context.env.text(env::PASEO_AGENT_ID) {
                Some(agent_id) => Ok(ScheduleTarget::Caller {
                    agent_id: agent_id.trim().to_owned(),
                }),
                None => Err(CommandError::usage(
                    "INVALID_TARGET",
                    "--target self: no agent runs this command",
                )),
            },
            Some(agent_id) => Ok(ScheduleTarget::Agent {
                agent_id: agent_id.to_owned(),
            }),
        }
    }
}

/// Returns a text without the blanks around it; nothing when nothing is left.
pub(in crate::commands) fn given(text: Option<&str>) -> Option<String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    text.map(str::to_owned)
}
