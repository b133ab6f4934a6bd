//! What a terminal shows, kept so that it can be shown again; and the answers that programs expect of a
//! terminal.

use std::num::NonZeroU16;

use vt100::{Callbacks, Color, Parser};

use crate::protocol::screen::{Cell, Cursor, Screen as Shown};
use crate::protocol::terminals::Size;

/// Lines that are kept above the screen.
const SCROLLBACK: usize = 1000;
/// Largest terminal; what clients ask for beyond it is cut. A snapshot of it fits into one message.
const MAX: Size = Size {
    rows: 300,
    cols: 500,
};
/// Longest title, in bytes.
const MAX_TITLE: usize = 256;

/// A screen with its scrollback.
pub(super) struct Screen(Parser<Notes>);

/// What programs ask and tell.
#[derive(Debug, Default)]
struct Notes {
    answers: Vec<u8>,
    title: Option<String>,
}

impl Screen {
    /// Makes an empty one.
    pub(super) fn new(size: Size) -> Self {
        let (rows, cols) = cells(size);
        Self(Parser::new_with_callbacks(
            rows,
            cols,
            SCROLLBACK,
            Notes::default(),
        ))
    }

    /// Takes what a program wrote, and returns what it is to be answered.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.0.process(bytes);
        std::mem::take(&mut self.0.callbacks_mut().answers)
    }

    /// The size.
    pub(super) fn size(&self) -> Size {
        let (rows, cols) = self.0.screen().size();
        Size {
            rows: rows.get(),
            cols: cols.get(),
        }
    }

    /// Changes the size, and returns what it became.
    pub(super) fn resize(&mut self, size: Size) -> Size {
        let (rows, cols) = cells(size);
        self.0.set_size(rows, cols);
        self.size()
    }

    /// What the program calls itself.
    pub(super) fn title(&self) -> Option<&str> {
        self.0.callbacks().title.as_deref()
    }

    /// Returns lines of the scrollback and the screen, counted together, from `start` to `end`, and how many
    /// there are. Negative ones count from the end; without any, the lines of the screen.
    pub(super) fn capture(
        &mut self,
        start: Option<i64>,
        end: Option<i64>,
        ansi: bool,
    ) -> (Vec<String>, u64) {
        let above = self.above();
        let total = above + usize::from(self.size().rows);
        let line = |asked: Option<i64>, usual: usize| match asked {
            None => usual,
            Some(line @ 0..) => usize::try_from(line).unwrap_or(usize::MAX),
            Some(line) => {
                let back = usize::try_from(line.unsigned_abs()).unwrap_or(usize::MAX);
                total.saturating_sub(back)
            }
        };
        let last = line(end, total - 1).min(total - 1);
        let lines = self.lines(line(start, above), last, ansi);
        (lines, total as u64)
    }

    /// Returns the bytes that rebuild the screen on an empty one of the same size, with so many lines above.
    pub(super) fn restore(&mut self, scrollback: usize) -> Vec<u8> {
        let above = self.above();
        let first = above.saturating_sub(scrollback);
        let last = above + usize::from(self.size().rows) - 1;
        let lines = self.lines(first, last, true);
        let screen = self.0.screen();
        let mut text = String::new();
        if screen.alternate_screen() {
            text.push_str("\x1b[?1049h\x1b[H");
        }
        text.push_str("\x1b[?7l");
        text.push_str(&lines.join("\x1b[m\r\n"));
        text.push_str("\x1b[?7h");
        text.push_str(&screen.input_mode_formatted());
        let (row, col) = screen.cursor_position();
        text.push_str(&format!("\x1b[{};{}H", row + 1, col + 1));
        text.push_str(match screen.hide_cursor() {
            true => "\x1b[?25l",
            false => "\x1b[?25h",
        });
        text.push_str(&screen.attributes_formatted());
        text.into_bytes()
    }

    /// Returns the screen cell by cell.
    pub(super) fn shown(&self) -> Shown<'_> {
        let screen = self.0.screen();
        let size = self.size();
        let (row, col) = screen.cursor_position();
        let line =
            |row| (0..size.cols).map(move |col| screen.cell(row, col).map_or_else(blank, cell));
        Shown {
            rows: size.rows.into(),
            cols: size.cols.into(),
            grid: (0..size.rows).map(|row| line(row).collect()).collect(),
            scrollback: Vec::new(),
            cursor: Cursor {
                row: row.into(),
                col: col.into(),
                hidden: screen.hide_cursor(),
                style: None,
                blink: None,
            },
            title: self.title().map(Into::into),
        }
    }

    fn above(&self) -> usize {
        self.0.screen().scrollback_len()
    }

    /// Lines by their numbers, last one included.
    fn lines(&mut self, first: usize, last: usize, ansi: bool) -> Vec<String> {
        let above = self.above();
        let Size { rows, cols } = self.size();
        let screen = self.0.screen_mut();
        let mut lines = Vec::new();
        let mut next = first;
        // The library shows as many lines at once as the screen has.
        while next <= last {
            let offset = above.saturating_sub(next);
            screen.set_scrollback(offset);
            let hidden = next - (above - offset);
            let take = (usize::from(rows) - hidden).min(last - next + 1);
            match ansi {
                true => lines.extend(screen.rows_formatted(0, cols).skip(hidden).take(take)),
                false => lines.extend(screen.rows(0, cols).skip(hidden).take(take)),
            }
            next += take.max(1);
        }
        screen.set_scrollback(0);
        lines
    }
}

