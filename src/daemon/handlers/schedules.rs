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
        match error {
            ScheduleError::Store(error) => error.into(),
            _ => Self::Coded(REFUSED, error.to_string()),
        }
    }
}

/// Changes the schedules, and replies when that is on the disk.
async fn kept(
    call: &Call,
    change: impl FnOnce(&mut crate::daemon::schedules::Schedules) -> Result<Schedule, ScheduleError>
    + Send,
) -> Result<OneSchedule, Refusal> {
    Ok(one(call.core.change_schedules(change).await?))
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
        let created = kept(call, |schedules| schedules.create(self)).await?;
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
        kept(call, |schedules| schedules.pause(&self.schedule_id)).await
    }
}

impl Serve for ResumeSchedule {
    async fn serve(self, call: &Call) -> Result<OneSchedule, Refusal> {
        kept(call, |schedules| schedules.resume(&self.schedule_id)).await
    }
}

impl Serve for RunSchedule {
    async fn serve(self, call: &Call) -> Result<OneSchedule, Refusal> {
        Ok(one(call.core.run_once(&self.schedule_id).await?))
    }
}

impl Serve for UpdateSchedule {
    async fn serve(self, call: &Call) -> Result<OneSchedule, Refusal> {
        kept(call, |schedules| schedules.update(self)).await
    }
}

impl Serve for DeleteSchedule {
    async fn serve(self, call: &Call) -> Result<DeletedSchedule, Refusal> {
        let deleted = call
            .core
            .change_schedules(|all| all.delete(&self.schedule_id));
        deleted.await?;
        Ok(DeletedSchedule {
            schedule_id: self.schedule_id,
            error: None,
        })
    }
}
