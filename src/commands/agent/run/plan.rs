//! What `paseo run` is to do, checked as far as it can be without the daemon.

use std::time::Duration;

use super::schema::Schema;
use super::structured;
use super::workspace::Home;
use super::{Args, DOING};
use super::{mcp, providers};
use crate::client::DaemonClient;
use crate::commands::agent::wait::{self, Wait};
use crate::commands::agent::{images, update};
use crate::commands::place;
use crate::commands::{Context, model, pairs, prompt};
use crate::env;
use crate::error::CommandError;
use crate::protocol::lifecycle::{AgentConfig, CreateAgent, Image};
use crate::remote::Choice;

/// What the directory and the id of the workspace add to a request, at most.
const PLACE_BYTES: usize = 16 * 1024;

/// A run, ready to be sent once its workspace is there.
pub(super) struct Plan {
    request: CreateAgent,
    home: Home,
    pub(super) background: bool,
    wait_limit: Option<Duration>,
    pub(super) schema: Option<Schema>,
}

impl Plan {
    /// Checks the arguments, in the order in which the official CLI does.
    pub(super) fn new(context: &Context, args: &Args) -> Result<Self, CommandError> {
        let schema = args
            .output_schema
            .as_deref()
            .map(Schema::load)
            .transpose()?;
        let prompt = prompt::of_text(context, &args.prompt)?;
        if prompt.trim().is_empty() {
            return Err(
                CommandError::usage("MISSING_PROMPT", "A prompt is required")
                    .hint("say what the agent is to do: paseo run PROMPT"),
            );
        }
        Home::check(args)?;
        if schema.is_some() && args.background {
            return Err(CommandError::usage(
                "INVALID_OPTIONS",
                "--output-schema cannot be used with --background",
            )
            .hint("the answer is only there when the agent is done: leave --background out"));
        }
        let wait_limit = wait::limit(args.wait_timeout.as_deref(), "Invalid wait timeout value")?;
        let (provider, model) =
            model::provider_and_model(args.provider.as_deref(), args.model.as_deref())?;
        let thinking = args.thinking.as_deref().map(str::trim);
        if thinking == Some("") {
            return Err(update::blank_thinking());
        }
        let images = open_images(&args.image)?;
        let labels = pairs::parse(args.label.iter().map(String::as_str), pairs::LABEL)?;
        let env = pairs::parse(args.env.iter().map(String::as_str), pairs::ENV)?;
        let mcp_servers = args.mcp.as_deref().map(mcp::read).transpose()?;
        let caller = Caller::of(context)?;
        // With a workspace, the directory is the workspace's: then nobody needs to name one.
        let home = Home::of(args, &caller, || {
            place::for_agent(context, args.cwd.as_deref(), &again(args))
        })?;
        Ok(Self {
            request: CreateAgent {
                config: AgentConfig {
                    provider,
                    model,
                    thinking_option_id: thinking.map(str::to_owned),
                    mode_id: args.mode.clone(),
                    title: args.title.clone().or_else(|| args.name.clone()),
                    mcp_servers,
                    ..AgentConfig::default()
                },
                env: (!env.is_empty()).then_some(env),
                caller_agent_id: caller.agent,
                initial_prompt: Some(match &schema {
                    Some(schema) => structured::first_prompt(&prompt, schema),
                    None => prompt.into_owned(),
                }),
                output_schema: schema.as_ref().map(|schema| schema.json().clone()),
                images,
                labels,
                ..CreateAgent::default()
            },
            home,
            background: args.background,
            wait_limit,
            schema,
        })
    }

    /// Returns the wait for the agent that was made.
    pub(super) fn wait<'a>(&self, agent_id: &'a str) -> Wait<'a> {
        Wait {
            agent_id,
            watched: Some(agent_id),
            timeout: self.wait_limit,
            doing: DOING,
        }
    }

    /// Finds or makes the workspace, and returns the whole request.
    pub(super) async fn request_in(
        &self,
        daemon: &DaemonClient,
    ) -> Result<CreateAgent, CommandError> {
        let mut request = self.request.clone();
        // Before a workspace is made for what cannot be sent.
        let checked = daemon.check_size(&request, PLACE_BYTES).await;
        checked.map_err(|error| DOING.error(error))?;
        if self.home.makes_a_workspace(daemon) {
            providers::check(daemon, &request.config.provider).await?;
        }
        self.home.settle(daemon, &mut request).await?;
        Ok(request)
    }
}

/// The agent and workspace that this command runs in, when they belong to the daemon it talks to. A saved
/// remote, or an offer, is another daemon: their ids mean nothing there.
pub(super) struct Caller {
    pub(super) agent: Option<String>,
    pub(super) workspace: Option<String>,
}

impl Caller {
    fn of(context: &Context) -> Result<Self, CommandError> {
        let near = matches!(context.selection()?.choice, Choice::Local | Choice::Host(_));
        let read = |name| {
            let text = context.env.text(name).filter(|_| near)?;
            Some(text.trim().to_owned())
        };
        Ok(Self {
            agent: read(env::PASEO_AGENT_ID),
            workspace: read(env::PASEO_WORKSPACE_ID),
        })
    }
}

fn open_images(paths: &[String]) -> Result<Option<Vec<Image>>, CommandError> {
    let open = |path: &String| {
        images::open(path, None).map_err(|error| {
            let message = format!("{}: the image cannot be read from {path}", DOING.what);
            CommandError::usage(DOING.code, message).because(error)
        })
    };
    let images: Vec<_> = paths.iter().map(open).collect::<Result<_, _>>()?;
    images::fit(&images)?;
    Ok((!images.is_empty()).then_some(images))
}

/// Returns the command line to type again, for a hint.
fn again(args: &Args) -> String {
    const LONGEST: usize = 60;
    let prompt = match args.prompt.chars().count() {
        0..=LONGEST if args.prompt == "-" => "-".to_owned(),
        0..=LONGEST if !args.prompt.contains(['\'', '\n']) => format!("'{}'", args.prompt),
        _ => "'…'".to_owned(),
    };
    match &args.provider {
        Some(provider) => format!("run --provider {provider} {prompt}"),
        None => format!("run {prompt}"),
    }
}
