//! Durations as the official CLI reads them: `90`, `30s`, `2h30m`, `1d`.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum DurationError {
    /// Not in the grammar, or too large.
    #[error("{0} is no duration; write for example 90s, 10m or 1h30m")]
    Format(String),
    /// Zero.
    #[error("Timeout must be positive")]
    Zero,
}

/// Parses digits alone (seconds), or one or more numbers that each have a unit of `smhd`. No blanks, no
/// fractions; zero is refused.
pub(super) fn parse(text: &str) -> Result<Duration, DurationError> {
    let seconds = seconds(text.trim()).ok_or_else(|| DurationError::Format(text.to_owned()))?;
    match seconds {
        0 => Err(DurationError::Zero),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

fn seconds(text: &str) -> Option<u64> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    let mut total = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = match rest.as_bytes()[unit_at] {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            _ => return None,
        };
        let number: u64 = rest[..unit_at].parse().ok()?;
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[unit_at + 1..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn official_grammar() {
        for (text, seconds) in [("90", 90), ("30s", 30), ("2h30m", 9000), ("1d", 86_400)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "abc",
            "1.5",
            "-3",
            "10ms",
            "5 s",
            "5m3",
            "99999999999999999999d",
        ] {
            assert_eq!(parse(text), Err(DurationError::Format(text.to_owned())));
        }
        assert_eq!(parse("0"), Err(DurationError::Zero));
        assert_eq!(parse("0m"), Err(DurationError::Zero));
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
