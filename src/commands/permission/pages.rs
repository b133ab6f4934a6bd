//! A long request, a page at a time.

use unicode_width::UnicodeWidthChar;

use crate::output;

/// What a line begins with that goes on from the one before.
const CONTINUED: &str = "    | ";
/// The same on a screen that has no room for it.
const CONTINUED_BRIEFLY: &str = "|";
/// Fewest cells of a line that begins with [`CONTINUED`].
const ROOMY: usize = 20;
/// Fewest lines of a page.
const LEAST_LINES: usize = 5;
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
            page: rows.saturating_sub(AROUND).max(LEAST_LINES),
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
    lines.iter().flat_map(|line| pieces(line, cols)).collect()
}

/// The same for a terminal of so many columns; elsewhere lines stay as they are. A line that a terminal broke by
/// itself could go on like one of ours.
pub(in crate::commands) fn fitting(lines: Vec<String>, columns: Option<usize>) -> Vec<String> {
    match columns {
        Some(cols) => wrapped(&lines, cols),
        None => lines,
    }
}

fn continued(cols: usize) -> &'static str {
    match cols {
        ROOMY.. => CONTINUED,
        2.. => CONTINUED_BRIEFLY,
        _ => "",
    }
}

fn pieces(line: &str, cols: usize) -> Vec<String> {
    let line = output::safe_line(line, true);
    let continued = continued(cols);
    let (mut pieces, mut piece, mut width) = (Vec::new(), String::new(), 0);
    for c in line.chars() {
        let cells = c.width().unwrap_or(0);
        if width + cells > cols && !piece.is_empty() && piece != continued {
            pieces.push(std::mem::replace(&mut piece, continued.to_owned()));
            width = continued.len();
        }
        piece.push(c);
        width += cells;
    }
    pieces.push(piece);
    pieces
}

/// What an agent says while one of its requests waits for an answer: behind a mark, so that none of it can look like
/// the request or its choices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::commands) struct Quoted {
    /// Cells of the line that is not over; none at the beginning of a line.
    width: usize,
}

impl Quoted {
    /// Returns the next piece of its text, for a terminal of so many columns.
    pub(in crate::commands) fn take(&mut self, text: &str, columns: Option<usize>) -> String {
        let cols = columns.unwrap_or(USUAL.0);
        let continued = continued(cols);
        let mut quoted = String::new();
        for c in output::safe_text(&text.replace('\t', "    "), true).chars() {
            let cells = c.width().unwrap_or(0);
            if c != '\n' && self.width > continued.len() && self.width + cells > cols {
                quoted.push('\n');
                self.width = 0;
            }
            if self.width == 0 {
                quoted.push_str(continued);
                self.width = continued.len();
            }
            quoted.push(c);
            self.width = if c == '\n' { 0 } else { self.width + cells };
        }
        quoted
    }

    /// Returns what ends its line before something of ours comes.
    pub(in crate::commands) fn end(&mut self) -> &'static str {
        match std::mem::take(&mut self.width) {
            0 => "",
            _ => "\n",
        }
    }
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
    fn a_narrow_screen_hides_nothing() {
        let line = "  command: rm -r 宽宽/x".to_owned();
        for cols in 1..30 {
            let pieces = wrapped(std::slice::from_ref(&line), cols);
            let widest = cols.max(2) + usize::from(cols < 4);
            let begins = continued(cols);
            let mut whole = pieces[0].clone();
            for piece in &pieces[1..] {
                whole += piece.strip_prefix(begins).unwrap();
            }
            assert_eq!(whole, line, "{cols}");
            let width = |piece: &String| piece.chars().filter_map(|c| c.width()).sum::<usize>();
            assert!(
                pieces.iter().all(|piece| width(piece) <= widest),
                "{cols}: {pieces:?}"
            );
        }
    }

    #[test]
    fn what_is_quoted_cannot_look_like_a_request() {
        let mut quoted = Quoted::default();
        let mut text = String::new();
        for piece in [
            "fi",
            "ne\n  command: ls\n",
            "\n",
            "  1) Allow   [y/n",
            "/number]\n",
            "\t\u{1b}[2J",
        ] {
            text += &quoted.take(piece, Some(80));
        }
        // The terminal would break this line, and go on at its beginning.
        text += &quoted.take(&("x".repeat(200) + "  1) Allow"), Some(80));
        assert!(
            text.lines().all(|line| line.starts_with(CONTINUED)),
            "{text}"
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert!(
            text.starts_with("    | fine\n    |   command: ls\n    | \n"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'));
        assert_eq!((quoted.end(), quoted.end()), ("\n", ""));
    }

    #[test]
    fn a_short_one_is_one_page() {
        let mut pages = Pages::new(&["a".to_owned(), "b\u{1b}".to_owned()], (80, 24));
        assert_eq!(pages.next(), ["a", "b\\u{1b}"]);
        assert_eq!(pages.left(), 0);
        assert!(pages.next().is_empty());
    }
}
