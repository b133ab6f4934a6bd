//! Prompts that run by the clock.
//!
//! Runs that a daemon missed while it was away are not made up for: after the start every schedule
//! waits for its next time. A run that a kill cut off has failed.

mod cron;
mod run;

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::clock::now;
use super::store::{self, Store, StoreError, undo};
use crate::files::FileError;
use crate::order;
use crate::protocol::schedules::{
    AgentConfigPatch, Cadence, CreateSchedule, Schedule, ScheduleRun, ScheduleTarget,
    UpdateSchedule,
};
use cron::Cron;

/// Schedules that one daemon keeps.
const MAX_SCHEDULES: usize = 1_000;
/// Runs that one schedule remembers, the last ones.
const MAX_RUNS: usize = 200;
/// Bytes of all schedules without their runs, and of all runs, as JSON: both fit one record.
const MAX_BYTES: usize = 7 * 1024 * 1024;
/// The shortest interval.
const SHORTEST: SignedDuration = SignedDuration::from_secs(1);

/// Why a request about a schedule was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScheduleError {
    /// Nothing has this id.
    #[error("Schedule not found: {0}")]
    NotFound(String),
    /// It is over.
    #[error("Schedule {0} is already completed")]
    Completed(String),
    /// It runs now.
    #[error("Schedule {0} is already running")]
    Running(String),
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// It cannot be kept, so nothing has changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn invalid(error: impl std::fmt::Display) -> ScheduleError {
    ScheduleError::Invalid(error.to_string())
}

/// A schedule as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Kept {
    schedule: Schedule,
    /// Runs so far; more than are remembered.
    #[serde(default)]
    ran: u64,
}

/// All schedules as they were.
#[derive(Debug, PartialEq)]
pub(super) struct State(BTreeMap<String, Kept>);

/// All schedules by id.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Schedules {
    all: BTreeMap<String, Kept>,
    #[serde(skip)]
    running: BTreeSet<String>,
}

impl Schedules {
    /// Loads what an earlier process stored, and ends what it left open.
    pub(super) fn load(store: &Store) -> Result<Self, FileError> {
        let loaded: Option<Self> = store.load(store::Kept::Schedules)?;
        let mut schedules = loaded.unwrap_or_default();
        let time = Timestamp::now();
        for kept in schedules.all.values_mut() {
            for run in kept.runs().iter_mut().filter(|run| run.status == "running") {
                run.status = "failed".to_owned();
                run.ended_at = Some(now());
                run.error = Some("The daemon ended during this run.".to_owned());
            }
            if kept.is_due(time) {
                kept.plan(time);
            }
        }
        Ok(schedules)
    }

    /// What a change may be taken back to.
    pub(super) fn state(&self) -> State {
        State(self.all.clone())
    }

    /// Takes back a change; what others have changed since stays.
    pub(super) fn take_back(&mut self, before: &State, after: &State) {
        undo(&mut self.all, &before.0, &after.0);
    }

    /// Refuses a change after which the schedules would not fit their file beside their runs.
    fn fits(&self) -> Result<(), ScheduleError> {
        let summaries: Vec<_> = self.all.values().map(Kept::summary).collect();
        let size = serde_json::to_vec(&summaries).map_or(0, |json| json.len());
        match size > MAX_BYTES {
            true => Err(invalid(format!(
                "all schedules together may have {MAX_BYTES} bytes"
            ))),
            false => Ok(()),
        }
    }

    /// Forgets the oldest runs until the others fit the file beside the schedules.
    fn trim(&mut self) {
        let size = |run: &ScheduleRun| serde_json::to_vec(run).map_or(0, |json| json.len());
        let runs = self.all.values().flat_map(|kept| &kept.schedule.runs);
        let mut total: usize = runs.flatten().map(size).sum();
        while total > MAX_BYTES {
            let oldest = self.all.values_mut().filter_map(|kept| {
                let runs = kept.schedule.runs.as_mut()?;
                (!runs.is_empty()).then_some(runs)
            });
            let Some(runs) = oldest.min_by(|a, b| a[0].started_at.cmp(&b[0].started_at)) else {
                return;
            };
            total -= size(&runs.remove(0));
        }
    }

    /// All of them without their runs, oldest first.
    pub(super) fn list(&self) -> Vec<Schedule> {
        let mut all: Vec<_> = self.all.values().map(Kept::summary).collect();
        order::sort_by(&mut all, |a, b| {
            a.created_at
                .cmp(&b.created_at)
                .then_with(|| a.id.cmp(&b.id))
        });
        all
    }