fn cells(size: Size) -> (NonZeroU16, NonZeroU16) {
    let side = |asked: u16, most: u16| NonZeroU16::new(asked.min(most)).unwrap_or(NonZeroU16::MIN);
    (side(size.rows, MAX.rows), side(size.cols, MAX.cols))
}

fn blank<'a>() -> Cell<'a> {
    Cell {
        char: " ".into(),
        ..Cell::default()
    }
}

fn cell(cell: &vt100::Cell) -> Cell<'_> {
    let (fg_mode, fg) = color(cell.fgcolor());
    let (bg_mode, bg) = color(cell.bgcolor());
    Cell {
        char: match cell.contents() {
            "" if !cell.is_wide_continuation() => " ".into(),
            contents => contents.into(),
        },
        fg,
        bg,
        fg_mode,
        bg_mode,
        bold: cell.bold(),
        italic: cell.italic(),
        underline: cell.underline(),
        dim: cell.dim(),
        inverse: cell.inverse(),
        strikethrough: false,
    }
}

fn color(color: Color) -> (Option<u8>, Option<u32>) {
    match color {
        Color::Default => (None, None),
        Color::Idx(index @ 0..=15) => (Some(1), Some(index.into())),
        Color::Idx(index) => (Some(2), Some(index.into())),
        Color::Rgb(red, green, blue) => (Some(3), Some(u32::from_be_bytes([0, red, green, blue]))),
    }
}

