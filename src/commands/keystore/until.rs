//! Until when the key of the vault is held.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// Returns the moment that is so far away, in whole seconds.
pub(super) fn moment_in(time: Duration) -> Timestamp {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let now = Timestamp::now();
    let moment = now.checked_add(SignedDuration::from_secs(seconds));
    let moment = moment.unwrap_or(Timestamp::MAX);
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}

/// Writes a moment as a person reads it here.
pub(super) fn for_people(moment: Timestamp) -> String {
    let moment = moment.to_zoned(TimeZone::system());
    let form = match moment.date() == Zoned::now().date() {
        true => "%H:%M:%S",
        false => "%F %H:%M",
    };
    moment.strftime(form).to_string()
}
