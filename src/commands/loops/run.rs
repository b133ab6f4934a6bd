//! `paseo loop run`.

use serde_json::json;

use super::one;
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, exact, feature, model, place, prompt};
use crate::complete;
use crate::duration;
use crate::error::CommandError;
use crate::output::{Column, Output, Row, Table};
use crate::protocol::loops::RunLoop;

const DOING: Doing = Doing {
    code: "LOOP_RUN_FAILED",
    what: "Failed to start loop",
};

/// Arguments of `paseo loop run`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What each fresh worker is told
    pub prompt: String,

    /// What runs workers and verifiers: claude, or with a model: codex/gpt-5.4
    #[arg(long, value_name = "PROVIDER", add = complete::providers())]
    pub provider: Option<String>,

    /// Their model
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,

    /// What runs the verifiers, when it is another
    #[arg(long, value_name = "PROVIDER", add = complete::providers())]
    pub verify_provider: Option<String>,

    /// Model of the verifiers
    #[arg(long, value_name = "MODEL")]
    pub verify_model: Option<String>,

    /// What a verifier is told
    #[arg(long, value_name = "PROMPT")]
    pub verify: Option<String>,

    /// A command that must exit with 0; repeat for more
    #[arg(long, value_name = "COMMAND")]
    pub verify_check: Vec<String>,

    /// Archive the agents of a round when it is over
    #[arg(long)]
    pub archive: bool,

    /// Name for people
    #[arg(long)]
    pub name: Option<String>,

    /// Pause between rounds, such as 30s or 5m
    #[arg(long, value_name = "DURATION")]
    pub sleep: Option<String>,

    /// How many rounds at most
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub max_iterations: Option<String>,

    /// How long in all at most, such as 30m or 1h
    #[arg(long, value_name = "DURATION")]
    pub max_time: Option<String>,

    /// Where the agents work; the current directory when absent
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<String>,
}

/// Starts a loop, and does not wait for it.
pub(super) fn run(context: &Context, args: &Args) -> CommandResult {
    let request = args.request(context)?;
    let made = context.with_daemon(async |daemon| {
        feature::require_old(daemon, super::LOOPS)?;
        one(daemon.call(&request).await, DOING)
    })?;
    let data = json!({ "id": made.id, "status": made.status, "name": made.name, "cwd": made.cwd,
        "cwdPath": exact::path(&made.cwd) });
    let cells = vec![
        made.id.as_str().into(),
        made.status.into(),
        made.name.unwrap_or_default().into(),
        made.cwd.into(),
    ];
    Ok(Output::Item(Table {
        columns: vec![
            Column("LOOP ID", 10),
            Column("STATUS", 10),
            Column("NAME", 20),
            Column("CWD", 40),
        ],
        rows: vec![Row::new(made.id, cells, &data)],
    })
    .into())
}

impl Args {
    fn request(&self, context: &Context) -> Result<RunLoop, CommandError> {
        let verify_prompt = given(self.verify.as_deref());
        if self.verify.is_some() && verify_prompt.is_none() {
            let message = "--verify cannot be empty";
            return Err(CommandError::usage("INVALID_VERIFY_PROMPT", message));
        }
        let (provider, model) = chosen(self.provider.as_deref(), self.model.as_deref())?;
        let (verifier_provider, verifier_model) = chosen(
            self.verify_provider.as_deref(),
            self.verify_model.as_deref(),
        )?;
        Ok(RunLoop {
            prompt: prompt::of_text(context, &self.prompt)?.into_owned(),
            provider,
            model,
            verifier_provider,
            verifier_model,
            verify_prompt,
            verify_checks: self.verify_check.clone(),
            archive: self.archive.then_some(true),
            name: given(self.name.as_deref()),
            sleep_ms: self.sleep.as_deref().map(milliseconds).transpose()?,
            max_iterations: self.max_iterations.as_deref().map(rounds).transpose()?,
            max_time_ms: self.max_time.as_deref().map(milliseconds).transpose()?,
            cwd: place::named(context, self.cwd.as_deref(), "loop run …", "--cwd")?,
        })
    }
}

/// Returns provider and model; what is not named is the daemon's choice.
fn chosen(
    provider: Option<&str>,
    model: Option<&str>,
) -> Result<(Option<String>, Option<String>), CommandError> {
    match provider {
        Some(provider) => {
            let (provider, model) = model::provider_and_model(Some(provider), model)?;
            Ok((Some(provider), model))
        }
        None => Ok((None, given(model))),
    }
}

fn given(text: Option<&str>) -> Option<String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

fn milliseconds(text: &str) -> Result<u64, CommandError> {
    let invalid = |error: duration::DurationError| {
        CommandError::usage("INVALID_DURATION", format!("Invalid duration: {text}"))
            .hint(error.to_string())
    };
    let length = duration::parse_positive(text).map_err(invalid)?;
    Ok(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}

fn rounds(text: &str) -> Result<u64, CommandError> {
    match text.trim().parse() {
        Ok(rounds @ 1..) => Ok(rounds),
        _ => Err(CommandError::usage(
            "INVALID_MAX_ITERATIONS",
            "--max-iterations must be a positive integer",
        )),
    }
}
