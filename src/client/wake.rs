//! Notices that this machine was asleep, or this process stopped: connections may have died meanwhile, and
//! waiting as if no time had passed would only add to it.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How often somebody looks.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// A tick that is later by this much was held up by sleep, and not by a busy machine.
const ASLEEP: Duration = Duration::from_secs(4);

/// Returns the time since some fixed moment, sleep included.
type Clock = fn() -> Duration;

/// Compares ticks with a clock that goes on during sleep, as those of the runtime do not.
#[derive(Debug)]
pub(super) struct Wake {
    clock: Clock,
    last: Duration,
}

impl Wake {
    pub(super) fn new() -> Self {
        Self::by(since_boot)
    }

    pub(super) fn by(clock: Clock) -> Self {
        let last = clock();
        Self { clock, last }
    }

    /// Returns, one [`TICK`] after the last call, whether there was sleep in between.
    pub(super) fn slept(&mut self) -> bool {
        let now = (self.clock)();
        let passed = now.saturating_sub(self.last);
        self.last = now;
        passed > TICK + ASLEEP
    }
}

/// Rests, no longer than until the machine has woken up.
pub async fn rest(limit: Duration) {
    rest_by(since_boot, limit).await;
}

async fn rest_by(clock: Clock, limit: Duration) {
    let end = Instant::now() + limit;
    let mut wake = Wake::by(clock);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left <= TICK {
            return sleep(left).await;
        }
        sleep(TICK).await;
        if wake.slept() {
            return;
        }
    }
}

/// The uptime, as Linux tells it: with sleep. Else the time of day; that it is set looks like sleep, and does no
/// harm.
pub fn since_boot() -> Duration {
    let uptime = std::fs::read_to_string("/proc/uptime").ok();
    let seconds = uptime.and_then(|text| text.split_whitespace().next()?.parse().ok());
    let uptime = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    uptime.unwrap_or_else(|| {
        let now = std::time::SystemTime::now();
        now.duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default()
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;
    use std::thread::LocalKey;

    use super::*;

    thread_local! {
        static ASLEEP_FOR: Cell<Duration> = const { Cell::new(Duration::ZERO) };
        static START: Instant = Instant::now();
    }

    /// A clock that goes with the runtime's, and on during a sleep that a test made up.
    pub(in crate::client) fn clock() -> Duration {
        let start = START.with(|start| *start);
        start.elapsed() + ASLEEP_FOR.get()
    }

    /// Lets the machine sleep.
    pub(in crate::client) fn fall_asleep(time: Duration) {
        let asleep: &LocalKey<_> = &ASLEEP_FOR;
        asleep.set(asleep.get() + time);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_ends_when_the_machine_wakes_up() {
        let start = Instant::now();
        rest_by(clock, Duration::from_secs(30)).await;
        assert_eq!(start.elapsed().as_secs(), 30);

        let start = Instant::now();
        let resting = rest_by(clock, Duration::from_secs(30));
        tokio::pin!(resting);
        let early = tokio::time::timeout(Duration::from_millis(4500), &mut resting).await;
        assert!(early.is_err());
        fall_asleep(Duration::from_secs(30 * 60));
        resting.await;
        assert_eq!(start.elapsed().as_secs(), 5);
    }
}
