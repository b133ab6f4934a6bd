//! Tables, laid out as the official CLI does: two spaces between columns, widths by display cells.

use std::borrow::Cow;

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::fit::{self, GAP, fit};
use super::{Row, Settings, Table, safe_line, safe_text, styled};

/// Widest column. Where a cell is wider, the next one follows it, and no other line is padded for it.
const LONGEST: usize = 200;

/// Renders a table; no rows give no text, not even headers.
pub(super) fn render(table: &Table, settings: &Settings) -> String {
    if table.rows.is_empty() {
        return String::new();
    }
    let texts: Vec<Vec<String>> = table
        .rows
        .iter()
        .map(|row| {
            row.cells
                .iter()
                .map(|cell| match cell.lines {
                    true => safe_text(&cell.text, settings.terminal).into_owned(),
                    false => on_one_line(&cell.text, settings.terminal, LONGEST),
                })
                .collect()
        })
        .collect();
    let columns = shown(table, &texts, settings);
    let widths: Vec<usize> = columns.iter().map(|(_, width)| *width).collect();

    let mut out = String::new();
    if settings.headers {
        let bold = Style::new().bold();
        let headers = columns
            .iter()
            .map(|&(index, _)| (table.columns[index].0.into(), Some(bold)));
        push_line(&mut out, headers, &widths, settings.color);
    }
    for (row, texts) in table.rows.iter().zip(&texts) {
        let cells = columns.iter().filter_map(|&(index, width)| {
            let (cell, text) = (row.cells.get(index)?, texts.get(index)?.as_str());
            let text = match settings.columns {
                Some(_) if !cell.lines => fit::cut(text, table.columns[index].0, width).into(),
                // What begins below the row has been fitted already.
                Some(room) if !text.starts_with('\n') => {
                    let before = columns.iter().take_while(|column| column.0 != index);
                    let offset = before.map(|(_, width)| width + GAP).sum();
                    fit::wrap(text, offset, room).into()
                }
                _ => Cow::Borrowed(text),
            };
            let color = cell.color;
            Some((
                text,
                color.map(|color| Style::new().fg_color(Some(color.into()))),
            ))
        });
        push_line(&mut out, cells, &widths, settings.color);
    }
    out
}

/// Returns the columns that are shown, each with its index and its width: the official layout, unless the terminal is
/// narrower.
fn shown(table: &Table, texts: &[Vec<String>], settings: &Settings) -> Vec<(usize, usize)> {
    let mut natural = Vec::new();
    let mut official = Vec::new();
    for (index, column) in table.columns.iter().enumerate() {
        // Text of several lines has its own way to fit.
        let wide = |(row, cells): (&Row, &Vec<String>)| match row.cells.get(index)?.lines {
            true if settings.columns.is_some() => None,
            _ => Some(cells.get(index)?.width().min(LONGEST)),
        };
        let cells = table.rows.iter().zip(texts).filter_map(wide).max();
        let header = match settings.headers {
            true => column.0.width(),
            false => 0,
        };
        natural.push(header.max(cells.unwrap_or(0)));
        official.push(column.1.max(natural[index]));
    }
    let official_width = |last: usize| {
        let padded = official.iter().take(last).map(|width| width + GAP);
        padded.sum::<usize>() + natural[last]
    };
    match (settings.columns, natural.len().checked_sub(1)) {
        (Some(room), Some(last)) if official_width(last) > room => {
            fit(&table.columns, &natural, room)
        }
        _ => official.into_iter().enumerate().collect(),
    }
}

/// Returns the text of a cell: line breaks and tabs would end its line or its column, in a pipe as well. On a terminal
/// one that is too long is cut.
pub(super) fn on_one_line(text: &str, terminal: bool, longest: usize) -> String {
    let breaks = [
        '\n', '\r', '\t', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}',
    ];
    let text: Cow<'_, str> = match text.contains(breaks) {
        true => {
            let parts = text.split(breaks).filter(|part| !part.is_empty());
            parts.collect::<Vec<_>>().join(" ").into()
        }
        false => text.into(),
    };
    let safe = safe_line(&text, terminal);
    match terminal && safe.width() > longest {
        true => fit::cut(&safe, "", longest),
        false => safe.into_owned(),
    }
}

