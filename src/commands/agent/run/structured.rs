//! `paseo run --output-schema`: an answer that is JSON of a given form, asked for up to three times.

use serde_json::Value;

use super::asking::until_done;
use super::create;
use super::plan::Plan;
use super::schema::Schema;
use crate::client::DaemonClient;
use crate::commands::agent::{outcome, resolve};
use crate::commands::lifeline::Lifeline;
use crate::commands::{CommandResult, Context};
use crate::error::{CommandError, Exit};
use crate::output::{self, Output};
use crate::protocol::lifecycle::{SendMessage, WaitStatus, Waited};
use crate::protocol::timeline::{Direction, FetchTimeline, TimelineItem};

const CODE: &str = "OUTPUT_SCHEMA_FAILED";

/// How often the agent is asked.
const ATTEMPTS: usize = 3;

/// How far back an answer is looked for.
const LOOKED_AT: u64 = 200;

/// Runs the agent and prints the JSON it answers with, nothing else, whatever the form of the output.
pub(super) fn run(context: &Context, plan: Plan) -> CommandResult {
    let answer = context.with_lifeline(async |line| ask(context, line, &plan).await)?;
    let json = Output::Text {
        text: output::pretty_json(&answer, context.output.terminal),
        json: answer,
    };
    Ok(json.into())
}

async fn ask(
    context: &Context,
    line: &mut Lifeline<'_>,
    plan: &Plan,
) -> Result<Value, CommandError> {
    let Some(schema) = &plan.schema else {
        return Err(CommandError::internal("a structured run needs a schema"));
    };
    let request = plan.request_in(&line.daemon()).await?;
    let agent = create(&line.daemon(), &request).await?.id;
    let prompt = request.initial_prompt.unwrap_or_default();
    let mut wrong = Vec::new();
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            send(&line.daemon(), &agent, next_prompt(&prompt, &wrong)).await?;
        }
        let waited = until_done(context, line, &plan.wait(&agent)).await?;
        outcome::name_the_answer(context, &waited);
        let answer = answer(&line.daemon(), &agent, waited).await?;
        match schema.judge(&answer) {
            Ok(value) => return Ok(value),
            Err(lines) => wrong = lines,
        }
    }
    let message = "no answer of the agent was valid under the schema";
    Err(CommandError::new(CODE, Exit::Failed, message).hint(wrong.join("\n")))
}

/// Returns the prompt with the wish for JSON behind it.
pub(super) fn first_prompt(prompt: &str, schema: &Schema) -> String {
    format!(
        "{}\n\nAnswer with JSON only, no prose around it. It must be valid under this JSON Schema:\n{}",
        prompt.trim(),
        output::pretty_json(schema.json(), false)
    )
}

fn next_prompt(prompt: &str, wrong: &[String]) -> String {
    let lines: Vec<String> = wrong.iter().map(|line| format!("- {line}")).collect();
    format!(
        "{prompt}\n\nThe last answer was not valid:\n{}\n\nAnswer once more, with valid JSON only.",
        lines.join("\n")
    )
}

async fn send(daemon: &DaemonClient, agent_id: &str, text: String) -> Result<(), CommandError> {
    let request = SendMessage {
        agent_id: agent_id.to_owned(),
        text,
        message_id: Some(uuid::Uuid::new_v4().to_string()),
        ..SendMessage::default()
    };
    let reply = daemon.call(&request).await;
    let reply = reply.map_err(|error| super::DOING.error(error))?;
    resolve::accepted(reply, super::DOING).map(drop)
}

/// Returns the text of the answer: the last message, else the last one in the timeline.
async fn answer(
    daemon: &DaemonClient,
    agent_id: &str,
    waited: Waited,
) -> Result<String, CommandError> {
    let failed = |message: &str| CommandError::new(CODE, outcome::exit(&waited), message);
    match waited.status {
        WaitStatus::Idle => {}
        WaitStatus::Timeout => return Err(failed("no answer within the time limit")),
        WaitStatus::Permission => {
            let message = "no answer yet: the agent asks for a permission";
            return Err(failed(message));
        }
        WaitStatus::Error => return Err(failed(&outcome::failure(&waited))),
    }
    let direct = waited.last_message.as_deref().map(str::trim);
    if let Some(text) = direct.filter(|text| !text.is_empty()) {
        return Ok(text.to_owned());
    }
    let request = FetchTimeline {
        agent_id: agent_id.to_owned(),
        direction: Some(Direction::Tail),
        limit: Some(LOOKED_AT),
        ..FetchTimeline::default()
    };
    let page = daemon.call(&request).await?;
    let texts = page.entries.into_iter().rev().map(|entry| entry.item);
    let said = texts.filter_map(|item| match item {
        TimelineItem::AssistantMessage { text, .. } if !text.trim().is_empty() => Some(text),
        _ => None,
    });
    said.into_iter().next().ok_or_else(|| {
        let message = "the agent ended its turn without an answer";
        CommandError::new(CODE, Exit::Failed, message)
    })
}
