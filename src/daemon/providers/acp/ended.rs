//! How a turn has ended.

use serde_json::{Value, json};

use super::schema::Prompted;
use super::talk::{Failure, Talk};
use crate::daemon::providers::Outcome;

/// Code of a turn that failed because nobody has logged in to the agent.
const LOGIN_REQUIRED: &str = "auth_required";

/// Returns the outcome of a prompt that was answered.
pub(super) fn outcome(prompted: Prompted, talk: &Talk) -> Outcome {
    let failed = |error: &str| Outcome::Failed {
        error: error.to_owned(),
        code: Some(prompted.stop_reason.clone()),
    };
    match prompted.stop_reason.as_str() {
        "cancelled" => Outcome::Canceled,
        "refusal" => failed("the agent refuses to go on"),
        "max_tokens" => failed("the agent has used up the tokens of a turn"),
        "max_turn_requests" => failed("the agent has used up the requests of a turn"),
        _ => {
            let mut usage = json!({});
            if let Some(tokens) = &prompted.usage {
                set(&mut usage, "inputTokens", tokens.input_tokens);
                set(&mut usage, "cachedInputTokens", tokens.cached_read_tokens);
                set(&mut usage, "outputTokens", tokens.output_tokens);
            }
            if let Some(context) = &talk.context {
                set(&mut usage, "contextWindowMaxTokens", Some(context.size));
                set(&mut usage, "contextWindowUsedTokens", Some(context.used));
                let cost = context.cost.as_ref();
                if let Some(cost) = cost.filter(|cost| cost.currency == "USD") {
                    usage["totalCostUsd"] = json!(cost.amount);
                }
            }
            Outcome::Completed {
                usage: (usage != json!({})).then_some(usage),
            }
        }
    }
}

fn set(usage: &mut Value, key: &str, value: Option<u64>) {
    if let Some(value) = value {
        usage[key] = json!(value);
    }
}

/// Returns the outcome of a conversation that is over.
pub(super) fn failed(failure: &Failure) -> Outcome {
    match failure {
        Failure::Stopped => Outcome::Canceled,
        failure => Outcome::Failed {
            error: failure.to_string(),
            code: matches!(failure, Failure::Login(_)).then(|| LOGIN_REQUIRED.to_owned()),
        },
    }
}
