//! Whether the other side still lives: pings, and what is heard.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use super::reader::Sender;
use super::wake::{TICK, Wake};
use crate::transport::{Frame, Traffic, TransportError};

/// A connection that lives this long is pinged this often. Once pinged, a daemon expects it to go on
/// (its lease is 45 s).
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// Two intervals without a byte: the path is dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(20);

/// The same after the machine slept, when the connection is more likely dead than not.
const PROBE_LIMIT: Duration = Duration::from_secs(4);

/// What was sent may be on its way at this speed at least, in bytes per second, before an answer can come.
const SLOWEST: u64 = 8 * 1024;

/// What shows whether the other side lives.
#[derive(Debug)]
pub(super) struct Pulse {
    /// The daemon has introduced itself, so that it may be pinged.
    open: AtomicBool,
    /// A frame is here that nobody has taken yet: the silence is of our making.
    busy: AtomicBool,
    traffic: Traffic,
    ping_now: Notify,
}

impl Pulse {
    /// Judges by the bytes of a connection.
    pub(super) fn new(traffic: Traffic) -> Self {
        Self {
            open: AtomicBool::default(),
            busy: AtomicBool::default(),
            traffic,
            ping_now: Notify::default(),
        }
    }

    /// The daemon has introduced itself.
    pub(super) fn open(&self) {
        self.open.store(true, Ordering::Relaxed);
    }

    /// A frame came, or was taken.
    pub(super) fn busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
    }

    /// Returns once nothing was heard for too long.
    pub(super) async fn lost(&self) -> TransportError {
        self.lost_by(Wake::new()).await
    }

    async fn lost_by(&self, mut wake: Wake) -> TransportError {
        let mut limit = SILENCE_LIMIT;
        let mut heard = Instant::now();
        let (mut received, mut sent) = (self.traffic.received(), self.traffic.sent());
        let mut awake_at_last = false;
        loop {
            sleep(TICK).await;
            let now = self.traffic.received();
            if std::mem::take(&mut awake_at_last) {
                // It came before the sleep, and says nothing of now. What answers the next ping does.
                received = now;
                self.ping_now.notify_one();
            }
            let quiet = now == received
                && self.open.load(Ordering::Relaxed)
                && !self.busy.load(Ordering::Relaxed);
            if !quiet {
                (received, sent) = (now, self.traffic.sent());
                (heard, limit) = (Instant::now(), SILENCE_LIMIT);
            }
            if wake.slept() {
                tracing::info!("asleep until now, probing the connection");
                (heard, limit) = (Instant::now(), PROBE_LIMIT);
                awake_at_last = true;
                self.ping_now.notify_one();
            }
            let on_its_way = self.traffic.sent().saturating_sub(sent) / SLOWEST;
            if quiet && heard.elapsed() >= limit + Duration::from_secs(on_its_way) {
                return TransportError::Lost(std::io::ErrorKind::TimedOut.into());
            }
        }
    }

    /// Pings for as long as that is possible.
    pub(super) async fn keep_alive(&self, sender: &Sender) -> TransportError {
        let mut tick = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = self.ping_now.notified() => {}
            }
            if self.open.load(Ordering::Relaxed) {
                let ping = Frame::Text(r#"{"type":"ping"}"#.to_owned());
                if let Err(error) = sender.lock().await.send(ping).await {
                    return error;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::wake::tests::{clock, fall_asleep};

    fn pulse() -> Pulse {
        let pulse = Pulse::new(Traffic::default());
        pulse.open();
        pulse
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_path_is_noticed_within_two_intervals() {
        let start = Instant::now();
        pulse().lost_by(Wake::by(clock)).await;
        assert_eq!(start.elapsed(), 2 * PING_INTERVAL);
    }

    #[tokio::test(start_paused = true)]
    async fn after_sleep_it_is_noticed_at_once() {
        let (start, pulse) = (Instant::now(), pulse());
        let lost = pulse.lost_by(Wake::by(clock));
        tokio::pin!(lost);
        let early = tokio::time::timeout(Duration::from_millis(1500), &mut lost).await;
        assert!(early.is_err());
        fall_asleep(Duration::from_secs(30 * 60));
        tokio::select! {
            biased;
            _ = &mut lost => {}
            () = async { pulse.ping_now.notified().await; std::future::pending().await } => {}
        }
        assert_eq!(start.elapsed().as_secs(), 2 + PROBE_LIMIT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_before_the_sleep_is_no_sign_of_life() {
        let (start, pulse) = (Instant::now(), pulse());
        let mut lost = Box::pin(pulse.lost_by(Wake::by(clock)));
        let after = async |lost: &mut _, millis| {
            let wait = tokio::time::timeout(Duration::from_millis(millis), lost).await;
            wait.is_ok()
        };
        assert!(!after(&mut lost, 1500).await);
        fall_asleep(Duration::from_secs(30 * 60));
        assert!(!after(&mut lost, 1000).await);
        // It is read only now.
        pulse.traffic.note_received(1);
        assert!(after(&mut lost, 10_000).await);
        assert_eq!(start.elapsed().as_secs(), 2 + PROBE_LIMIT.as_secs());

        let mut lost = Box::pin(pulse.lost_by(Wake::by(clock)));
        fall_asleep(Duration::from_secs(30 * 60));
        // The answer to the second ping.
        assert!(!after(&mut lost, 2500).await);
        pulse.traffic.note_received(1);
        assert!(!after(&mut lost, 10_000).await);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_of_a_large_message_are_a_sign_of_life() {
        let pulse = pulse();
        let mut lost = Box::pin(pulse.lost_by(Wake::by(clock)));
        for _ in 0..10 {
            let wait = tokio::time::timeout(SILENCE_LIMIT / 2, &mut lost).await;
            assert!(wait.is_err());
            pulse.traffic.note_received(1);
        }
        assert!(tokio::time::timeout(2 * SILENCE_LIMIT, lost).await.is_ok());
    }
}
