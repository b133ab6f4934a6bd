//! When a schedule runs, from what is typed.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::duration;
use crate::error::CommandError;
use crate::protocol::schedules::Cadence;

/// When a schedule runs
#[derive(Debug, Default, clap::Args)]
pub struct When {
    /// How often: 5m, 1h, 1d, or what else divides an hour or a day
    #[arg(long, value_name = "DURATION")]
    pub every: Option<String>,

    /// When, as five fields of cron
    #[arg(long, value_name = "EXPR")]
    pub cron: Option<String>,

    /// Time zone of --cron, such as Europe/Paris; UTC when absent
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
}

impl When {
    /// Returns the cadence; `None` when neither `--every` nor `--cron` is given.
    pub(super) fn cadence(&self) -> Result<Option<Cadence>, CommandError> {
        let usage = |code, message: &str| Err(CommandError::usage(code, message));
        if self.every.is_some() && self.cron.is_some() {
            return usage("INVALID_CADENCE", "--every and --cron exclude each other");
        }
        let timezone = match self.timezone.as_deref().map(str::trim) {
            Some("") => return usage("INVALID_TIME_ZONE", "--timezone cannot be empty"),
            Some(_) if self.cron.is_none() => {
                let message = "--timezone belongs to --cron, which is missing";
                return usage("INVALID_TIME_ZONE", message);
            }
            timezone => timezone.map(str::to_owned),
        };
        let expression = match (&self.every, &self.cron) {
            (Some(every), _) => compiled(every)?,
            (None, Some(cron)) => cron.trim().to_owned(),
            (None, None) => return Ok(None),
        };
        Ok(Some(Cadence::Cron {
            expression,
            timezone,
        }))
    }
}

/// Compiles an interval to cron, where five fields can say it without drifting.
fn compiled(every: &str) -> Result<String, CommandError> {
    const DAY: u64 = 24 * 60;
    let seconds = length(every)?.as_secs();
    let minutes = seconds / 60;
    match minutes {
        _ if !seconds.is_multiple_of(60) => None,
        1 => Some("* * * * *".to_owned()),
        2..60 if 60_u64.is_multiple_of(minutes) => Some(format!("*/{minutes} * * * *")),
        60 => Some("0 * * * *".to_owned()),
        DAY => Some("0 0 * * *".to_owned()),
        61..DAY if minutes.is_multiple_of(60) && DAY.is_multiple_of(minutes) => {
            Some(format!("0 */{} * * *", minutes / 60))
        }
        _ => None,
    }
    .ok_or_else(|| {
        CommandError::usage(
            "UNREPRESENTABLE_CADENCE",
            format!("cron has no pattern that comes every {every}"),
        )
        .hint("give the times yourself, with --cron")
    })
}

fn length(text: &str) -> Result<Duration, CommandError> {
    duration::parse_positive(text)
        .map_err(|error| CommandError::usage("INVALID_DURATION", error.to_string()))
}

/// Returns the time that is so far away from now, in ISO 8601.
pub(in crate::commands) fn expires_at(text: &str) -> Result<String, CommandError> {
    let far = || CommandError::usage("INVALID_DURATION", "--expires-in is too far away");
    let length = SignedDuration::try_from(length(text)?).map_err(|_| far())?;
    let time = Timestamp::now().checked_add(length).map_err(|_| far())?;
    Ok(format!("{time:.3}"))
}

/// Parses `--max-runs`.
pub(in crate::commands) fn max_runs(text: &str) -> Result<u64, CommandError> {
    match text.trim().parse() {
        Ok(runs) if runs > 0 => Ok(runs),
        _ => Err(CommandError::usage(
            "INVALID_INTEGER",
            "--max-runs is a whole number from 1",
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn intervals_become_cron() {
        for (every, cron) in [
            ("1m", "* * * * *"),
            ("5m", "*/5 * * * *"),
            ("300", "*/5 * * * *"),
            ("1h", "0 * * * *"),
            ("60m", "0 * * * *"),
            ("2h", "0 */2 * * *"),
            ("1d", "0 0 * * *"),
            ("24h", "0 0 * * *"),
        ] {
            assert_eq!(compiled(every).unwrap(), cron, "{every}");
        }
        for every in ["7m", "30s", "90m", "5h", "2d"] {
            assert_eq!(
                compiled(every).unwrap_err().code,
                "UNREPRESENTABLE_CADENCE",
                "{every}"
            );
        }
    }

    #[test]
    fn one_of_two() {
        let when = |every: Option<&str>, cron: Option<&str>, zone: Option<&str>| When {
            every: every.map(str::to_owned),
            cron: cron.map(str::to_owned),
            timezone: zone.map(str::to_owned),
        };
        let code = |every, cron, zone| when(every, cron, zone).cadence().unwrap_err().code;
        assert_eq!(code(Some("5m"), Some("* * * * *"), None), "INVALID_CADENCE");
        assert_eq!(code(Some("5m"), None, Some("UTC")), "INVALID_TIME_ZONE");
        assert_eq!(
            code(None, Some("* * * * *"), Some(" ")),
            "INVALID_TIME_ZONE"
        );
        assert_eq!(When::default().cadence().unwrap(), None);
    }

    #[test]
    fn limits() {
        assert_eq!(max_runs("3").unwrap(), 3);
        for wrong in ["0", "x", "-1", ""] {
            assert_eq!(max_runs(wrong).unwrap_err().code, "INVALID_INTEGER");
        }
        assert!(expires_at("2h").unwrap().ends_with('Z'));
        assert!(expires_at("soon").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            let _ = (compiled(&text), expires_at(&text), max_runs(&text));
        }

        #[test]
        fn large_numbers_are_answered(number in any::<u64>(), unit in "[smhd]") {
            let _ = (compiled(&format!("{number}{unit}")), expires_at(&format!("{number}{unit}")));
        }
    }
}
