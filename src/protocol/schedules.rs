//! Prompts that run by the clock (`docs/protocol.md`, "Schedules").

use serde::{Deserialize, Serialize};

use super::given;
use super::lifecycle::AgentConfig;

/// When a schedule runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum Cadence {
    /// At regular intervals.
    Every {
        /// Milliseconds.
        every_ms: u64,
    },
    /// By a cron expression of five fields.
    Cron {
        /// The expression.
        expression: String,
        /// IANA name; UTC when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timezone: Option<String>,
    },
}

/// Who gets the prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum ScheduleTarget {
    /// The agent that asks; only in requests.
    #[serde(rename = "self")]
    Caller {
        /// Full id.
        agent_id: String,
    },
    /// An agent that is there.
    Agent {
        /// Full id.
        agent_id: String,
    },
    /// A new agent each time.
    NewAgent {
        /// What it is to be.
        config: AgentConfig,
    },
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// Eight hexadecimal digits.
    pub id: String,
    /// Name for people.
    pub name: Option<String>,
    /// The prompt.
    pub prompt: String,
    /// When.
    pub cadence: Cadence,
    /// To whom.
    pub target: ScheduleTarget,
    /// `active`, `paused` or `completed`.
    pub status: String,
    /// ISO 8601, UTC.
    pub created_at: String,
    /// ISO 8601, UTC.
    pub updated_at: String,
    /// ISO 8601, UTC; `None` unless active.
    pub next_run_at: Option<String>,
    /// ISO 8601, UTC.
    pub last_run_at: Option<String>,
    /// ISO 8601, UTC.
    pub paused_at: Option<String>,
    /// ISO 8601, UTC.
    pub expires_at: Option<String>,
    /// Runs until it is completed.
    pub max_runs: Option<u64>,
    /// What ran; absent in summaries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Vec<ScheduleRun>>,
}

/// One run of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleRun {
    /// A UUID.
    pub id: String,
    /// ISO 8601, UTC.
    pub scheduled_for: String,
    /// ISO 8601, UTC.
    pub started_at: String,
    /// ISO 8601, UTC.
    pub ended_at: Option<String>,
    /// `running`, `succeeded` or `failed`.
    pub status: String,
    /// The agent that ran.
    pub agent_id: Option<String>,
    /// Where it ran.
    #[serde(default)]
    pub workspace_id: Option<String>,
    /// Its answer.
    pub output: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// `schedule/create`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateSchedule {
    /// The prompt.
    pub prompt: String,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When.
    pub cadence: Cadence,
    /// To whom.
    pub target: ScheduleTarget,
    /// Runs until it is completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_runs: Option<u64>,
    /// ISO 8601, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Run it now, too; not in 0.1.65.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_on_create: Option<bool>,
}

/// `schedule/list`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListSchedules {}

/// Reply to [`ListSchedules`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedules {
    /// All of them.
    pub schedules: Vec<Schedule>,
    /// Why there are none.
    pub error: Option<String>,
}

/// Reply to the requests about one schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OneSchedule {
    /// The schedule, or `None` with `error` set.
    pub schedule: Option<Schedule>,
    /// Why there is none.
    pub error: Option<String>,
}

macro_rules! by_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// Full id.
            pub schedule_id: String,
        }
    )*};
}

by_id! {
    /// `schedule/inspect`.
    InspectSchedule;
    /// `schedule/logs`.
    ScheduleLogs;
    /// `schedule/pause`.
    PauseSchedule;
    /// `schedule/resume`.
    ResumeSchedule;
    /// `schedule/run-once`: answered when the run is over. Not in 0.1.65.
    RunSchedule;
    /// `schedule/delete`.
    DeleteSchedule;
}

/// Reply to [`ScheduleLogs`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleRuns {
    /// Oldest first.
    pub runs: Vec<ScheduleRun>,
    /// Why there are none.
    pub error: Option<String>,
}

/// Reply to [`DeleteSchedule`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletedSchedule {
    /// Full id.
    pub schedule_id: String,
    /// Why not.
    pub error: Option<String>,
}

/// `schedule/update`. Absent keeps, `Some(None)` clears. Not in 0.1.65.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateSchedule {
    /// Full id.
    pub schedule_id: String,
    /// Name for people.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "given"
    )]
    pub name: Option<Option<String>>,
    /// The prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cadence: Option<Cadence>,
    /// Changes of the new agent's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_agent_config: Option<AgentConfigPatch>,
    /// Runs until it is completed.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "given"
    )]
    pub max_runs: Option<Option<u64>>,
    /// ISO 8601, UTC.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "given"
    )]
    pub expires_at: Option<Option<String>>,
}

/// Changes of a new agent's configuration. Absent keeps, `Some(None)` clears.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentConfigPatch {
    /// Provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Model.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "given"
    )]
    pub model: Option<Option<String>>,
    /// Mode.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "given"
    )]
    pub mode_id: Option<Option<String>>,
    /// Thinking option.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "given"
    )]
    pub thinking_option_id: Option<Option<String>>,
    /// Directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
}

requests! {
    changes CreateSchedule: "schedule/create" => "schedule/create/response" OneSchedule;
    reads ListSchedules: "schedule/list" => "schedule/list/response" Schedules;
    reads InspectSchedule: "schedule/inspect" => "schedule/inspect/response" OneSchedule;
    reads ScheduleLogs: "schedule/logs" => "schedule/logs/response" ScheduleRuns;
    changes PauseSchedule: "schedule/pause" => "schedule/pause/response" OneSchedule;
    changes ResumeSchedule: "schedule/resume" => "schedule/resume/response" OneSchedule;
    changes RunSchedule: "schedule/run-once" => "schedule/run-once/response" OneSchedule;
    changes UpdateSchedule: "schedule/update" => "schedule/update/response" OneSchedule;
    changes DeleteSchedule: "schedule/delete" => "schedule/delete/response" DeletedSchedule;
}
