//! Some lines at the end of the terminal that is stdout, painted over and over.

use std::fmt::Write;

use super::{Settings, safe_line, terminal_rows, write_stdout};

/// A terminal that does not tell its height has this many lines.
const USUAL_ROWS: usize = 24;

/// The lines. Dropping it clears them.
#[derive(Debug)]
pub struct Region {
    lines: usize,
}

impl Region {
    /// Returns it, if stdout is a terminal that can move its cursor.
    pub fn on_terminal(settings: &Settings) -> Option<Self> {
        (settings.terminal && settings.moves).then_some(Self { lines: 0 })
    }

    /// Paints lines that are safe for the terminal, as many as fit, and a status below them.
    pub fn show(&mut self, text: &str, status: &str) {
        let fit = terminal_rows().unwrap_or(USUAL_ROWS).saturating_sub(2);
        let mut paint = self.clearing();
        // Lines are cut at the edge, so that each takes one. At no time is the terminal left like that.
        paint.push_str("\u{1b}[?7l");
        let shown = text.lines().take(fit);
        self.lines = shown.clone().count() + 1;
        for line in shown {
            let _ = write!(paint, "{line}\r\n");
        }
        let left = text.lines().count().saturating_sub(fit);
        if left > 0 {
            let _ = write!(paint, "{left} more lines; ");
        }
        let _ = write!(paint, "{}\u{1b}[?7h\r\n", safe_line(status, true));
        let _ = write_stdout(&paint);
    }

    fn clearing(&self) -> String {
        match self.lines {
            0 => String::new(),
            lines => format!("\r\u{1b}[{lines}A\u{1b}[J"),
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // Nothing can be done when that fails.
        let _ = write_stdout(&self.clearing());
    }
}
