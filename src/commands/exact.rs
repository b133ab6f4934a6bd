//! Exact values, which stand beside official ones that are written for people (`docs/json.md`).

use jiff::Timestamp;

/// Returns a time as a daemon gave it, in RFC 3339 and UTC; `None` when it is no time.
pub(super) fn time(text: &str) -> Option<String> {
    let time: Timestamp = text.parse().ok()?;
    Some(match text.ends_with('Z') {
        true => text.to_owned(),
        false => time.to_string(),
    })
}

/// Returns a text, unless it is empty.
pub(super) fn text(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// Returns a path of the daemon's machine, if it is absolute there: a machine with Windows has drives.
pub(super) fn path(text: &str) -> Option<&str> {
    let drive = text.chars().nth(1) == Some(':') || text.starts_with(r"\\");
    (text.starts_with('/') || drive).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_or_none() {
        for (given, expected) in [
            ("2026-11-22T13:29:26.017Z", Some("2026-11-22T13:29:26.017Z")),
            ("2026-11-22T13:29:26.000Z", Some("2026-11-22T13:29:26.000Z")),
            ("2026-11-22T14:29:26+01:00", Some("2026-11-22T13:29:26Z")),
            ("just now", None),
            ("", None),
        ] {
            assert_eq!(time(given).as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn only_absolute_paths() {
        for absolute in ["/home/me", r"C:\src", r"\\host\share"] {
            assert_eq!(path(absolute), Some(absolute));
        }
        for other in ["~/src", "src", "", "-", "."] {
            assert_eq!(path(other), None, "{other}");
        }
    }
}
