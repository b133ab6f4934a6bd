//! A screen of another machine, painted on this one.

use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

use crate::protocol::screen::{Cell, CursorStyle, Screen};

/// Returns what moves everything that is shown out of the way, into the terminal's own scrollback.
pub fn scroll_away(rows: u16) -> String {
    "\r\n".repeat(rows.into()) + erase()
}

/// Returns what empties the screen, without a word of what is set.
pub fn erase() -> &'static str {
    "\x1b[m\x1b[r\x1b[H\x1b[J"
}

/// Returns the text that shows a screen on an empty one. What does not belong in a cell is left out, so that
/// cells can do nothing but be shown.
pub fn paint(screen: &Screen<'_>) -> String {
    let mut text = String::from("\x1b[?7l");
    for (row, cells) in screen.grid.iter().enumerate() {
        let shown = cells.iter().rposition(|cell| !cell.is_blank());
        let cells = &cells[..shown.map_or(0, |last| last + 1)];
        if cells.is_empty() {
            continue;
        }
        put(&mut text, format_args!("\x1b[{};1H", row + 1));
        let mut style = None;
        let mut covered = false;
        for cell in cells {
            // The second half of a wide character: empty, but a space in official snapshots.
            if std::mem::take(&mut covered) && matches!(cell.char.as_ref(), "" | " ") {
                continue;
            }
            covered = cell.char.width() > 1;
            if style != Some(cell.style()) {
                style = Some(cell.style());
                sgr(&mut text, cell);
            }
            let mut shown = cell.char.chars().filter(|c| !c.is_control()).peekable();
            match shown.peek() {
                Some(_) => text.extend(shown),
                None => text.push(' '),
            }
        }
        text.push_str("\x1b[m");
    }
    let cursor = &screen.cursor;
    if let Some(style) = cursor.style {
        let number = match style {
            CursorStyle::Block => 1,
            CursorStyle::Underline => 3,
            CursorStyle::Bar => 5,
        };
        let steady = u8::from(cursor.blink == Some(false));
        put(&mut text, format_args!("\x1b[{} q", number + steady));
    }
    let (row, col) = (cursor.row.saturating_add(1), cursor.col.saturating_add(1));
    put(&mut text, format_args!("\x1b[?7h\x1b[{row};{col}H"));
    text.push_str(if cursor.hidden {
        "\x1b[?25l"
    } else {
        "\x1b[?25h"
    });
    text
}

fn sgr(text: &mut String, cell: &Cell<'_>) {
    text.push_str("\x1b[0");
    let attributes = [
        (cell.bold, 1),
        (cell.dim, 2),
        (cell.italic, 3),
        (cell.underline, 4),
        (cell.inverse, 7),
        (cell.strikethrough, 9),
    ];
    for (_, number) in attributes.into_iter().filter(|(set, _)| *set) {
        put(text, format_args!(";{number}"));
    }
    color(text, cell.fg_mode, cell.fg, 30);
    color(text, cell.bg_mode, cell.bg, 40);
    text.push('m');
}

/// `first` is the number of the first of the eight colours: 30 in front, 40 behind.
fn color(text: &mut String, mode: Option<u8>, value: Option<u32>, first: u32) {
    let (Some(mode), Some(value)) = (mode, value) else {
        return;
    };
    match (mode, value) {
        (1, 0..=7) => put(text, format_args!(";{}", first + value)),
        (1, 8..=15) => put(text, format_args!(";{}", first + 52 + value)),
        (2, 0..=255) => put(text, format_args!(";{};5;{value}", first + 8)),
        (3, _) => {
            let [_, red, green, blue] = value.to_be_bytes();
            put(text, format_args!(";{};2;{red};{green};{blue}", first + 8));
        }
        _ => {}
    }
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what)
        .expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(json: &str) -> String {
        paint(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn cells_have_their_colours() {
        let text = painted(
            r#"{"rows":2,"cols":4,"grid":[[{"char":"a","bold":true,"fg":9,"fgMode":1},{"char":"b","bg":4,"bgMode":1},
            {"char":" "}],[{"char":"c","fg":200,"fgMode":2,"bg":66051,"bgMode":3}]],"scrollback":[],
            "cursor":{"row":1,"col":2,"hidden":true,"style":"bar","blink":false}}"#,
        );
        assert_eq!(
            text,
            "\x1b[?7l\x1b[1;1H\x1b[0;1;91ma\x1b[0;44mb\x1b[m\x1b[2;1H\x1b[0;38;5;200;48;2;1;2;3mc\x1b[m\
             \x1b[6 q\x1b[?7h\x1b[2;3H\x1b[?25l"
        );
    }

    #[test]
    fn a_cell_can_only_be_shown() {
        let text = painted(
            r#"{"rows":1,"cols":3,"grid":[[{"char":"\u001b"},{"char":"宽"},{"char":" "},{"char":"\n"},
            {"char":"x"}]],"scrollback":[],"cursor":{"row":0,"col":0}}"#,
        );
        assert!(text.contains("\x1b[0m 宽 x\x1b[m"), "{text:?}");
    }

    #[test]
    fn what_was_there_is_moved_away() {
        assert_eq!(scroll_away(2), "\r\n\r\n\x1b[m\x1b[r\x1b[H\x1b[J");
    }
}
