//! The runs of schedules.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::oneshot;

use super::{MAX_RUNS, ScheduleError, Schedules};
use crate::daemon::agents::{AgentError, shorten};
use crate::daemon::clock::now;
use crate::daemon::core::Core;
use crate::daemon::providers::Prompt;
use crate::daemon::store::Kept;
use crate::daemon::workspaces::NewWorktree;
use crate::protocol::lifecycle::{AgentConfig, CreateAgent, WaitStatus};
use crate::protocol::schedules::{Schedule, ScheduleRun, ScheduleTarget};

/// How long the clock sleeps at most: the machine may have been asleep, or its time been set.
const LOOK: Duration = Duration::from_secs(20);

/// Characters of what a run gave that are kept.
const MAX_OUTPUT_CHARS: usize = 16 * 1024;

/// What became of a run.
#[derive(Debug, Default)]
struct Ran {
    output: Option<String>,
    error: Option<String>,
    /// The target is not there any more, and will not be.
    gone: bool,
}

impl Ran {
    fn failed(error: impl std::fmt::Display) -> Self {
        Self {
            error: Some(error.to_string()),
            ..Self::default()
        }
    }
}

impl Schedules {
    /// Notes the start of a run and returns its id and what to do.
    fn begin(&mut self, id: &str) -> Result<(String, Schedule), ScheduleError> {
        if self.running.contains(id) {
            return Err(ScheduleError::Running(id.to_owned()));
        }
        let kept = self.open(id)?;
        let (run, at) = (uuid::Uuid::new_v4().to_string(), now());
        let planned = kept.schedule.next_run_at.clone();
        kept.ran += 1;
        let runs = kept.runs();
        let excess = (runs.len() + 1).saturating_sub(MAX_RUNS);
        runs.drain(..excess);
        runs.push(ScheduleRun {
            id: run.clone(),
            scheduled_for: planned
                .filter(|planned| *planned <= at)
                .unwrap_or(at.clone()),
            started_at: at,
            ended_at: None,
            status: "running".to_owned(),
            agent_id: None,
            workspace_id: None,
            output: None,
            error: None,
        });
        let schedule = kept.schedule.clone();
        self.running.insert(id.to_owned());
        Ok((run, schedule))
    }

    fn note(&mut self, id: &str, run: &str, change: impl FnOnce(&mut ScheduleRun)) {
        // A schedule that was deleted meanwhile has no runs to note.
        if let Some(kept) = self.all.get_mut(id)
            && let Some(run) = kept.runs().iter_mut().find(|known| known.id == run)
        {
            change(run);
        }
    }

    fn end(&mut self, id: &str, run: &str, ran: Ran, by_clock: bool) {
        self.running.remove(id);
        self.note(id, run, |run| {
            let failed = ran.error.is_some();
            run.status = if failed { "failed" } else { "succeeded" }.to_owned();
            run.ended_at = Some(now());
            let short = |text: String| shorten(&text, MAX_OUTPUT_CHARS);
            run.output = ran.output.map(short);
            run.error = ran.error.map(short);
        });
        self.trim();
        if let Some(kept) = self.all.get_mut(id) {
            kept.schedule.last_run_at = Some(now());
            kept.schedule.updated_at = now();
            match kept.schedule.status.as_str() {
                "active" if ran.gone => kept.complete(),
                "active" if by_clock => kept.plan(Timestamp::now()),
                _ => {}
            }
        }
    }

    /// Ids of those whose time has come; completes those that are over.
    fn due(&mut self, time: Timestamp) -> Vec<String> {
        let running = &self.running;
        let mut due = Vec::new();
        for (id, kept) in &mut self.all {
            if kept.schedule.status != "active" || running.contains(id) {
                continue;
            }
            if kept.is_over(time) {
                kept.complete();
            } else if kept.is_due(time) {
                due.push(id.clone());
            }
        }
        due
    }