/// Adds a line, its trailing blanks left out: no reader wants them.
fn push_line<'a>(
    out: &mut String,
    cells: impl Iterator<Item = (Cow<'a, str>, Option<Style>)>,
    widths: &[usize],
    color: bool,
) {
    let mut blanks = 0;
    for ((text, style), width) in cells.zip(widths) {
        if !text.is_empty() {
            if !text.starts_with('\n') {
                out.extend(std::iter::repeat_n(' ', blanks));
            }
            blanks = 0;
            match style {
                Some(style) => out.push_str(&styled(&text, style, color)),
                None => out.push_str(&text),
            }
        }
        blanks += width.saturating_sub(text.width()) + GAP;
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use anstyle::AnsiColor;
    use serde_json::Value;

    use super::*;
    use crate::output::{Cell, Column, Format};

    fn settings() -> Settings {
        Settings {
            format: Format::Table,
            quiet: false,
            headers: true,
            terminal: true,
            ..Settings::default()
        }
    }

    fn table(cells: &[[&str; 2]]) -> Table {
        let row = |cells: &[&str; 2]| Row {
            id: String::new(),
            cells: cells.iter().map(|&c| c.into()).collect(),
            json: Value::Null,
        };
        Table {
            columns: vec![Column("ID", 4), Column("NAME", 0)],
            rows: cells.iter().map(row).collect(),
        }
    }

    #[test]
    fn columns_line_up_by_display_cells() {
        let text = render(
            &table(&[["a", "one"], ["日本語", "two"], ["", "x"]]),
            &settings(),
        );
        assert_eq!(text, "ID      NAME\na       one\n日本語  two\n        x\n");
    }

    #[test]
    fn no_rows_print_nothing() {
        assert_eq!(render(&table(&[]), &settings()), "");
    }

    #[test]
    fn colour_wraps_only_the_text() {
        let mut table = table(&[["a", "b"]]);
        table.rows[0].cells[0] = Cell::colored("a", AnsiColor::Green);
        let text = render(
            &table,
            &Settings {
                color: true,
                headers: false,
                ..settings()
            },
        );
        assert_eq!(text, "\u{1b}[32ma\u{1b}[0m     b\n");
    }

    #[test]
    fn a_row_is_one_line_whatever_its_cells_hold() {
        for terminal in [true, false] {
            let settings = Settings {
                terminal,
                ..settings()
            };
            for (cell, shown) in [
                ("a\nb", "a b"),
                ("a\tb", "a b"),
                ("a\r\nb", "a b"),
                ("a\n\n\nb", "a b"),
                ("\na\n", "a"),
                ("a\u{2028}b", "a b"),
                ("a\u{b}b\u{c}c", "a b c"),
                ("a\u{85}b", "a b"),
                ("\n", ""),
                ("a  b", "a  b"),
            ] {
                let text = render(&table(&[[cell, "x"], ["y", "z"]]), &settings);
                let lines: Vec<&str> = text.lines().collect();
                assert_eq!(lines.len(), 3, "{cell:?}: {text}");
                let expected = format!("{shown:width$}  x", width = shown.len().max(4));
                assert_eq!(lines[1], expected, "{cell:?}");
            }
        }
    }

    #[test]
    fn a_title_of_5000_characters_pads_no_other_line() {
        for title in ["x".repeat(5000), "日本".repeat(2500), "a\n".repeat(2500)] {
            let cells = [["1", title.as_str()], [title.as_str(), "end"], ["2", "y"]];
            let on_terminal = render(&table(&cells), &settings());
            assert!(
                on_terminal
                    .lines()
                    .all(|line| line.width() <= 2 * LONGEST + 2)
            );
            let piped = Settings {
                terminal: false,
                ..settings()
            };
            let piped = render(&table(&cells), &piped);
            let lines: Vec<&str> = piped.lines().collect();
            let whole = title.trim().replace('\n', " ");
            assert!(lines[1].contains(&whole) && lines[2].starts_with(&whole));
            assert!(lines[0].len() < LONGEST + 8 && lines[3].len() < LONGEST + 8);
        }
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        let text = render(&table(&[["\u{1b}]0;x\u{7}", "a\nb"]]), &settings());
        assert!(!text.contains('\u{1b}') && !text.contains('\u{7}') && text.lines().count() == 2);
        let mut table = table(&[["1", ""]]);
        table.rows[0].cells[1] = Cell::of_lines("a\u{1b}\nb");
        let text = render(&table, &settings());
        assert!(
            !text.contains('\u{1b}') && text.ends_with("\nb\n"),
            "{text}"
        );
    }
}
