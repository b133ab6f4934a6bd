//! One line on the terminal that is stderr, about what is waited for. It is gone when the wait is over.

use std::io::{IsTerminal, Write};

use unicode_width::UnicodeWidthChar;

use super::safe_line;

/// Back to the first column, and what stood there is gone.
const CLEAR: &str = "\r\u{1b}[2K";

/// Width of a terminal that does not tell its own.
const USUAL_COLUMNS: usize = 80;

/// The line. Dropping it clears it.
#[derive(Debug)]
pub struct Progress {
    shown: String,
}

impl Progress {
    /// Returns the line, if stderr is a terminal that can clear one; `term` is its kind.
    pub fn on_terminal(term: Option<&str>) -> Option<Self> {
        let can = std::io::stderr().is_terminal() && term.is_some_and(|term| term != "dumb");
        can.then(|| Self {
            shown: String::new(),
        })
    }

    /// Shows a text instead of the last one, as much of it as fits.
    pub fn show(&mut self, text: &str) {
        // The last column would make some terminals begin a new line.
        let text = fitting(&safe_line(text, true), columns().saturating_sub(1));
        if text != self.shown {
            write(&format!("{CLEAR}{text}"));
            self.shown = text;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if !self.shown.is_empty() {
            write(CLEAR);
        }
    }
}

/// Returns the beginning of a line that takes at most so many cells.
fn fitting(line: &str, columns: usize) -> String {
    let mut left = columns;
    let fits = |c: &char| {
        let width = c.width().unwrap_or(0);
        let fits = width <= left;
        left = left.saturating_sub(width);
        fits
    };
    line.chars().take_while(fits).collect()
}

fn columns() -> usize {
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stderr())
        && size.ws_col > 0
    {
        return usize::from(size.ws_col);
    }
    USUAL_COLUMNS
}

fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // Nothing can be done when that fails.
    let _ = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_by_cells() {
        assert_eq!(fitting("abc", 2), "ab");
        assert_eq!(fitting("日本", 3), "日");
        assert_eq!(fitting("", 0), "");
    }
}
