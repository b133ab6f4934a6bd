//! Times as the protocol writes them.

use jiff::Timestamp;

/// Returns the time now: ISO 8601, UTC, milliseconds.
pub(super) fn now() -> String {
    iso(Timestamp::now())
}

/// Returns a time as ISO 8601, UTC, milliseconds.
pub(super) fn iso(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// Milliseconds since the epoch.
pub(super) fn millis() -> i64 {
    Timestamp::now().as_millisecond()
}
