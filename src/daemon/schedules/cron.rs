//! Cron expressions of five fields, as the official daemon reads them: numbers, `*`, ranges, lists and
//! steps, no names; all five fields must match.

use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// Days that are looked ahead; a leap day may be eight years away.
const MAX_DAYS: usize = 366 * 8 + 3;

/// Which times match; bit `n` of a field stands for its value `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cron {
    minute: u64,
    hour: u64,
    day: u64,
    month: u64,
    /// Sunday is 0.
    weekday: u64,
}

/// Not a cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum CronError {
    /// There are more or fewer than five fields.
    #[error("a cron expression has five fields")]
    Fields,
    /// A field makes no sense.
    #[error("the {0} of the cron expression makes no sense")]
    Field(&'static str),
}

impl FromStr for Cron {
    type Err = CronError;

    fn from_str(text: &str) -> Result<Self, CronError> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(CronError::Fields);
        };
        Ok(Self {
            minute: field("minute", minute, 0, 59)?,
            hour: field("hour", hour, 0, 23)?,
            day: field("day of the month", day, 1, 31)?,
            month: field("month", month, 1, 12)?,
            weekday: field("day of the week", weekday, 0, 6)?,
        })
    }
}

fn field(name: &'static str, text: &str, min: u32, max: u32) -> Result<u64, CronError> {
    text.split(',')
        .try_fold(0, |bits, part| Some(bits | part_bits(part, min, max)?))
        .ok_or(CronError::Field(name))
}

fn part_bits(part: &str, min: u32, max: u32) -> Option<u64> {
    let (base, step) = match part.split_once('/') {
        Some((base, step)) => (base, number(step).filter(|step| *step > 0)?),
        None => (part, 1),
    };
    let (first, last) = match base.split_once('-') {
        _ if base == "*" => (min, max),
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(base)?, number(base)?),
    };
    if first < min || last > max || first > last {
        return None;
    }
    let step = usize::try_from(step).ok()?;
    Some(
        (first..=last)
            .step_by(step)
            .fold(0, |bits, n| bits | 1 << n),
    )
}

fn number(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

fn has(bits: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|value| bits & 1 << value != 0)
}

impl Cron {
    /// Returns the first matching minute after a time; `None` when there is none for years. Times that a
    /// change of the clock skips do not match.
    pub(super) fn next(&self, after: Timestamp, zone: TimeZone) -> Option<Timestamp> {
        let mut at = after.to_zoned(zone);
        at = start_of_minute(&at)?.checked_add(1.minute()).ok()?;
        for _ in 0..MAX_DAYS {
            let day = at.date();
            if self.has_day(&at)
                && let Some(found) = self.within_day(&at)
            {
                return Some(found);
            }
            at = day
                .tomorrow()
                .ok()?
                .to_zoned(at.time_zone().clone())
                .ok()?
                .start_of_day()
                .ok()?;
        }
        None
    }

    fn has_day(&self, at: &Zoned) -> bool {
        has(self.month, at.month())
            && has(self.day, at.day())
            && has(self.weekday, at.weekday().to_sunday_zero_offset())
    }

    fn within_day(&self, from: &Zoned) -> Option<Timestamp> {
        let mut at = from.clone();
        while at.date() == from.date() {
            if has(self.hour, at.hour()) && has(self.minute, at.minute()) {
                return Some(at.timestamp());
            }
            let step = match has(self.hour, at.hour()) {
                true => 1,
                // To the next hour.
                false => 60 - i64::from(at.minute()),
            };
            at = at.checked_add(step.minutes()).ok()?;
        }
        None
    }
}

fn start_of_minute(at: &Zoned) -> Option<Zoned> {
    at.with().second(0).subsec_nanosecond(0).build().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next(cron: &str, after: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        let next = cron
            .parse::<Cron>()
            .unwrap()
            .next(after.parse().unwrap(), zone);
        next.map_or_else(|| "never".to_owned(), |time| time.to_string())
    }

    #[test]
    fn the_next_time() {
        for (cron, after, zone, at) in [
            (
                "* * * * *",
                "2026-11-22T13:35:51Z",
                "UTC",
                "2026-11-22T13:36:00Z",
            ),
            (
                "* * * * *",
                "2026-11-22T13:35:00Z",
                "UTC",
                "2026-11-22T13:36:00Z",
            ),
            (
                "0 * * * *",
                "2026-11-22T13:35:51Z",
                "UTC",
                "2026-11-22T14:00:00Z",
            ),
            (
                "*/5 * * * *",
                "2026-12-31T23:55:00Z",
                "UTC",
                "2027-01-01T00:00:00Z",
            ),
            (
                "0 9 * * 1",
                "2026-11-22T13:36:48Z",
                "Europe/Paris",
                "2026-11-23T08:00:00Z",
            ),
            (
                "0 9 * * 1",
                "2026-07-22T13:36:48Z",
                "Europe/Paris",
                "2026-07-27T07:00:00Z",
            ),
            (
                "0 0 29 2 *",
                "2026-11-22T00:00:00Z",
                "UTC",
                "2028-02-29T00:00:00Z",
            ),
            ("0 0 31 2 *", "2026-11-22T00:00:00Z", "UTC", "never"),
            (
                "15,45 8-10/2 1 1 *",
                "2026-11-22T00:00:00Z",
                "UTC",
                "2027-01-01T08:15:00Z",
            ),
            // Both days must match.
            (
                "0 0 13 * 5",
                "2026-11-22T00:00:00Z",
                "UTC",
                "2027-08-13T00:00:00Z",
            ),
            // 02:30 does not exist on that day.
            (
                "30 2 * * *",
                "2026-03-29T00:00:00Z",
                "Europe/Paris",
                "2026-03-30T00:30:00Z",
            ),
        ] {
            assert_eq!(next(cron, after, zone), at, "{cron} after {after}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 7",
            "5-1 * * * *",
            "*/0 * * * *",
            "*/ * * * *",
            "a * * * *",
            "+1 * * * *",
            "1,,2 * * * *",
            "1/2/3 * * * *",
            "-1 * * * *",
            "99999999999 * * * *",
        ] {
            assert!(text.parse::<Cron>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[0-9*/, -]{0,24}", any_text in any::<String>()) {
            let _ = (text.parse::<Cron>(), any_text.parse::<Cron>());
        }

        #[test]
        fn the_next_time_matches_and_is_later(
            minute in 0..60u32, hour in 0..24u32, weekday in 0..7u32, after in 0..4_000_000_000i64,
        ) {
            let cron: Cron = format!("{minute} {hour} * * {weekday}").parse().unwrap();
            let after = Timestamp::from_second(after).unwrap();
            let next = cron.next(after, TimeZone::UTC).unwrap();
            prop_assert!(next > after && next <= after + jiff::SignedDuration::from_hours(24 * 8));
            let next = next.to_zoned(TimeZone::UTC);
            prop_assert_eq!(
                (next.minute() as u32, next.hour() as u32, next.second()),
                (minute, hour, 0)
            );
        }
    }
}
