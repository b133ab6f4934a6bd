//! Loops: one prompt for a fresh agent again and again, until a check is content. Daemons of 0.1.65 have them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `loop/run`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunLoop {
    /// What each worker is told.
    pub prompt: String,
    /// Directory on the daemon's machine.
    pub cwd: String,
    /// What runs workers and verifiers; the daemon's usual one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Their model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What runs verifiers, when it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier_provider: Option<String>,
    /// Their model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier_model: Option<String>,
    /// What a verifier is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_prompt: Option<String>,
    /// Commands that must exit with 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify_checks: Vec<String>,
    /// Archive the agents of a round when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<bool>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Milliseconds between rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sleep_ms: Option<u64>,
    /// Most rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_iterations: Option<u64>,
    /// Most milliseconds in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_time_ms: Option<u64>,
}

/// `loop/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListLoops {}

/// `loop/inspect`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InspectLoop {
    /// Which.
    pub id: String,
}

/// `loop/stop`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopLoop {
    /// Which.
    pub id: String,
}

/// `loop/logs`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoopLogs {
    /// Which.
    pub id: String,
    /// Only what came after this entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seq: Option<u64>,
}

/// All about a loop, in the order of the official JSON. Times are RFC 3339.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Loop {
    /// Eight characters.
    pub id: String,
    /// For people.
    pub name: Option<String>,
    /// What each worker is told.
    pub prompt: String,
    /// Where they work.
    pub cwd: String,
    /// What runs them.
    pub provider: String,
    /// With which model.
    pub model: Option<String>,
    /// Mode of the workers; 0.1.65 has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode_id: Option<String>,
    /// What runs the workers, when it is another.
    pub worker_provider: Option<String>,
    /// Their model.
    pub worker_model: Option<String>,
    /// What runs the verifiers, when it is another.
    pub verifier_provider: Option<String>,
    /// Their model.
    pub verifier_model: Option<String>,
    /// Mode of the verifiers; 0.1.65 has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier_mode_id: Option<String>,
    /// What a verifier is told.
    pub verify_prompt: Option<String>,
    /// Commands that must exit with 0.
    pub verify_checks: Vec<String>,
    /// Whether the agents of a round are archived.
    pub archive: bool,
    /// Between rounds.
    pub sleep_ms: u64,
    /// Most rounds.
    pub max_iterations: Option<u64>,
    /// Most time in all.
    pub max_time_ms: Option<u64>,
    /// `running`, `succeeded`, `failed` or `stopped`.
    pub status: String,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// When its first round began.
    pub started_at: String,
    /// When it was over.
    pub completed_at: Option<String>,
    /// When somebody stopped it.
    pub stop_requested_at: Option<String>,
    /// The rounds.
    pub iterations: Vec<Iteration>,
    /// What was said of them.
    pub logs: Vec<LoopLog>,
    /// Number of the next entry.
    pub next_log_seq: u64,
    /// The round that goes on.
    pub active_iteration: Option<u64>,
    /// Its worker.
    pub active_worker_agent_id: Option<String>,
    /// Its verifier.
    pub active_verifier_agent_id: Option<String>,
}

/// A round of a loop.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Iteration {
    /// From 1.
    pub index: u64,
    /// Who worked.
    pub worker_agent_id: Option<String>,
    /// Since when.
    pub worker_started_at: String,
    /// Until when.
    pub worker_completed_at: Option<String>,
    /// Who judged.
    pub verifier_agent_id: Option<String>,
    /// As that of the loop.
    pub status: String,
    /// `completed`, `failed` or `canceled`.
    pub worker_outcome: Option<String>,
    /// Why it was not enough.
    pub failure_reason: Option<String>,
    /// What the commands gave.
    pub verify_checks: Vec<Value>,
    /// What the verifier said.
    pub verify_prompt: Value,
}

/// An entry of a loop's log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoopLog {
    /// Counts up.
    pub seq: u64,
    /// When.
    pub timestamp: String,
    /// Which round.
    pub iteration: Option<u64>,
    /// `loop`, `worker`, `verifier` or `verify-check`.
    pub source: String,
    /// `info` or `error`.
    pub level: String,
    /// What.
    pub text: String,
}

/// A loop in a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ListedLoop {
    /// Eight characters.
    pub id: String,
    /// For people.
    pub name: Option<String>,
    /// As that of [`Loop`].
    pub status: String,
    /// Where it works.
    pub cwd: String,
    /// When it last changed.
    pub updated_at: String,
    /// The round that goes on.
    pub active_iteration: Option<u64>,
}

/// Reply about one loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OneLoop {
    /// The loop.
    #[serde(default)]
    pub r#loop: Option<Loop>,
    /// Why there is none.
    #[serde(default)]
    pub error: Option<String>,
}

/// Reply to [`ListLoops`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loops {
    /// The loops.
    pub loops: Vec<ListedLoop>,
    /// Why there are none.
    #[serde(default)]
    pub error: Option<String>,
}

/// Reply to [`LoopLogs`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoopLogPage {
    /// The loop.
    #[serde(default)]
    pub r#loop: Option<Loop>,
    /// Oldest first.
    #[serde(default)]
    pub entries: Vec<LoopLog>,
    /// What to ask for next.
    #[serde(default)]
    pub next_cursor: u64,
    /// Why there are none.
    #[serde(default)]
    pub error: Option<String>,
}

requests! {
    changes RunLoop: "loop/run" => "loop/run/response" OneLoop;
    reads ListLoops: "loop/list" => "loop/list/response" Loops;
    reads InspectLoop: "loop/inspect" => "loop/inspect/response" OneLoop;
    reads LoopLogs: "loop/logs" => "loop/logs/response" LoopLogPage;
    changes StopLoop: "loop/stop" => "loop/stop/response" OneLoop;
}
