//! `paseo loop inspect`.

use super::{OneArgs, one};
use crate::commands::failure::Doing;
use crate::commands::{CommandResult, Context, feature};
use crate::error::CommandError;
use crate::output::Output;
use crate::protocol::loops::{InspectLoop, Iteration, Loop};

const DOING: Doing = Doing {
    code: "LOOP_INSPECT_FAILED",
    what: "Failed to inspect loop",
};

/// Shows all about a loop.
pub(super) fn run(context: &Context, args: &OneArgs) -> CommandResult {
    let request = InspectLoop {
        id: args.id.on(context).to_owned(),
    };
    let shown = context.with_daemon(async |daemon| {
        feature::require_old(daemon, super::LOOPS)?;
        one(daemon.call(&request).await, DOING)
    })?;
    let json = serde_json::to_value(&shown).map_err(|error| {
        CommandError::internal("the loop cannot be written as JSON").because(error)
    })?;
    Ok(Output::Record {
        rows: rows(&shown),
        json,
    }
    .into())
}

/// The rows of the official CLI, whose words for nothing are those of JSON.
fn rows(shown: &Loop) -> Vec<(String, String)> {
    let or_null = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".to_owned());
    let number = |number: Option<u64>| number.map_or_else(|| "null".to_owned(), |n| n.to_string());
    let iterations: Vec<_> = shown.iterations.iter().map(iteration).collect();
    let rows = [
        ("Id", shown.id.clone()),
        ("Name", or_null(&shown.name)),
        ("Status", shown.status.clone()),
        ("Cwd", shown.cwd.clone()),
        ("Provider", shown.provider.clone()),
        ("Model", or_null(&shown.model)),
        ("WorkerProvider", or_null(&shown.worker_provider)),
        ("WorkerModel", or_null(&shown.worker_model)),
        ("VerifierProvider", or_null(&shown.verifier_provider)),
        ("VerifierModel", or_null(&shown.verifier_model)),
        ("Prompt", shown.prompt.clone()),
        ("VerifyPrompt", or_null(&shown.verify_prompt)),
        ("VerifyChecks", list(&shown.verify_checks)),
        ("Archive", shown.archive.to_string()),
        ("SleepMs", shown.sleep_ms.to_string()),
        ("MaxIterations", number(shown.max_iterations)),
        ("MaxTimeMs", number(shown.max_time_ms)),
        ("CreatedAt", shown.created_at.clone()),
        ("UpdatedAt", shown.updated_at.clone()),
        ("CompletedAt", or_null(&shown.completed_at)),
        ("Iterations", list(&iterations)),
    ];
    rows.map(|(key, value)| (key.to_owned(), value)).into()
}

fn list(texts: &[String]) -> String {
    match texts {
        [] => "[]".to_owned(),
        texts => texts.join(" | "),
    }
}

fn iteration(iteration: &Iteration) -> String {
    let mut text = format!("#{} {}", iteration.index, iteration.status);
    for (word, value) in [
        ("worker", &iteration.worker_agent_id),
        ("verifier", &iteration.verifier_agent_id),
        ("reason", &iteration.failure_reason),
    ] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            text += &format!(" {word}={value}");
        }
    }
    text
}
