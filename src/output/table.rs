//! Tables, laid out as the official CLI does: two spaces between columns, widths by display cells.

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::{Settings, Table, safe_line, safe_text, styled};

const GAP: &str = "  ";

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
                    false => safe_line(&cell.text, settings.terminal).into_owned(),
                })
                .collect()
        })
        .collect();
    let widths: Vec<usize> = table
        .columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            let cells = texts
                .iter()
                .filter_map(|row| row.get(i))
                .map(|cell| cell.width())
                .max();
            let header = if settings.headers {
                column.0.width()
            } else {
                0
            };
            column.1.max(header).max(cells.unwrap_or(0))
        })
        .collect();

    let mut out = String::new();
    if settings.headers {
        let bold = Style::new().bold();
        let headers = table.columns.iter().map(|c| (c.0, Some(bold)));
        push_line(&mut out, headers, &widths, settings.color);
    }
    for (row, texts) in table.rows.iter().zip(&texts) {
        let cells = row.cells.iter().zip(texts).map(|(cell, text)| {
            (
                text.as_str(),
                cell.color
                    .map(|color| Style::new().fg_color(Some(color.into()))),
            )
        });
        push_line(&mut out, cells, &widths, settings.color);
    }
    out
}

/// Adds a line, its trailing blanks left out: no reader wants them.
fn push_line<'a>(
    out: &mut String,
    cells: impl Iterator<Item = (&'a str, Option<Style>)>,
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
                Some(style) => out.push_str(&styled(text, style, color)),
                None => out.push_str(text),
            }
        }
        blanks += width.saturating_sub(text.width()) + GAP.len();
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use anstyle::AnsiColor;
    use serde_json::Value;

    use super::*;
    use crate::output::{Cell, Column, Format, Row};

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
