//! How long to wait before a lost connection is tried again.

use std::time::Duration;

use tokio::time::Instant;

/// The longest waits before the first tries: most losses are short.
const FIRST: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(500)];

/// By how much each later wait is longer than the one before.
const MORE: Duration = Duration::from_secs(1);

/// The longest wait before any.
const LONGEST: Duration = Duration::from_secs(30);

/// A connection that lived so long was a good one. One that dies sooner does not shorten the next wait: else
/// a daemon that drops each connection would be asked for ever at the shortest interval.
const STABLE: Duration = Duration::from_secs(30);

/// The waits between tries: a second longer each time, as official daemons wait, and random in their second half, so
/// that the clients of a relay that restarts do not come back all at once. Doubling would leave a daemon away for as
/// long again as its relay was.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    step: u32,
    connected: Option<Instant>,
}

impl Backoff {
    /// Takes note of a connection.
    pub(crate) fn connected(&mut self) {
        self.connected = Some(Instant::now());
    }

    /// Returns how long to wait now that the connection was lost, or could not be made.
    pub(crate) fn wait(&mut self) -> Duration {
        if self
            .connected
            .take()
            .is_some_and(|at| at.elapsed() >= STABLE)
        {
            self.step = 0;
        }
        let first = FIRST.get(self.step as usize).copied();
        let later = || MORE.saturating_mul(self.step + 1 - FIRST.len() as u32);
        let whole = first.unwrap_or_else(later).min(LONGEST);
        self.step = self.step.saturating_add(1);
        // Without random bytes the wait is only less random.
        let random = getrandom::u32().unwrap_or(u32::MAX / 2);
        whole.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(wait: Duration, longest: u64) {
        let longest = Duration::from_millis(longest);
        assert!(
            wait >= longest / 2 && wait <= longest,
            "{wait:?} {longest:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_success_does_not_reset_it() {
        let mut backoff = Backoff::default();
        for longest in [250, 500, 1000, 2000, 3000] {
            within(backoff.wait(), longest);
            backoff.connected();
            tokio::time::advance(Duration::from_secs(20)).await;
        }
        within(backoff.wait(), 4000);
        backoff.connected();
        tokio::time::advance(STABLE).await;
        within(backoff.wait(), 250);
    }

    #[test]
    fn it_has_an_end() {
        let mut backoff = Backoff::default();
        for _ in 0..100 {
            backoff.wait();
        }
        within(backoff.wait(), 30_000);
    }
}