    /// How long nothing is due.
    fn idle(&self, time: Timestamp) -> Duration {
        let waiting = self
            .all
            .iter()
            .filter(|(id, kept)| kept.schedule.status == "active" && !self.running.contains(*id));
        let next = waiting.filter_map(|(_, kept)| kept.schedule.next_run_at.as_ref()?.parse().ok());
        let next = next.min().map(|next: Timestamp| next.duration_since(time));
        next.map_or(LOOK, |left| Duration::try_from(left).unwrap_or_default())
            .min(LOOK)
    }
}

impl Core {
    /// Runs schedules when their time comes, for ever.
    pub(in crate::daemon) async fn run_schedules(self: &Arc<Self>) {
        loop {
            let idle = self.schedules().idle(Timestamp::now());
            tokio::select! {
                () = tokio::time::sleep(idle) => {}
                () = self.replan.notified() => {}
            }
            let due = self.schedules().due(Timestamp::now());
            for id in due {
                // One that cannot run now has been changed meanwhile.
                let begun = self.schedules().begin(&id);
                self.keep_schedules();
                if let Ok((run, schedule)) = begun {
                    let core = Arc::clone(self);
                    self.spawn(async move { core.run_schedule(run, schedule, true).await });
                }
            }
        }
    }

    /// Runs a schedule now, whatever the clock says, and waits for the end.
    pub(in crate::daemon) async fn run_once(
        self: &Arc<Self>,
        id: &str,
    ) -> Result<Schedule, ScheduleError> {
        let begun = self.change_schedules(|schedules| schedules.begin(id)).await;
        if let Err(ScheduleError::Store(_)) = begun {
            self.schedules().running.remove(id);
        }
        let (run, schedule) = begun?;
        let (done, wait) = oneshot::channel();
        let core = Arc::clone(self);
        // It goes on when the client goes.
        self.spawn(async move {
            core.run_schedule(run, schedule, false).await;
            let _ = done.send(());
        });
        // An error means that the daemon ends.
        let _ = wait.await;
        self.store.saved(&[Kept::Schedules]).await?;
        self.schedules().get(id)
    }

    /// Changes the schedules, and returns once that is on the disk; else takes it back.
    pub(in crate::daemon) async fn change_schedules<T: Send>(
        &self,
        change: impl FnOnce(&mut Schedules) -> Result<T, ScheduleError> + Send,
    ) -> Result<T, ScheduleError> {
        let _alone = self.store.alone(Kept::Schedules).await;
        let (before, after, done) = {
            let mut schedules = self.schedules();
            let before = schedules.state();
            let done = change(&mut schedules);
            let after = schedules.state();
            if done.is_err() {
                schedules.take_back(&before, &after);
            }
            (before, after, done?)
        };
        self.keep_schedules();
        if let Err(error) = self.store.saved(&[Kept::Schedules]).await {
            self.schedules().take_back(&before, &after);
            self.keep_schedules();
            return Err(error.into());
        }
        Ok(done)
    }

    async fn run_schedule(self: &Arc<Self>, run: String, schedule: Schedule, by_clock: bool) {
        let ran = match &schedule.target {
            ScheduleTarget::Agent { agent_id } | ScheduleTarget::Caller { agent_id } => {
                self.schedules().note(&schedule.id, &run, |run| {
                    run.agent_id = Some(agent_id.clone());
                });
                self.prompt_agent(agent_id, &schedule.prompt).await
            }
            ScheduleTarget::NewAgent { config } => self.new_run(config, &run, &schedule).await,
        };
        self.schedules().end(&schedule.id, &run, ran, by_clock);
        self.keep_schedules();
    }

    async fn prompt_agent(self: &Arc<Self>, id: &str, prompt: &str) -> Ran {
        let gone = |error: String| Ran {
            gone: true,
            ..Ran::failed(error)
        };
        let state = match self.agents().get(id) {
            Ok(agent) => (agent.record.archived_at.is_some(), agent.is_running()),
            Err(_) => return gone(format!("Agent {id} no longer exists")),
        };
        match state {
            (true, _) => return gone(format!("Agent {id} is archived")),
            // What a person started is not interrupted by a clock.
            (_, true) => return Ran::failed(format!("Agent {id} already has an active run")),
            _ => {}
        }
        let prompt = Prompt {
            text: prompt.to_owned(),
            images: Vec::new(),
        };
        match self.prompt(id, prompt, None).await {
            Ok(()) => self.outcome_of(id).await,
            Err(error) => Ran::failed(error),
        }
    }