    /// One of them, with its runs.
    pub(super) fn get(&self, id: &str) -> Result<Schedule, ScheduleError> {
        let kept = self.all.get(id);
        let kept = kept.ok_or_else(|| ScheduleError::NotFound(id.to_owned()))?;
        Ok(kept.schedule.clone())
    }

    fn kept(&mut self, id: &str) -> Result<&mut Kept, ScheduleError> {
        let kept = self.all.get_mut(id);
        kept.ok_or_else(|| ScheduleError::NotFound(id.to_owned()))
    }

    /// Makes one; its target has been checked.
    pub(super) fn create(&mut self, request: CreateSchedule) -> Result<Schedule, ScheduleError> {
        if self.all.len() >= MAX_SCHEDULES {
            let error = format!("this daemon keeps at most {MAX_SCHEDULES} schedules");
            return Err(invalid(error));
        }
        check_prompt(&request.prompt)?;
        check_runs(request.max_runs)?;
        check_time(request.expires_at.as_deref())?;
        let time = Timestamp::now();
        let next = next_run(&request.cadence, time)?;
        let id = uuid::Uuid::new_v4().simple().to_string()[..8].to_owned();
        let at = now();
        let schedule = Schedule {
            id: id.clone(),
            name: request.name.filter(|name| !name.trim().is_empty()),
            prompt: request.prompt,
            cadence: request.cadence,
            target: request.target,
            status: "active".to_owned(),
            created_at: at.clone(),
            updated_at: at,
            next_run_at: Some(shown(next)),
            last_run_at: None,
            paused_at: None,
            expires_at: request.expires_at,
            max_runs: request.max_runs,
            runs: Some(Vec::new()),
        };
        let kept = Kept { schedule, ran: 0 };
        let summary = kept.summary();
        self.all.insert(id, kept);
        self.fits()?;
        Ok(summary)
    }

    /// Stops the clock of one.
    pub(super) fn pause(&mut self, id: &str) -> Result<Schedule, ScheduleError> {
        let schedule = &mut self.open(id)?.schedule;
        schedule.status = "paused".to_owned();
        schedule.next_run_at = None;
        schedule.paused_at = Some(now());
        schedule.updated_at = now();
        Ok(self.kept(id)?.summary())
    }

    /// Lets the clock of one run again.
    pub(super) fn resume(&mut self, id: &str) -> Result<Schedule, ScheduleError> {
        let kept = self.open(id)?;
        kept.schedule.status = "active".to_owned();
        kept.schedule.paused_at = None;
        kept.plan(Timestamp::now());
        Ok(kept.summary())
    }

    /// Changes one.
    pub(super) fn update(&mut self, request: UpdateSchedule) -> Result<Schedule, ScheduleError> {
        if let Some(prompt) = &request.prompt {
            check_prompt(prompt)?;
        }
        check_runs(request.max_runs.flatten())?;
        check_time(
            request
                .expires_at
                .iter()
                .flatten()
                .next()
                .map(String::as_str),
        )?;
        let time = Timestamp::now();
        if let Some(cadence) = &request.cadence {
            next_run(cadence, time)?;
        }
        let kept = self.open(&request.schedule_id)?;
        if let Some(patch) = request.new_agent_config {
            let ScheduleTarget::NewAgent { config } = &mut kept.schedule.target else {
                return Err(invalid(
                    "only a schedule of new agents has their configuration",
                ));
            };
            apply(config, patch);
        }
        let schedule = &mut kept.schedule;
        if let Some(name) = request.name {
            schedule.name = name.filter(|name| !name.trim().is_empty());
        }
        schedule.prompt = request
            .prompt
            .unwrap_or(std::mem::take(&mut schedule.prompt));
        schedule.max_runs = request.max_runs.unwrap_or(schedule.max_runs);
        schedule.expires_at = request.expires_at.unwrap_or(schedule.expires_at.take());
        if let Some(cadence) = request.cadence {
            schedule.cadence = cadence;
            if schedule.status == "active" {
                kept.plan(time);
            }
        }
        kept.schedule.updated_at = now();
        let changed = kept.schedule.clone();
        self.fits()?;
        Ok(changed)
    }

    /// Forgets one.
    pub(super) fn delete(&mut self, id: &str) -> Result<(), ScheduleError> {
        self.kept(id)?;
        self.all.remove(id);
        Ok(())
    }

