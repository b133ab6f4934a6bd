//! Schedules.

use crate::daemon::dispatch::{Call, Refusal, Serve};
use crate::daemon::schedules::ScheduleError;
use crate::protocol::schedules::{
    CreateSchedule, DeleteSchedule, DeletedSchedule, InspectSchedule, ListSchedules, OneSchedule,
    PauseSchedule, ResumeSchedule, RunSchedule, Schedule, ScheduleLogs, ScheduleRuns, Schedules,
    UpdateSchedule,
};

/// The code of every refusal.
const REFUSED: &str = "schedule_request_failed";

impl From<ScheduleError> for Refusal {
    fn from(error: ScheduleError) -> Self {
        Self::Coded(REFUSED, error.to_string())
    }
}

/// Saves, and replies when that is done.
async fn kept(
    call: &Call,
    schedule: Result<Schedule, ScheduleError>,
) -> Result<OneSchedule, Refusal> {
    let schedule = schedule?;
    call.core.keep_schedules();
    call.core.store.saved().await;
    Ok(one(schedule))
}

fn one(schedule: Schedule) -> OneSchedule {
    OneSchedule {
        schedule: Some(schedule),
        error: None,
    }
}

impl Serve for CreateSchedule {
    async fn serve(mut self, call: &Call) -> Result<OneSchedule, Refusal> {
        let target = call.core.target(self.target);
        self.target = target.map_err(|error| Refusal::Coded(REFUSED, error.to_string()))?;
        let at_once = self.run_on_create == Some(true);
        let created = call.core.schedules().create(self);
        let created = kept(call, created).await?;
        if at_once && let Some(schedule) = &created.schedule {
            let (core, id) = (call.core.clone(), schedule.id.clone());
            call.core.spawn(async move {
                // What becomes of it stands in its runs.
                let _ = core.run_once(&id).await;
            });
        }
        Ok(created)
    }
}

impl Serve for ListSchedules {
    async fn serve(self, call: &Call) -> Result<Schedules, Refusal> {
        Ok(Schedules {
            schedules: call.core.schedules().list(),
            error: None,
        })
    }
}

impl Serve for InspectSchedule {
    async fn serve(self, call: &Call) -> Result<OneSchedule, Refusal> {
        Ok(one(call.core.schedules().get(&self.schedule_id)?))
    }
}

impl Serve for ScheduleLogs {
    async fn serve(self, call: &Call) -> Result<ScheduleRuns, Refusal> {
        let schedule = call.core.schedules().get(&self.schedule_id)?;
        Ok(ScheduleRuns {
            runs: schedule.runs.unwrap_or_default(),
            error: None,
        })
    }
}

impl Serve for PauseSchedule {
    async fn serve(self, call: &Call) -> Result<OneSchedule, Refusal> {
        let paused = call.core.schedules().pause(&self.schedule_id);
        kept(call, paused).await
    }
}

impl Serve for ResumeSchedule {
    async fn serve(self, call: &Call) -> Result<OneSchedule, Refusal> {
        let resumed = call.core.schedules().resume(&self.schedule_id);
        kept(call, resumed).await
    }
}

impl Serve for RunSchedule {
    async fn serve(self, call: &Call) -> Result<OneSchedule, Refusal> {
        Ok(one(call.core.run_once(&self.schedule_id).await?))
    }
}

impl Serve for UpdateSchedule {
    async fn serve(self, call: &Call) -> Result<OneSchedule, Refusal> {
        let updated = call.core.schedules().update(self);
        kept(call, updated).await
    }
}

impl Serve for DeleteSchedule {
    async fn serve(self, call: &Call) -> Result<DeletedSchedule, Refusal> {
        call.core.schedules().delete(&self.schedule_id)?;
        call.core.keep_schedules();
        call.core.store.saved().await;
        Ok(DeletedSchedule {
            schedule_id: self.schedule_id,
            error: None,
        })
    }
}
