//! `paseo run`: start an agent on a prompt.

mod asking;
mod mcp;
mod plan;
mod providers;
mod schema;
mod structured;
mod workspace;

use plan::Plan;

use super::outcome;
use super::started;
use crate::client::DaemonClient;
use crate::commands::failure::Doing;
use crate::commands::isolation::WorktreeFlags;
use crate::commands::lifeline::Lifeline;
use crate::commands::{CommandResult, Context, Outcome, signals, suggestion};
use crate::complete;
use crate::error::{CommandError, Exit};
use crate::output::{self, Format, Output};
use crate::protocol::agents::AgentSnapshot;
use crate::protocol::lifecycle::{AgentStarted, CreateAgent, WaitStatus, Waited};

const DOING: Doing = Doing {
    code: "AGENT_CREATE_FAILED",
    what: "Failed to create agent",
};

/// Arguments of `paseo run`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The task, or - for stdin
    #[arg(value_name = "prompt")]
    pub prompt: String,

    /// Do not wait until the agent is done
    #[arg(short = 'd', long, alias = "detach")]
    pub background: bool,

    /// Title of the agent
    #[arg(long, value_name = "TITLE")]
    pub title: Option<String>,

    /// Older name of --title.
    #[arg(long, value_name = "TITLE", hide = true)]
    pub name: Option<String>,

    /// What runs it: claude, or with a model: codex/gpt-5.4
    #[arg(long, value_name = "PROVIDER", add = complete::providers())]
    pub provider: Option<String>,

    /// Model
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,

    /// Thinking option
    #[arg(long, value_name = "ID")]
    pub thinking: Option<String>,

    /// Mode of the provider, such as plan
    #[arg(long, value_name = "MODE", add = complete::modes())]
    pub mode: Option<String>,

    /// Directory on the daemon's machine
    #[arg(long, value_name = "PATH")]
    pub cwd: Option<String>,

    /// Run in this workspace
    #[arg(long, value_name = "ID")]
    pub workspace: Option<String>,

    /// Run in a new workspace: local or worktree
    #[arg(long, value_name = "KIND")]
    pub new_workspace: Option<String>,

    /// Older form of --new-workspace worktree --worktree-slug.
    #[arg(long, value_name = "NAME", hide = true)]
    pub worktree: Option<String>,

    /// How to make the worktree: branch-off, checkout-branch or checkout-pr
    #[arg(long, value_name = "MODE")]
    pub worktree_mode: Option<String>,

    /// A picture beside the prompt; repeat for more
    #[arg(long, value_name = "PATH")]
    pub image: Vec<String>,

    /// Environment variable of the agent; repeat for more
    #[arg(long, value_name = "KEY=VALUE")]
    pub env: Vec<String>,

    /// File with MCP servers for the agent, as in .mcp.json
    #[arg(long, value_name = "FILE")]
    pub mcp: Option<String>,

    /// Label of the agent; repeat for more
    #[arg(long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,

    /// Longest time to wait, such as 30s, 5m or 1h [default: no limit]
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true)]
    pub wait_timeout: Option<String>,

    /// Answer with JSON that follows this schema: a file, or the JSON itself
    #[arg(long, value_name = "SCHEMA")]
    pub output_schema: Option<String>,

    // Last: its heading is that of every flag behind it.
    /// How a worktree is made.
    #[command(flatten)]
    pub worktree_flags: WorktreeFlags,
}

/// Creates an agent, and waits until it is done unless it is to run in the background.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let plan = Plan::new(context, args)?;
    if plan.schema.is_some() {
        return structured::run(context, plan);
    }
    let ended = context.with_lifeline(async |line| {
        let daemon = line.daemon();
        let request = plan.request_in(&daemon).await?;
        let agent = create(&daemon, &request).await?;
        match plan.background {
            true => Ok(Ended::Background(agent)),
            false => follow(context, line, agent, &plan).await,
        }
    })?;
    Ok(match ended {
        Ended::Background(agent) => started::show(&agent, started::status(&agent)).into(),
        Ended::Detached(agent) => {
            say_how_to_come_back(context, &agent);
            Outcome {
                output: Output::Nothing,
                exit: Exit::Interrupted,
                ..Outcome::default()
            }
        }
        Ended::Waited(agent, waited) => {
            outcome::name_the_answer(context, &waited);
            print_answer(context, &waited)?;
            let agent = waited.agent.as_ref().unwrap_or(&agent);
            if let Some(why) = waited
                .error
                .as_ref()
                .filter(|_| outcome::exit(&waited) == Exit::Failed)
            {
                output::note(&format!("The agent failed: {why}"));
            }
            Outcome {
                output: started::show(agent, status(waited.status)),
                exit: outcome::exit(&waited),
                ..Outcome::default()
            }
        }
    })
}

/// How a run ended for this command.
enum Ended {
    Background(AgentSnapshot),
    Detached(AgentSnapshot),
    Waited(AgentSnapshot, Box<Waited>),
}

/// Creates the agent; its turn starts at once.
async fn create(
    daemon: &DaemonClient,
    request: &CreateAgent,
) -> Result<AgentSnapshot, CommandError> {
    match daemon.call(request).await.map_err(|e| DOING.error(e))? {
        AgentStarted::AgentCreated { agent, .. } | AgentStarted::AgentResumed { agent, .. } => {
            Ok(*agent)
        }
        AgentStarted::AgentCreateFailed { error, .. } => Err(DOING.refused(&error)),
    }
}

async fn follow(
    context: &Context,
    line: &mut Lifeline<'_>,
    agent: AgentSnapshot,
    plan: &Plan,
) -> Result<Ended, CommandError> {
    let wait = plan.wait(&agent.id);
    tokio::select! {
        biased;
        _ = signals::ctrl_c() => Ok(Ended::Detached(agent)),
        waited = asking::until_done(context, line, &wait) => {
            let waited = Box::new(waited?);
            Ok(Ended::Waited(agent, waited))
        }
    }
}

/// Prints what the agent answered, for a person: the table below it says nothing of that.
fn print_answer(context: &Context, waited: &Waited) -> Result<(), CommandError> {
    let settings = &context.output;
    let answer = waited.last_message.as_deref().map(str::trim).unwrap_or("");
    if answer.is_empty()
        || !settings.terminal
        || settings.quiet
        || settings.format != Format::Table
        || waited.status == WaitStatus::Timeout
    {
        return Ok(());
    }
    let text = output::safe_text(answer, true);
    output::write_stdout(&format!("{text}\n\n"))
        .map_err(|error| CommandError::internal("stdout cannot be written").because(error))
}

fn say_how_to_come_back(context: &Context, agent: &AgentSnapshot) {
    let (paseo, id) = (suggestion::program(context), super::ls::short_id(&agent.id));
    let id = output::shell_operand(&id);
    output::note(&format!(
        "\nDetached: the agent goes on. Come back with: {paseo} attach {id}   \
         wait for it with: {paseo} wait {id}   stop it with: {paseo} stop {id}"
    ));
}

fn status(status: WaitStatus) -> &'static str {
    match status {
        WaitStatus::Idle => "completed",
        WaitStatus::Error => "error",
        WaitStatus::Permission => "permission",
        WaitStatus::Timeout => "timeout",
    }
}
