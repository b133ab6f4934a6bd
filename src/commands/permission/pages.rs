//! A long request, a page at a time.

use unicode_width::UnicodeWidthChar;

use crate::output;

/// What a line begins with that goes on from the one before.
const CONTINUED: &str = "    | ";
/// Fewest cells of a line, and fewest lines of a page.
const LEAST: (usize, usize) = (20, 5);
/// Lines of the screen that are not for the page: what was there, and the question.
const AROUND: usize = 6;
/// The screen of a terminal that does not tell its size.
const USUAL: (usize, usize) = (80, 24);

/// Lines that are safe for a terminal and fit its width, and how many of them were shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::commands) struct Pages {
    lines: Vec<String>,
    shown: usize,
    page: usize,
}

impl Pages {
    /// Cuts lines for this terminal.
    pub(in crate::commands) fn of_terminal(lines: &[String]) -> Self {
        Self::new(lines, output::terminal_size().unwrap_or(USUAL))
    }

    /// Cuts lines for a screen of so many columns and rows.
    pub(in crate::commands) fn new(lines: &[String], (cols, rows): (usize, usize)) -> Self {
        Self {
            lines: wrapped(lines, cols),
            shown: 0,
            page: rows.saturating_sub(AROUND).max(LEAST.1),
        }
    }

    /// Returns the next page, which counts as shown then.
    pub(in crate::commands) fn next(&mut self) -> &[String] {
        let from = self.shown;
        self.shown = (from + self.page).min(self.lines.len());
        // One line more would only be a page of its own.
        if self.lines.len() - self.shown == 1 {
            self.shown += 1;
        }
        &self.lines[from..self.shown]
    }

    /// Returns how many lines were not shown yet.
    pub(in crate::commands) fn left(&self) -> usize {
        self.lines.len() - self.shown
    }
}

/// Cuts lines into pieces of at most so many cells, safe for a terminal.
pub(in crate::commands) fn wrapped(lines: &[String], cols: usize) -> Vec<String> {
    let cols = cols.max(LEAST.0);
    lines.iter().flat_map(|line| pieces(line, cols)).collect()
}

fn pieces(line: &str, cols: usize) -> Vec<String> {
    let line = output::safe_line(line, true);
    let (mut pieces, mut piece, mut width) = (Vec::new(), String::new(), 0);
    for c in line.chars() {
        let cells = c.width().unwrap_or(0);
        if width + cells > cols {
            pieces.push(std::mem::replace(&mut piece, CONTINUED.to_owned()));
            width = CONTINUED.len();
        }
        piece.push(c);
        width += cells;
    }
    pieces.push(piece);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_out() {
        let lines: Vec<String> = (0..40)
            .map(|n| format!("{n:03} {}", "x".repeat(50)))
            .collect();
        let mut pages = Pages::new(&lines, (30, 16));
        let mut shown = Vec::new();
        while pages.left() > 0 {
            let page = pages.next();
            assert!(!page.is_empty() && page.len() <= 11);
            shown.extend(page.iter().map(|line| line.replace(CONTINUED, "")));
        }
        assert_eq!(shown.concat(), lines.concat());
        assert!(shown.iter().all(|line| line.len() <= 30));
    }

    #[test]
    fn a_short_one_is_one_page() {
        let mut pages = Pages::new(&["a".to_owned(), "b\u{1b}".to_owned()], (80, 24));
        assert_eq!(pages.next(), ["a", "b\\u{1b}"]);
        assert_eq!(pages.left(), 0);
        assert!(pages.next().is_empty());
    }
}
