//! Durations as people give them, in options, variables and files: `90`, `1.5`, `30s`, `2h30m`, `1d`.

use std::time::Duration;

/// The longest duration. Adding it to a moment does not overflow on any clock.
pub const MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Why a text is no duration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DurationError {
    /// Not in the grammar.
    #[error("{0} is no duration; write for example 90s, 10m or 1h30m")]
    Format(String),
    /// Longer than [`MAX`].
    #[error("{0} is too long; the longest duration is 36500d")]
    TooLong(String),
    /// Zero, where a wait of no time makes no sense.
    #[error("Timeout must be positive")]
    Zero,
}

/// Parses a number, also with a fraction, as seconds; else numbers that each have a unit, from `ns` to `y`.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let text = text.trim();
    let format = || DurationError::Format(text.to_owned());
    let too_long = || DurationError::TooLong(text.to_owned());
    let is_number = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let duration = if is_number {
        let seconds: f64 = text.parse().map_err(|_| format())?;
        Duration::try_from_secs_f64(seconds).map_err(|_| too_long())?
    } else {
        humantime::parse_duration(text).map_err(|error| match error {
            humantime::DurationError::NumberOverflow => too_long(),
            _ => format(),
        })?
    };
    match duration <= MAX {
        true => Ok(duration),
        false => Err(too_long()),
    }
}

/// Parses the length of a wait, which is not zero.
pub fn parse_positive(text: &str) -> Result<Duration, DurationError> {
    match parse(text)? {
        Duration::ZERO => Err(DurationError::Zero),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Instant, SystemTime};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_official_grammar_and_more() {
        for (text, millis) in [
            ("90", 90_000),
            ("30s", 30_000),
            ("2h30m", 9_000_000),
            ("1d", 86_400_000),
            ("1.5", 1500),
            ("0", 0),
            ("0m", 0),
            (" 10\r", 10_000),
            ("500ms", 500),
            ("1h 30m", 5_400_000),
            ("2min", 120_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "", " ", ".", "abc", "-3", "+3", "1e3", "1.2.3", "5m3", "5x", "inf", "NaN",
        ] {
            let format = DurationError::Format(text.trim().to_owned());
            assert_eq!(parse(text), Err(format), "{text:?}");
        }
        assert_eq!(parse_positive("0"), Err(DurationError::Zero));
        assert_eq!(parse_positive("0m"), Err(DurationError::Zero));
    }

    #[test]
    fn huge_numbers_are_refused() {
        for text in [
            "18446744073709551615",
            "18446744073709551616",
            "99999999999999999999d",
            "18446744073709551615y",
            "99999999999y",
            "36501d",
            "3153600001",
            "3153600001.5",
            "106751991167300d",
            "18446744073709551615s18446744073709551615s",
        ] {
            assert_eq!(
                parse(text),
                Err(DurationError::TooLong(text.into())),
                "{text}"
            );
        }
        assert_eq!(parse("36500d"), Ok(MAX));
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_taken_can_be_added_to_now(number in any::<u64>(), unit in "|[smhdwMy]|ms|ns") {
            if let Ok(duration) = parse(&format!("{number}{unit}")) {
                prop_assert!(Instant::now().checked_add(duration).is_some());
                prop_assert!(SystemTime::now().checked_add(duration).is_some());
                prop_assert!(i64::try_from(duration.as_nanos()).is_ok());
            }
        }
    }
}
