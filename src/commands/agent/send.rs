//! `paseo send`: another prompt for an agent.

use std::time::Duration;

use super::outcome::{self, Told};
use super::wait::Wait;
use super::{images, resolve};
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, Reference, prompt};
use crate::complete;
use crate::error::{CommandError, Exit};
use crate::protocol::lifecycle::{Image, SendMessage, WaitStatus};

const DOING: Doing = Doing {
    code: "SEND_FAILED",
    what: "Failed to send message",
};

/// How long the official CLI waits.
const WAIT: Duration = Duration::from_secs(600);

/// Arguments of `paseo send`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of the agent, the beginning of it, or its title
    #[arg(value_name = "id", add = complete::agents())]
    pub id: Reference,

    /// The prompt, or - for stdin
    #[arg(value_name = "prompt")]
    pub text: Option<String>,

    /// The prompt, as a flag
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub prompt: Option<String>,

    /// A file with the prompt, or - for stdin
    #[arg(long, value_name = "PATH")]
    pub prompt_file: Option<String>,

    /// A picture beside the prompt; repeat for more
    #[arg(long, value_name = "PATH")]
    pub image: Vec<String>,

    /// Do not wait until the agent is done
    #[arg(long)]
    pub no_wait: bool,
}

impl Args {
    fn message(&self, context: &Context) -> Result<String, CommandError> {
        let given = [&self.text, &self.prompt, &self.prompt_file];
        if given.iter().filter(|input| input.is_some()).count() > 1 {
            return Err(CommandError::usage(
                "CONFLICTING_PROMPT_INPUT",
                "Provide exactly one of prompt argument, --prompt, or --prompt-file",
            ));
        }
        if let Some(path) = &self.prompt_file {
            return prompt::of_file(context, path);
        }
        let text = self.text.as_ref().or(self.prompt.as_ref());
        let text = text
            .map(|text| prompt::of_text(context, text))
            .transpose()?;
        match text.as_deref().map(str::trim) {
            None | Some("") => Err(
                CommandError::usage("MISSING_PROMPT", "A prompt is required")
                    .hint("put it behind the agent, or give --prompt TEXT or --prompt-file FILE"),
            ),
            Some(text) => Ok(text.to_owned()),
        }
    }

    fn images(&self) -> Result<Option<Vec<Image>>, CommandError> {
        let open = |path: &String| {
            images::open(path, Some("image/jpeg")).map_err(|error| {
                let message = format!("the image cannot be read from {path}");
                CommandError::usage("IMAGE_READ_ERROR", message).because(error)
            })
        };
        let images: Vec<_> = self.image.iter().map(open).collect::<Result<_, _>>()?;
        images::fit(&images)?;
        Ok((!images.is_empty()).then_some(images))
    }
}

/// Gives an agent a prompt, and waits until it is done with it. A running turn is interrupted.
pub fn run(context: &Context, args: &Args) -> CommandResult {
    let id = resolve::named(args.id.on(context))?.agent_id;
    let request = SendMessage {
        agent_id: id.clone(),
        text: args.message(context)?,
        message_id: Some(uuid::Uuid::new_v4().to_string()),
        active_turn_behavior: None,
        images: args.images()?,
    };
    let (agent_id, waited) = context.with_lifeline(async |line| {
        let reply = line.daemon().call(&request).await;
        let reply = reply.map_err(|error| DOING.error(error))?;
        let agent_id = resolve::accepted(reply, DOING)?.agent_id;
        if args.no_wait {
            return Ok((agent_id, None));
        }
        let wait = Wait {
            agent_id: &agent_id,
            watched: Some(&agent_id),
            timeout: Some(WAIT),
            doing: DOING,
        };
        let waited = wait.run(context, line).await?;
        Ok((agent_id, Some(waited)))
    })?;
    let Some(waited) = waited else {
        return Ok(Told {
            agent_id: id,
            status: "sent",
            message: "Message sent, not waiting for completion".to_owned(),
            full_agent_id: Some(agent_id),
        }
        .with(Exit::Ok));
    };
    outcome::name_the_answer(context, &waited);
    let (status, message) = match waited.status {
        WaitStatus::Idle => (
            "completed",
            "Agent completed processing the message".to_owned(),
        ),
        WaitStatus::Timeout => (
            "timeout",
            "Timed out waiting for agent to finish".to_owned(),
        ),
        WaitStatus::Permission => ("permission", "Agent is waiting for permission".to_owned()),
        WaitStatus::Error => ("error", outcome::failure(&waited)),
    };
    let full_agent_id = match &waited.agent {
        Some(agent) => agent.id.clone(),
        None => agent_id.clone(),
    };
    Ok(Told {
        agent_id,
        status,
        message,
        full_agent_id: Some(full_agent_id),
    }
    .with(outcome::exit(&waited)))
}