    /// Completes what would prompt this agent, because it is gone. Returns whether there was anything.
    pub(super) fn agent_gone(&mut self, agent: &str) -> bool {
        let mut any = false;
        for kept in self.all.values_mut() {
            let prompts = matches!(
                &kept.schedule.target,
                ScheduleTarget::Agent { agent_id } if agent_id == agent
            );
            if prompts && kept.schedule.status != "completed" {
                kept.complete();
                any = true;
            }
        }
        any
    }

    /// One that is not over.
    fn open(&mut self, id: &str) -> Result<&mut Kept, ScheduleError> {
        let kept = self.kept(id)?;
        match kept.schedule.status.as_str() {
            "completed" => Err(ScheduleError::Completed(id.to_owned())),
            _ => Ok(kept),
        }
    }
}

impl Kept {
    fn summary(&self) -> Schedule {
        Schedule {
            runs: None,
            ..self.schedule.clone()
        }
    }

    fn runs(&mut self) -> &mut Vec<ScheduleRun> {
        self.schedule.runs.get_or_insert_default()
    }

    fn is_due(&self, time: Timestamp) -> bool {
        let next = self.schedule.next_run_at.as_deref();
        let next = next.and_then(|next| next.parse::<Timestamp>().ok());
        self.schedule.status == "active" && next.is_some_and(|next| next <= time)
    }

    /// Whether nothing is to come.
    fn is_over(&self, time: Timestamp) -> bool {
        let expires = self.schedule.expires_at.as_deref();
        let expires = expires.and_then(|at| at.parse::<Timestamp>().ok());
        self.schedule.max_runs.is_some_and(|max| self.ran >= max)
            || expires.is_some_and(|expires| expires <= time)
    }

    /// Sets the next time, or completes it.
    fn plan(&mut self, time: Timestamp) {
        match next_run(&self.schedule.cadence, time) {
            Ok(next) if !self.is_over(time) => {
                self.schedule.next_run_at = Some(shown(next));
                self.schedule.updated_at = now();
            }
            _ => self.complete(),
        }
    }

    fn complete(&mut self) {
        self.schedule.status = "completed".to_owned();
        self.schedule.next_run_at = None;
        self.schedule.updated_at = now();
    }
}

/// When a cadence comes next.
fn next_run(cadence: &Cadence, after: Timestamp) -> Result<Timestamp, ScheduleError> {
    let never = || invalid("the schedule would never run");
    match cadence {
        Cadence::Every { every_ms } => {
            let every = i64::try_from(*every_ms).map_err(|_| never())?;
            let every = SignedDuration::from_millis(every).max(SHORTEST);
            after.checked_add(every).map_err(|_| never())
        }
        Cadence::Cron {
            expression,
            timezone,
        } => {
            let cron: Cron = expression.parse().map_err(invalid)?;
            let zone = match timezone {
                Some(name) => TimeZone::get(name)
                    .map_err(|_| invalid(format!("Invalid cron time zone: {name}")))?,
                None => TimeZone::UTC,
            };
            cron.next(after, zone).ok_or_else(never)
        }
    }
}

fn shown(time: Timestamp) -> String {
    format!("{time:.3}")
}

fn check_prompt(prompt: &str) -> Result<(), ScheduleError> {
    match prompt.trim() {
        "" => Err(invalid("Schedule prompt is required")),
        _ => Ok(()),
    }
}

fn check_runs(max: Option<u64>) -> Result<(), ScheduleError> {
    match max {
        Some(0) => Err(invalid("maxRuns must be a positive integer")),
        _ => Ok(()),
    }
}

fn check_time(time: Option<&str>) -> Result<(), ScheduleError> {
    match time.map(str::parse::<Timestamp>) {
        Some(Err(_)) => Err(invalid("expiresAt is no time")),
        _ => Ok(()),
    }
}

fn apply(config: &mut crate::protocol::lifecycle::AgentConfig, patch: AgentConfigPatch) {
    config.provider = patch
        .provider
        .unwrap_or(std::mem::take(&mut config.provider));
    config.cwd = patch.cwd.unwrap_or(std::mem::take(&mut config.cwd));
    config.model = patch.model.unwrap_or(config.model.take());
    config.mode_id = patch.mode_id.unwrap_or(config.mode_id.take());
    config.thinking_option_id = patch
        .thinking_option_id
        .unwrap_or(config.thinking_option_id.take());
}
