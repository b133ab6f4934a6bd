//! `paseo import`: take over a session that a provider already has.

use std::time::Duration;

use super::started;
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, pairs, place};
use crate::error::CommandError;
use crate::output::{Column, Output, Row, Table};
use crate::protocol::lifecycle::{AgentStarted, ImportAgent};
use crate::protocol::providers::FetchSessions;

/// An agent is started to be asked.
const PATIENCE: Duration = Duration::from_secs(90);

const DOING: Doing = Doing {
    code: "AGENT_IMPORT_FAILED",
    what: "Failed to import agent",
};

/// Arguments of `paseo import`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The provider's own id of the session; without it, list the sessions
    #[arg(value_name = "id")]
    pub id: Option<String>,

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
        let session_id = self.id.as_deref().unwrap_or_default().trim();
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

/// Lists the sessions that a provider has and no agent goes on with.
fn list(context: &Context, args: &Args) -> CommandResult {
    let request = FetchSessions {
        cwd: args.cwd.clone(),
        providers: Some(vec![args.provider.trim().to_owned()]),
        ..FetchSessions::default()
    };
    let reply = context.with_daemon(async |daemon| {
        let reply = daemon.call_within(&request, Some(PATIENCE)).await;
        reply.map_err(|error| DOING.error(error))
    })?;
    let rows = reply.entries.iter().map(|session| {
        let title = session.title.as_deref().unwrap_or_default();
        let id = session.provider_handle_id.as_str();
        let cells = vec![
            id.into(),
            title.into(),
            session.cwd.as_str().into(),
            session.last_activity_at.as_str().into(),
        ];
        Row::new(id.to_owned(), cells, session)
    });
    Ok(Output::List(Table {
        columns: vec![
            Column("SESSION", 36),
            Column("TITLE", 30),
            Column("CWD", 30),
            Column("LAST ACTIVITY", 24),
        ],
        rows: rows.collect(),
    })
    .into())
}

/// Makes an agent out of a session that the provider has.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    if args.id.is_none() {
        return list(context, args);
    }
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
