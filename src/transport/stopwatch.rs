//! How long each step of a connection took, for whoever asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Takes notes when it runs; the usual one does not. Clones share their notes.
#[derive(Debug, Clone, Default)]
pub struct Stopwatch(Option<Arc<Mutex<Vec<Lap>>>>);

/// A step and the time it took.
pub type Lap = (&'static str, Duration);

impl Stopwatch {
    /// Makes one that runs.
    pub fn running() -> Self {
        Self(Some(Arc::default()))
    }

    /// Notes a step, and tells of it with `-v`.
    pub fn note(&self, hop: &'static str, took: Duration) {
        tracing::info!(hop, ms = millis(took), "done");
        if let Some(laps) = &self.0 {
            let mut laps = laps.lock().unwrap_or_else(PoisonError::into_inner);
            laps.push((hop, took));
        }
    }

    /// Takes the notes.
    pub fn take(&self) -> Vec<Lap> {
        let laps = self.0.as_ref();
        laps.map(|laps| std::mem::take(&mut *laps.lock().unwrap_or_else(PoisonError::into_inner)))
            .unwrap_or_default()
    }
}

/// Milliseconds with one decimal.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}
