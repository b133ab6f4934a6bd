//! Numbers to watch, as Prometheus text. The names are the Elixir relay's where it has them.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::refusal::Refusal;
use crate::protocol::relay::Close;

/// Counters since the start.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    frames: AtomicU64,
    bytes: AtomicU64,
    displaced: AtomicU64,
    refusals: [AtomicU64; Refusal::LABELS.len()],
    closes: [AtomicU64; CLOSES.len()],
    /// One slot per bucket and one for what is slower than all.
    latency: [AtomicU64; BUCKETS.len() + 1],
    latency_micros: AtomicU64,
}

/// One frame in so many is timed: reading the clock for each would cost as much as forwarding it.
const TIMED_EVERY: u64 = 64;

/// Upper ends of the latency histogram: in microseconds, and as its label in seconds.
const BUCKETS: [(u64, &str); 12] = [
    (50, "0.00005"),
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (1_000_000, "1"),
    (10_000_000, "10"),
];

/// Labels of the relay's own closes.
const CLOSES: [&str; 13] = [
    "replaced",
    "client_gone",
    "server_gone",
    "control_unresponsive",
    "control_send_failed",
    "too_large",
    "bad_protocol",
    "bad_text",
    "too_slow",
    "held_too_much",
    "silent",
    "overloaded",
    "restart",
];

fn close_index(why: Close) -> usize {
    match why {
        Close::Replaced => 0,
        Close::ClientGone => 1,
        Close::ServerGone => 2,
        Close::ControlUnresponsive => 3,
        Close::ControlSendFailed => 4,
        Close::TooLarge { .. } => 5,
        Close::BadProtocol => 6,
        Close::BadText => 7,
        Close::TooSlow => 8,
        Close::HeldTooMuch => 9,
        Close::Silent => 10,
        Close::Overloaded => 11,
        Close::Restart => 12,
    }
}

/// What is counted elsewhere, at this moment.
#[derive(Debug)]
pub(super) struct Gauges {
    pub(super) draining: bool,
    pub(super) sockets: usize,
    pub(super) sessions: usize,
    pub(super) queued_bytes: usize,
    pub(super) held_bytes: usize,
}

/// A node's place in its cluster, at this moment.
#[derive(Debug)]
pub(super) struct ClusterGauges {
    pub(super) connected: bool,
    /// Sockets on their way between this node and others, in both directions.
    pub(super) streams: usize,
    /// Sessions that other nodes find here.
    pub(super) sessions: usize,
}

impl Metrics {
    /// Counts a frame that was passed on; returns whether its way is to be timed.
    pub(super) fn forwarded(&self, bytes: usize) -> bool {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.frames
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(TIMED_EVERY)
    }

    /// Notes the time from a frame's arrival until the kernel took it.
    pub(super) fn took(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let slot = BUCKETS.partition_point(|(limit, _)| *limit < micros);
        self.latency[slot].fetch_add(1, Ordering::Relaxed);
        self.latency_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Counts a frame for an absent daemon that was dropped for a newer one.
    pub(super) fn displaced(&self) {
        self.displaced.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a connection that never became a socket.
    pub(super) fn refused(&self, why: Refusal) {
        for (label, counter) in Refusal::LABELS.iter().zip(&self.refusals) {
            counter.fetch_add(u64::from(*label == why.label()), Ordering::Relaxed);
        }
    }

    /// Counts a socket that the relay closed.
    pub(super) fn closed(&self, why: Close) {
        self.closes[close_index(why)].fetch_add(1, Ordering::Relaxed);
    }

    /// Writes everything in the text format of Prometheus, version 0.0.4.
    pub(super) fn render(&self, gauges: &Gauges, cluster: Option<&ClusterGauges>) -> String {
        let mut text = Text::default();
        let ready = usize::from(!gauges.draining);
        text.one("ready", "gauge", "Whether new sockets are taken.", ready);
        let draining = usize::from(gauges.draining);
        text.one("draining", "gauge", "Whether the relay stops.", draining);
        text.one(
            "active_websockets",
            "gauge",
            "Open sockets.",
            gauges.sockets,
        );
        text.one(
            "active_sessions",
            "gauge",
            "Daemons with a socket or a client.",
            gauges.sessions,
        );
        text.one(
            "queued_bytes",
            "gauge",
            "Bytes that wait in queues.",
            gauges.queued_bytes,
        );
        text.one(
            "held_bytes",
            "gauge",
            "Those of them that are held for absent daemons.",
            gauges.held_bytes,
        );
        if let Some(cluster) = cluster {
            let connected = usize::from(cluster.connected);
            text.one(
                "cluster_connected",
                "gauge",
                "Whether NATS is there.",
                connected,
            );
            text.one(
                "cluster_streams",
                "gauge",
                "Sockets carried between this node and others.",
                cluster.streams,
            );
            text.one(
                "cluster_sessions",
                "gauge",
                "Sessions that other nodes find here.",
                cluster.sessions,
            );
        }
        let frames = self.frames.load(Ordering::Relaxed);
        text.one(
            "frames_forwarded_total",
            "counter",
            "Frames passed on.",
            frames,
        );
        let bytes = self.bytes.load(Ordering::Relaxed);
        text.one(
            "bytes_forwarded_total",
            "counter",
            "Payload bytes passed on.",
            bytes,
        );
        text.one(
            "held_frames_dropped_total",
            "counter",
            "Frames for an absent daemon, dropped for newer ones.",
            self.displaced.load(Ordering::Relaxed),
        );
        text.many(
            "connection_rejections_total",
            "Connections that never became a socket.",
            Refusal::LABELS.into_iter().zip(&self.refusals),
        );
        text.many(
            "closes_total",
            "Sockets that the relay closed.",
            CLOSES.into_iter().zip(&self.closes),
        );
        text.histogram(
            "forward_seconds",
            "Time from a frame's arrival until the kernel took it, of one frame in 64.",
            &self.latency,
            self.latency_micros.load(Ordering::Relaxed),
        );
        text.0
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = write!(
            self.0,
            "# HELP paseo_relay_{name} {help}\n# TYPE paseo_relay_{name} {kind}\n"
        );
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        let _ = writeln!(self.0, "paseo_relay_{name} {value}");
    }

    fn many<'a>(
        &mut self,
        name: &str,
        help: &str,
        values: impl Iterator<Item = (&'static str, &'a AtomicU64)>,
    ) {
        self.head(name, "counter", help);
        for (reason, value) in values {
            let value = value.load(Ordering::Relaxed);
            let _ = writeln!(self.0, "paseo_relay_{name}{{reason=\"{reason}\"}} {value}");
        }
    }

    fn histogram(&mut self, name: &str, help: &str, slots: &[AtomicU64], sum_micros: u64) {
        self.head(name, "histogram", help);
        let labels = BUCKETS.iter().map(|(_, label)| *label).chain(["+Inf"]);
        let mut count = 0;
        for (label, slot) in labels.zip(slots) {
            count += slot.load(Ordering::Relaxed);
            let _ = writeln!(
                self.0,
                "paseo_relay_{name}_bucket{{le=\"{label}\"}} {count}"
            );
        }
        let sum = Duration::from_micros(sum_micros).as_secs_f64();
        let _ = writeln!(
            self.0,
            "paseo_relay_{name}_sum {sum}\npaseo_relay_{name}_count {count}"
        );
    }
}