/// The questions that clients leave to the daemon (`docs/protocol.md`, "Terminals").
impl Callbacks for Notes {
    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        let title = String::from_utf8_lossy(&title[..title.len().min(MAX_TITLE)]);
        let title: String = title.chars().filter(|c| !c.is_control()).collect();
        self.title = Some(title).filter(|title| !title.trim().is_empty());
    }

    fn unhandled_csi(
        &mut self,
        screen: &mut vt100::Screen,
        first: Option<u8>,
        _: Option<u8>,
        params: &[&[u16]],
        last: char,
    ) {
        let param = params.first().and_then(|param| param.first()).copied();
        let (row, col) = screen.cursor_position();
        let place = format!("{};{}R", row + 1, col + 1);
        match (first, last, param.unwrap_or(0)) {
            (None, 'c', 0) => self.answers.extend(b"\x1b[?62;22c"),
            (None, 'n', 5) => self.answers.extend(b"\x1b[0n"),
            (None, 'n', 6) => self.answers.extend(format!("\x1b[{place}").bytes()),
            (Some(b'?'), 'n', 6) => self.answers.extend(format!("\x1b[?{place}").bytes()),
            _ => {}
        }
    }

    fn unhandled_osc(&mut self, _: &mut vt100::Screen, params: &[&[u8]]) {
        // Nobody knows the colours of the terminals that will show it: light on dark, as most are.
        let answer = match params {
            [b"10" | b"12", b"?"] => "ffff/ffff/ffff",
            [b"11", b"?"] => "0000/0000/0000",
            _ => return,
        };
        let number = String::from_utf8_lossy(params[0]);
        self.answers
            .extend(format!("\x1b]{number};rgb:{answer}\x1b\\").bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn screen(text: &str) -> Screen {
        let mut screen = Screen::new(Size { rows: 3, cols: 10 });
        screen.take(text.as_bytes());
        screen
    }

    fn numbers(count: u32) -> String {
        let lines: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        lines.join("\r\n")
    }

    #[test]
    fn lines_are_counted_with_those_above() {
        let mut screen = screen(&numbers(10));
        let mut capture = |start, end| screen.capture(start, end, false).0.join(",");
        assert_eq!(capture(None, None), "7,8,9");
        assert_eq!(capture(Some(0), None), "0,1,2,3,4,5,6,7,8,9");
        assert_eq!(capture(Some(2), Some(4)), "2,3,4");
        assert_eq!(capture(Some(-2), None), "8,9");
        assert_eq!(capture(Some(-2), Some(-2)), "8");
        assert_eq!(capture(Some(50), None), "");
        assert_eq!(capture(Some(5), Some(2)), "");
        assert_eq!(capture(Some(i64::MIN), Some(0)), "0");
        assert_eq!(screen.capture(None, None, false).1, 10);
    }

    #[test]
    fn the_scrollback_has_an_end() {
        let mut screen = screen(&numbers(5000));
        let (lines, total) = screen.capture(Some(0), None, false);
        assert_eq!(
            (lines.len(), total),
            (SCROLLBACK + 3, SCROLLBACK as u64 + 3)
        );
        assert_eq!(lines[0], (5000 - 3 - SCROLLBACK).to_string());
    }

    #[test]
    fn programs_are_answered() {
        let mut screen = screen("ab\r\nc");
        assert_eq!(
            screen.take(b"\x1b[6n\x1b[?6n\x1b[5n"),
            b"\x1b[2;2R\x1b[?2;2R\x1b[0n"
        );
        assert_eq!(
            screen.take(b"\x1b[c\x1b[0c\x1b[>c"),
            b"\x1b[?62;22c\x1b[?62;22c"
        );
        assert_eq!(
            screen.take(b"\x1b]11;?\x07"),
            b"\x1b]11;rgb:0000/0000/0000\x1b\\"
        );
        screen.take(b"\x1b]2;my \x01title\x07");
        assert_eq!(screen.title(), Some("my title"));
    }

    #[test]
    fn cells_have_their_official_form() {
        let screen = screen("\x1b[1;31ma\x1b[0m宽\x1b[38;2;1;2;3mx");
        let shown = screen.shown();
        let first = &shown.grid[0][0];
        assert_eq!(
            (first.char.as_ref(), first.bold, first.fg_mode, first.fg),
            ("a", true, Some(1), Some(1))
        );
        assert_eq!(
            (
                shown.grid[0][1].char.as_ref(),
                shown.grid[0][2].char.as_ref()
            ),
            ("宽", "")
        );
        assert_eq!(shown.grid[0][3].fg, Some(0x01_0203));
        assert_eq!((shown.cursor.row, shown.cursor.col), (0, 4));
    }

    #[test]
    fn sizes_are_bounded() {
        let mut screen = screen("");
        assert_eq!(
            screen.resize(Size {
                rows: 0,
                cols: u16::MAX
            }),
            Size {
                rows: 1,
                cols: MAX.cols
            }
        );
    }

    proptest! {
        /// What a restore rebuilds is what was there.
        #[test]
        fn a_restore_shows_the_same(text in "([a-z宽 ]|\r\n|\x1b\\[(3[0-7]|1|7|0)m|\x1b\\[[1-4];[1-9]H|\x1b\\[\\?1049[hl]|\x1b\\[\\?1h){0,40}") {
            let mut before = screen(&text);
            let mut after = screen("");
            after.take(&before.restore(0));
            prop_assert_eq!(before.shown().grid, after.shown().grid);
            let mode = |screen: &Screen| (screen.0.screen().alternate_screen(), screen.0.screen().application_cursor());
            prop_assert_eq!(mode(&before), mode(&after));
        }

        #[test]
        fn any_bytes_are_taken(pieces in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..200), 0..600u16, 0..600u16), 0..6)) {
            let mut screen = screen("");
            for (bytes, rows, cols) in pieces {
                screen.take(&bytes);
                screen.resize(Size { rows, cols });
                screen.restore(5);
                screen.capture(Some(0), None, true);
                screen.shown();
            }
        }
    }
}
