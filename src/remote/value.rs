//! Reads single values of `remotes.toml`, and tells what is wrong with them.

use std::time::Duration;

use jiff::Timestamp;

use super::reader::Reader;
use crate::duration;

/// Longest time that a setting may name.
const MAX_DURATION: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn required<T>(table: &Reader<'_>, key: &str, value: Option<T>) -> Option<T> {
    if value.is_none() && !table.has(key) {
        table.reject_table(format!("`{key}` is missing"));
    }
    value
}

/// Reads how long something is kept; 0 is not at all.
pub(super) fn duration_or_zero(table: &Reader<'_>, key: &str) -> Option<Duration> {
    match table.text_or_number(key)?.as_str() {
        "0" | "0s" => Some(Duration::ZERO),
        _ => duration(table, key),
    }
}

pub(super) fn duration(table: &Reader<'_>, key: &str) -> Option<Duration> {
    let text = table.text_or_number(key)?;
    match duration::parse(&text) {
        Ok(duration) if !duration.is_zero() && duration <= MAX_DURATION => Some(duration),
        _ => {
            table.reject(key, "must be a duration such as \"10s\", at most a day");
            None
        }
    }
}

/// Reads a moment; a date is its end, in UTC.
pub(super) fn end_of(table: &Reader<'_>, key: &str) -> Option<Timestamp> {
    let text = table.moment(key)?;
    let end_of_day = |date: jiff::civil::Date| {
        let next = date.tomorrow().ok()?;
        Some(next.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    let moment = text.parse().ok();
    let is_date = !text.contains([':', ' ']);
    let moment = moment.or_else(|| end_of_day(text.parse().ok().filter(|_| is_date)?));
    if moment.is_none() {
        table.reject(
            key,
            "must be a date, or a time with a zone: 2026-12-01, 2026-12-01T12:00:00Z",
        );
    }
    moment
}

pub(super) fn timestamp(table: &Reader<'_>, key: &str) -> Option<Timestamp> {
    let parsed = table.moment(key)?.parse();
    parsed
        .map_err(|_| {
            table.reject(
                key,
                "must be a time with a zone, such as 2026-11-22T13:30:00Z",
            )
        })
        .ok()
}
