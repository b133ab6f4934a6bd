//! One output of those of all parts.

use std::io::IsTerminal;

use serde_json::{Map, Value, json};

use super::branch::Label;
use crate::error::CommandError;
use crate::output::{self, Cell, Column, Format, Output, Row, Settings, Table};

/// A part and what it ended with.
pub(super) type Told<'a> = (&'a Label, &'a Output);

/// Makes one list: its columns are those of the parts, behind one for the remote; ids get the remote before
/// them, and data a field `remote`. One object of each part becomes an array.
pub(super) fn merge(told: Vec<Told<'_>>, settings: &Settings) -> Output {
    let mut columns = Vec::new();
    let mut rows = Vec::new();
    for (label, output) in told {
        let Some(table) = table(output, settings) else {
            continue;
        };
        if table.columns.len() > columns.len() {
            columns.clone_from(&table.columns);
        }
        let ids = table.columns.first().is_some_and(heads_ids);
        rows.extend(table.rows.into_iter().map(|row| of(label, row, ids)));
    }
    // No part ended with data: there is nothing, and not an empty list.
    if columns.is_empty() {
        return Output::Nothing;
    }
    if rows.iter().any(|(remote, _)| *remote) {
        columns.insert(0, Column("REMOTE", 0));
    }
    Output::List(Table {
        columns,
        rows: rows.into_iter().map(|(_, row)| row).collect(),
    })
}

/// Turns an output into rows.
fn table(output: &Output, settings: &Settings) -> Option<Table> {
    let data = settings.format != Format::Table && !settings.quiet;
    Some(match output {
        Output::Nothing => return None,
        Output::List(table) | Output::Item(table) => table.clone(),
        Output::Record { json, .. } | Output::Text { json, .. } | Output::Styled { json, .. }
            if data =>
        {
            Table {
                columns: vec![Column("", 0)],
                rows: vec![Row::new("", Vec::new(), json)],
            }
        }
        Output::Record { rows, .. } => Table {
            columns: vec![Column("KEY", 0), Column("VALUE", 0)],
            rows: rows.iter().map(|(key, value)| row(&[key, value])).collect(),
        },
        Output::Text { text, .. } | Output::Styled { text, .. } => Table {
            columns: vec![Column("OUTPUT", 0)],
            rows: text.lines().map(|line| row(&[line])).collect(),
        },
    })
}

fn row(cells: &[&str]) -> Row {
    Row {
        id: cells[0].to_owned(),
        cells: cells.iter().map(|&cell| cell.into()).collect(),
        json: Value::Null,
    }
}

/// Returns whether a column shows what other commands take with a remote before it.
fn heads_ids(column: &Column) -> bool {
    column.0 == "ID" || column.0 == "AGENT" || column.0.ends_with(" ID")
}

/// Makes a row that of a remote; also says whether it is one.
fn of(label: &Label, mut row: Row, ids: bool) -> (bool, Row) {
    let Some(remote) = &label.remote else {
        return (false, row);
    };
    let full = |id: &str| format!("{remote}:{id}");
    row.id = full(&row.id);
    if let Some(cell) = row.cells.first_mut().filter(|_| ids) {
        cell.text = full(&cell.text);
    }
    row.cells.insert(0, Cell::from(remote.as_str()));
    if let Value::Object(fields) = row.json {
        let mut all = Map::from_iter([("remote".to_owned(), json!(remote))]);
        all.extend(fields);
        row.json = Value::Object(all);
    }
    (true, row)
}

/// Returns the line about a part that failed.
pub(super) fn failure(label: &Label, error: &CommandError, settings: &Settings) -> String {
    let terminal = std::io::stderr().is_terminal();
    if settings.format == Format::Json {
        let error = json!({ "code": error.code, "message": sentence(error),
            "hop": error.hop.map(|hop| hop.as_str()), "hint": error.hint,
            "retryable": error.retryable, "exit": error.exit as u8 });
        let mut line = json!({ "error": error });
        line["remote"] = json!(label.remote);
        line["id"] = json!(label.id);
        return output::json_line(&line, terminal);
    }
    let hop = error.hop.map(|hop| format!(" ({})", hop.as_str()));
    let hint = error.hint.as_deref().map(|hint| format!("; {hint}"));
    let text = format!(
        "{label}{}: {}{}",
        hop.unwrap_or_default(),
        sentence(error),
        hint.unwrap_or_default()
    );
    output::safe_line(&text, terminal).into_owned()
}

/// What failed and why, on one line.
fn sentence(error: &CommandError) -> String {
    let causes = error.causes().into_iter();
    let text = causes.fold(error.message.clone(), |text, cause| {
        format!("{text}: {cause}")
    });
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(format: Format) -> Settings {
        Settings {
            format,
            headers: true,
            ..Settings::default()
        }
    }

    fn label(remote: &str) -> Label {
        Label {
            remote: Some(remote.to_owned()),
            id: None,
        }
    }

    fn agents(ids: &[&str]) -> Output {
        let row = |id: &&str| Row::new(*id, vec![(*id).into(), "x".into()], &json!({ "id": id }));
        Output::List(Table {
            columns: vec![Column("AGENT ID", 0), Column("NAME", 0)],
            rows: ids.iter().map(row).collect(),
        })
    }

    #[test]
    fn lists_become_one_with_the_remote_before_each() {
        let (work, lab) = (label("work"), label("lab"));
        let (first, second) = (agents(&["a", "b"]), agents(&["a"]));
        let told = || vec![(&work, &first), (&lab, &second)];
        let table = output::render(
            &merge(told(), &settings(Format::Table)),
            &settings(Format::Table),
        );
        assert_eq!(
            table,
            "REMOTE  AGENT ID  NAME\nwork    work:a    x\nwork    work:b    x\nlab     lab:a     x\n"
        );
        let Output::List(merged) = merge(told(), &settings(Format::Json)) else {
            panic!("a list");
        };
        assert_eq!(
            merged.rows[2].json.to_string(),
            r#"{"remote":"lab","id":"a"}"#
        );
        assert_eq!(merged.rows[2].id, "lab:a");
    }

    #[test]
    fn records_become_rows_or_an_array() {
        let (work, lab) = (label("work"), label("lab"));
        let record = Output::Record {
            rows: vec![("Status".to_owned(), "idle".to_owned())],
            json: json!({ "status": "idle" }),
        };
        let told = || vec![(&work, &record), (&lab, &record)];
        let Output::List(table) = merge(told(), &settings(Format::Table)) else {
            panic!("a list");
        };
        assert_eq!(table.rows.len(), 2);
        assert_eq!(table.rows[1].cells[0].text, "lab");
        let Output::List(table) = merge(told(), &settings(Format::Json)) else {
            panic!("a list");
        };
        assert_eq!(
            table.rows[1].json.to_string(),
            r#"{"remote":"lab","status":"idle"}"#
        );
        let nothing = merge(vec![(&work, &Output::Nothing)], &settings(Format::Json));
        assert_eq!(nothing, Output::Nothing);
    }
}
