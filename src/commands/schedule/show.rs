//! How a schedule looks.

use serde::Serialize;

use crate::commands::{exact, failure};
use crate::error::CommandError;
use crate::output::{Column, Output, Row, Table};
use crate::protocol::schedules::{Cadence, OneSchedule, Schedule, ScheduleTarget};

const COLUMNS: [Column; 6] = [
    Column("ID", 10),
    Column("NAME", 20),
    Column("CADENCE", 20),
    Column("TARGET", 20),
    Column("STATUS", 12),
    Column("NEXT RUN", 24),
];

/// The official fields, and the exact ones.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    id: &'a str,
    name: Option<&'a str>,
    cadence: String,
    target: String,
    status: &'a str,
    next_run_at: Option<&'a str>,
    last_run_at: Option<&'a str>,
    cron_expression: Option<&'a str>,
    timezone: Option<&'a str>,
    every_ms: Option<u64>,
    provider_id: Option<&'a str>,
    model_id: Option<&'a str>,
    full_agent_id: Option<&'a str>,
}

fn row(schedule: &Schedule) -> Row {
    let (cron_expression, timezone, every_ms) = match &schedule.cadence {
        Cadence::Cron {
            expression,
            timezone,
        } => (Some(expression.as_str()), timezone.as_deref(), None),
        Cadence::Every { every_ms } => (None, None, Some(*every_ms)),
    };
    let (full_agent_id, config) = match &schedule.target {
        ScheduleTarget::Caller { agent_id } | ScheduleTarget::Agent { agent_id } => {
            (Some(agent_id.as_str()), None)
        }
        ScheduleTarget::NewAgent { config } => (None, Some(config)),
    };
    let listed = Listed {
        id: &schedule.id,
        name: schedule.name.as_deref(),
        cadence: cadence(&schedule.cadence),
        target: target(&schedule.target),
        status: &schedule.status,
        next_run_at: schedule.next_run_at.as_deref(),
        last_run_at: schedule.last_run_at.as_deref(),
        cron_expression,
        timezone,
        every_ms,
        provider_id: config.map(|config| config.provider.as_str()),
        model_id: config.and_then(|config| exact::text(config.model.as_deref())),
        full_agent_id,
    };
    let cells = vec![
        listed.id.into(),
        listed.name.unwrap_or_default().into(),
        listed.cadence.as_str().into(),
        listed.target.as_str().into(),
        listed.status.into(),
        listed.next_run_at.unwrap_or_default().into(),
    ];
    Row::new(listed.id, cells, &listed)
}

/// Several, one line each.
pub(in crate::commands) fn list<'a>(schedules: impl Iterator<Item = &'a Schedule>) -> Output {
    Output::List(Table {
        columns: COLUMNS.to_vec(),
        rows: schedules.map(row).collect(),
    })
}

/// One, in a line.
pub(in crate::commands) fn line(schedule: &Schedule) -> Output {
    Output::Item(Table {
        columns: COLUMNS.to_vec(),
        rows: vec![row(schedule)],
    })
}

/// One, with all that is known of it.
pub(super) fn record(schedule: &Schedule) -> Output {
    let or_null = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".to_owned());
    let runs = schedule.runs.iter().flatten().count();
    let every = match &schedule.cadence {
        Cadence::Every { every_ms } => format!("every:{every_ms}ms"),
        cron => cadence(cron),
    };
    let rows = [
        ("Id", schedule.id.clone()),
        ("Name", or_null(&schedule.name)),
        ("Prompt", schedule.prompt.clone()),
        ("Cadence", every),
        ("Target", target(&schedule.target)),
        ("Status", schedule.status.clone()),
        ("CreatedAt", schedule.created_at.clone()),
        ("UpdatedAt", schedule.updated_at.clone()),
        ("NextRunAt", or_null(&schedule.next_run_at)),
        ("LastRunAt", or_null(&schedule.last_run_at)),
        ("PausedAt", or_null(&schedule.paused_at)),
        ("ExpiresAt", or_null(&schedule.expires_at)),
        (
            "MaxRuns",
            or_null(&schedule.max_runs.map(|runs| runs.to_string())),
        ),
        ("RunCount", runs.to_string()),
    ];
    Output::Record {
        rows: rows.map(|(key, value)| (key.to_owned(), value)).into(),
        json: serde_json::to_value(schedule).expect("schedules are structs with string keys"),
    }
}

/// Takes the schedule out of a reply.
pub(in crate::commands) fn found(
    reply: OneSchedule,
    code: &'static str,
    what: &str,
) -> Result<Schedule, CommandError> {
    reply.schedule.ok_or_else(|| {
        let why = reply
            .error
            .as_deref()
            .unwrap_or("the daemon did not say why");
        failure::says(code, Some(format!("Failed to {what}: {why}")))
    })
}

fn cadence(cadence: &Cadence) -> String {
    match cadence {
        Cadence::Cron {
            expression,
            timezone: Some(zone),
        } => format!("cron:{expression} ({zone})"),
        Cadence::Cron { expression, .. } => format!("cron:{expression}"),
        Cadence::Every { every_ms } => format!("every:{}", length(*every_ms)),
    }
}

fn length(ms: u64) -> String {
    let seconds = ms / 1000;
    let parts = [
        (seconds / 3600, 'h'),
        (seconds / 60 % 60, 'm'),
        (seconds % 60, 's'),
    ];
    let text: String = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    match text.as_str() {
        "" => "0s".to_owned(),
        _ => text,
    }
}

fn target(target: &ScheduleTarget) -> String {
    let short = |id: &str| id.chars().take(7).collect::<String>();
    match target {
        ScheduleTarget::Caller { agent_id } => format!("self:{}", short(agent_id)),
        ScheduleTarget::Agent { agent_id } => format!("agent:{}", short(agent_id)),
        ScheduleTarget::NewAgent { config } => match config.model.as_deref() {
            Some(model) if !model.is_empty() => format!("new-agent:{}/{model}", config.provider),
            _ => format!("new-agent:{}", config.provider),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_cadences() {
        let every = |every_ms| cadence(&Cadence::Every { every_ms });
        assert_eq!(every(5_400_000), "every:1h30m");
        assert_eq!(every(0), "every:0s");
        let cron = Cadence::Cron {
            expression: "0 9 * * 1".to_owned(),
            timezone: Some("Europe/Paris".to_owned()),
        };
        assert_eq!(cadence(&cron), "cron:0 9 * * 1 (Europe/Paris)");
    }
}