    async fn new_run(self: &Arc<Self>, config: &AgentConfig, run: &str, of: &Schedule) -> Ran {
        let flag = |name: &str| config.other.get(name);
        let mut config = config.clone();
        if flag("isolation").and_then(Value::as_str) == Some("worktree") {
            match self.worktree_for(&config.cwd).await {
                Ok(path) => config.cwd = path,
                Err(error) => return Ran::failed(error),
            }
        }
        let archive = flag("archiveOnFinish").and_then(Value::as_bool) == Some(true);
        config.title = config.title.or_else(|| of.name.clone());
        let labels = [
            ("paseo.schedule-id".to_owned(), of.id.clone()),
            ("paseo.schedule-run".to_owned(), run.to_owned()),
        ];
        let request = CreateAgent {
            config,
            labels: labels.into(),
            initial_prompt: Some(of.prompt.clone()),
            ..CreateAgent::default()
        };
        let agent = match self.create(request).await {
            Ok(agent) => agent,
            Err(error) => return Ran::failed(error),
        };
        self.schedules().note(&of.id, run, |run| {
            run.agent_id = Some(agent.id.clone());
            run.workspace_id = agent.workspace_id.clone();
        });
        self.keep_schedules();
        let ran = self.outcome_of(&agent.id).await;
        if archive && let Err(error) = self.archive(&agent.id).await {
            tracing::warn!(%error, "an agent of a schedule could not be archived");
        }
        ran
    }

    async fn outcome_of(self: &Arc<Self>, id: &str) -> Ran {
        let waited = self.wait(id, None).await;
        let canceled = self
            .agents()
            .get(id)
            .is_ok_and(|agent| agent.was_canceled());
        match waited.status {
            WaitStatus::Permission => {
                Ran::failed(format!("Scheduled agent {id} is waiting for permission"))
            }
            WaitStatus::Idle if canceled => {
                Ran::failed(format!("Scheduled agent {id} was canceled"))
            }
            WaitStatus::Idle => Ran {
                output: waited.last_message,
                ..Ran::default()
            },
            _ => Ran::failed(
                waited
                    .error
                    .unwrap_or(format!("Scheduled agent {id} failed")),
            ),
        }
    }

    /// Saves the schedules, and has the clock look at them.
    pub(in crate::daemon) fn keep_schedules(&self) {
        self.store.save(Kept::Schedules, &*self.schedules());
        self.replan.notify_one();
    }

    /// Completes the schedules of an agent that is gone.
    pub(in crate::daemon) fn end_schedules(&self, agent: &str) {
        if self.schedules().agent_gone(agent) {
            self.keep_schedules();
        }
    }

    /// Makes a worktree and its workspace, and returns its directory.
    async fn worktree_for(&self, cwd: &str) -> Result<String, String> {
        let worktree = NewWorktree {
            cwd: cwd.to_owned(),
            checkout: false,
            base: None,
            branch: None,
            slug: None,
        };
        let made = worktree.make(&self.home).await;
        let made = made.map_err(|error| error.to_string())?;
        let path = made.path.to_string_lossy().into_owned();
        let created = self.workspace_of(made, None).await;
        let created = created.map_err(|error| error.to_string())?;
        created.map_err(|error| error.to_string())?;
        Ok(path)
    }

    /// Checks the target of a new schedule, and resolves it.
    pub(in crate::daemon) fn target(
        &self,
        target: ScheduleTarget,
    ) -> Result<ScheduleTarget, AgentError> {
        match target {
            ScheduleTarget::Caller { agent_id } | ScheduleTarget::Agent { agent_id } => {
                self.agents().get(&agent_id)?;
                Ok(ScheduleTarget::Agent { agent_id })
            }
            ScheduleTarget::NewAgent { config } => {
                self.provider(&config.provider)?;
                Ok(ScheduleTarget::NewAgent { config })
            }
        }
    }
}
