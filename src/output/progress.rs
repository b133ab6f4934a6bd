//! One line on the terminal that is stderr, about what is waited for. It is gone when the wait is over.

use std::io::{IsTerminal, Write};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

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

impl Progress {
    /// Shows a text that grows: its end, behind words that stay.
    pub fn show_end(&mut self, before: &str, text: &str) {
        let (before, text) = (safe_line(before, true), safe_line(text, true));
        let room = columns().saturating_sub(1 + before.width());
        self.show(&format!("{before}{}", ending(&text, room)));
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

/// Returns the end of a line that takes at most so many cells, with a mark where the rest was.
fn ending(line: &str, columns: usize) -> String {
    if line.width() <= columns {
        return line.to_owned();
    }
    let reversed: String = line.chars().rev().collect();
    let end = fitting(&reversed, columns.saturating_sub(1));
    std::iter::once('…').chain(end.chars().rev()).collect()
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

    #[test]
    fn of_a_text_that_grows_the_end_is_shown() {
        for (line, columns, shown) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "…cd"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "…本語"),
            ("日本語", 4, "…語"),
            ("the end", 4, "…end"),
            ("", 0, ""),
            ("ab", 1, "…"),
            ("ab", 2, "ab"),
            ("one two three", 6, "…three"),
        ] {
            assert_eq!(ending(line, columns), shown);
        }
    }
}
