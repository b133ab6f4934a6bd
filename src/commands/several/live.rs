//! The table of several remotes while some have not answered yet.

use std::time::{Duration, Instant};

use crate::output::{self, Format, Output, Region, Settings};

/// Nobody wants to see a table change that is whole so soon.
const AT_FIRST: Duration = Duration::from_millis(250);
/// Most names of remotes that are told.
const NAMES: usize = 5;

/// The display. It is gone when this is dropped; the whole table comes in its place.
pub(super) struct Live {
    settings: Settings,
    region: Region,
    begin: Instant,
    /// How many had not answered when it was painted.
    shown: Option<usize>,
}

impl Live {
    /// Starts it, where somebody sees a table and the terminal can paint over one.
    pub(super) fn start(settings: &Settings) -> Option<Self> {
        let table = settings.format == Format::Table && !settings.quiet;
        let region = table.then(|| Region::on_terminal(settings)).flatten()?;
        Some(Self {
            settings: settings.clone(),
            region,
            begin: Instant::now(),
            shown: None,
        })
    }

    /// Paints the rows that are there, and who is waited for, when that has changed.
    pub(super) fn show(&mut self, rows: impl FnOnce() -> Output, waiting: &[String], of: usize) {
        if waiting.is_empty()
            || self.shown == Some(waiting.len())
            || self.begin.elapsed() < AT_FIRST
        {
            return;
        }
        self.shown = Some(waiting.len());
        let names = waiting.iter().take(NAMES).cloned().collect::<Vec<_>>();
        let more = match waiting.len() > NAMES {
            true => ", …",
            false => "",
        };
        let status = format!(
            "waiting for {} of {of}: {}{more}",
            waiting.len(),
            names.join(", ")
        );
        self.region
            .show(&output::render(&rows(), &self.settings), &status);
    }
}
