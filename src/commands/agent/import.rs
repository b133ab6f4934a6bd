//! `paseo import`: take over a session that a provider already has.

use super::started;
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, pairs, place};
use crate::error::CommandError;
use crate::protocol::lifecycle::{AgentStarted, ImportAgent};

const DOING: Doing = Doing {
    code: "AGENT_IMPORT_FAILED",
    what: "Failed to import agent",
};

/// Arguments of `paseo import`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The provider's own id of the session
    #[arg(value_name = "id")]
    pub id: String,

    /// Provider that has the session
    #[arg(long, value_name = "PROVIDER")]
    pub provider: String,

    /// Directory of the session on the daemon's machine
    #[arg(long, value_name = "PATH")]
    pub cwd: Option<String>,

    /// Label for the agent; repeat for more
    #[arg(long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
}

impl Args {
    fn request(&self, context: &Context) -> Result<ImportAgent, CommandError> {
        const USAGE: &str = "write it as: paseo import --provider PROVIDER SESSION";
        let session_id = self.id.trim();
        if session_id.is_empty() {
            let error = CommandError::usage("MISSING_SESSION_ID", "Session ID is required");
            return Err(error.hint(USAGE));
        }
        let provider = self.provider.trim();
        if provider.is_empty() {
            let error = CommandError::usage("MISSING_PROVIDER", "Provider is required");
            return Err(error.hint(USAGE));
        }
        let labels = pairs::parse(self.label.iter().map(String::as_str), pairs::LABEL)?;
        let cwd = match self.cwd.as_deref().map(str::trim) {
            Some("") => {
                return Err(CommandError::usage("INVALID_CWD", "--cwd cannot be empty")
                    .hint("name a directory, or leave --cwd out"));
            }
            cwd => place::for_agent(context, cwd, "import …")?,
        };
        Ok(ImportAgent {
            provider: Some(provider.to_owned()),
            session_id: Some(session_id.to_owned()),
            cwd: Some(cwd),
            labels: (!labels.is_empty()).then_some(labels),
            ..ImportAgent::default()
        })
    }
}

/// Makes an agent out of a session that the provider has.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let request = args.request(context)?;
    let reply = context.with_daemon(async |daemon| {
        daemon
            .call(&request)
            .await
            .map_err(|error| DOING.error(error))
    })?;
    match reply {
        AgentStarted::AgentCreated { agent, .. } | AgentStarted::AgentResumed { agent, .. } => {
            Ok(started::show(&agent, started::status(&agent)).into())
        }
        AgentStarted::AgentCreateFailed { error, .. } => Err(DOING.refused(&error)),
    }
}
