//! What a command prints. The rules, for every command:
//!
//! 1. Data goes to stdout, everything else to stderr.
//! 2. A command gives an [`Output`]; one renderer turns it into a table, JSON, YAML or ids.
//! 3. Text that came from elsewhere is made safe for terminals, in every form of output, and left alone in pipes.
//! 4. Prompts appear only on a terminal, and never with `--batch`.

mod ending;
mod fit;
mod hidden;
mod label;
mod operand;
mod progress;
mod prompt;
mod region;
mod sanitize;
mod stdout;
mod stream;
mod table;
pub mod trace;
mod yaml;

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::spelling::{closest, did_you_mean};

pub use ending::signal_is_caught;
pub use hidden::{Hidden, ask_hidden};
pub use label::Label;
pub use operand::{shell_operand, shell_word};
pub use progress::Progress;
pub use prompt::{ask_choice, ask_unless_no, ask_yes, forget_typed};
pub use region::Region;
use sanitize::safe_json;
pub use sanitize::{safe_line, safe_text};
pub use stream::{ReaderGone, Stream};

/// How to print.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The form of the data.
    pub format: Format,
    /// Ids only; beats `format`.
    pub quiet: bool,
    /// Whether tables begin with their headers.
    pub headers: bool,
    /// Whether to colour.
    pub color: bool,
    /// Whether stdout is a terminal.
    pub terminal: bool,
    /// Whether that terminal can move its cursor.
    pub moves: bool,
    /// The width of that terminal in cells, where it is known: tables fit into it.
    pub columns: Option<usize>,
    /// What lines that come while a command runs begin with, where several run at once.
    pub label: Option<Label>,
}

/// The form of the data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// Two spaces of indentation.
    Json,
    /// Block style.
    Yaml,
}

impl std::str::FromStr for Format {
    type Err = String;

    /// Takes `table` (or `cli`), `json`, `yaml`, in any case, as the official CLI does.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_lowercase().as_str() {
            "table" | "cli" => Ok(Self::Table),
            "json" => Ok(Self::Json),
            "yaml" => Ok(Self::Yaml),
            other => Err(did_you_mean(
                "expected table, json or yaml",
                closest(other, &["table", "json", "yaml"]),
            )),
        }
    }
}

/// The data of a command.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Output {
    /// Nothing at all.
    #[default]
    Nothing,
    /// Rows that are an array in JSON.
    List(Table),
    /// One row that is an object in JSON.
    Item(Table),
    /// Keys and values; `json` is the object behind them.
    Record {
        /// Key, value, in order.
        rows: Vec<(String, String)>,
        /// The same as data.
        json: Value,
    },
    /// Text for people that has another form as data.
    Text {
        /// For tables and quiet mode.
        text: String,
        /// The same as data.
        json: Value,
    },
    /// Text of our own, printed as it is, its colours included.
    Styled {
        /// For tables.
        text: String,
        /// What quiet mode prints.
        id: String,
        /// The same as data.
        json: Value,
    },
}

/// Columns and rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// The columns, left to right.
    pub columns: Vec<Column>,
    /// The rows, top to bottom.
    pub rows: Vec<Row>,
}

/// A column: its header and its least width in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column(pub &'static str, pub usize);

/// A row in all its forms.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What quiet mode prints.
    pub id: String,
    /// One for each column.
    pub cells: Vec<Cell>,
    /// The row as data.
    pub json: Value,
}

impl Row {
    /// Makes a row; `data` must serialize to JSON, which plain structs do.
    pub fn new(id: impl Into<String>, cells: Vec<Cell>, data: &impl Serialize) -> Self {
        let json = serde_json::to_value(data).expect("rows are structs with string keys");
        Self {
            id: id.into(),
            cells,
            json,
        }
    }
}

/// A cell: text, and perhaps a colour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// The text, as it came.
    pub text: String,
    /// Its colour on a terminal.
    pub color: Option<AnsiColor>,
    /// Whether a terminal shows its line feeds as such; elsewhere they stay in any case. Only in the last
    /// column, and only where nobody takes a further line for a further row.
    pub lines: bool,
}

impl Cell {
    /// A cell with a colour.
    pub fn colored(text: impl Into<String>, color: AnsiColor) -> Self {
        Self {
            text: text.into(),
            color: Some(color),
            lines: false,
        }
    }
}

impl Cell {
    /// A cell that may have several lines.
    pub fn of_lines(text: impl Into<String>) -> Self {
        Self {
            lines: true,
            ..text.into().into()
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            color: None,
            lines: false,
        }
    }
}

/// Turns an output into the text for stdout; empty when there is nothing to print.
pub fn render(output: &Output, settings: &Settings) -> String {
    if settings.quiet {
        return quiet(output, settings);
    }
    match settings.format {
        Format::Json => data(output)
            .map(|data| pretty_json(&data, settings.terminal) + "\n")
            .unwrap_or_default(),
        Format::Yaml => data(output)
            .map(|data| yaml(&data, settings.terminal) + "\n")
            .unwrap_or_default(),
        Format::Table => match output {
            Output::Nothing => String::new(),
            Output::List(table) | Output::Item(table) => table::render(table, settings),
            Output::Record { rows, .. } => {
                // A value is worth nothing in part, so it is broken between words where there is room for that.
                let columns = settings.columns.filter(|room| *room >= RECORD_ROOM);
                let settings = Settings {
                    columns,
                    ..settings.clone()
                };
                table::render(&record_table(rows, &settings), &settings)
            }
            Output::Text { text, .. } => line(safe_text(text, settings.terminal).into_owned()),
            Output::Styled { text, .. } => line(text.clone()),
        },
    }
}

/// Prints an output to stdout. A closed pipe is no error: whoever read has seen enough.
pub fn print(output: &Output, settings: &Settings) -> std::io::Result<()> {
    write_stdout(&render(output, settings))
}

/// Returns the width of the terminal that stdout is, in cells.
pub fn terminal_columns() -> Option<usize> {
    #[cfg(unix)]
    {
        columns_of(std::io::stdout())
    }
    #[cfg(not(unix))]
    {
        None
    }
}

/// Returns its height in lines.
fn terminal_rows() -> Option<usize> {
    terminal_size().map(|(_, rows)| rows)
}

/// Returns both: columns and lines.
pub fn terminal_size() -> Option<(usize, usize)> {
    #[cfg(unix)]
    {
        size_of(std::io::stdout())
    }
    #[cfg(not(unix))]
    {
        None
    }
}

/// Returns the width of the terminal that stderr is, in cells.
pub fn note_columns() -> Option<usize> {
    #[cfg(unix)]
    {
        columns_of(std::io::stderr())
    }
    #[cfg(not(unix))]
    {
        None
    }
}

/// Returns the width alone: a terminal may know it and no height, as after `stty cols 80`.
#[cfg(unix)]
fn columns_of(terminal: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    (size.ws_col > 0).then_some(size.ws_col.into())
}

#[cfg(unix)]
fn size_of(terminal: impl std::os::fd::AsFd) -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    // A serial line knows no size.
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col.into(), size.ws_row.into()))
}

/// Writes text to stdout at once. A closed pipe is no error.
pub fn write_stdout(text: &str) -> std::io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut stdout = stdout::stdout()?.lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes text to stderr as it is. Nothing can be done when that fails.
pub fn write_stderr(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Writes a line to stderr: progress, warnings and hints. Nothing can be done when that fails.
pub fn note(text: &str) {
    let terminal = std::io::stderr().is_terminal();
    // On a terminal that both share, it would go on with the line of an agent.
    let ends = match terminal && std::io::stdout().is_terminal() && stdout::take_mid_line() {
        true => "\n",
        false => "",
    };
    let text = safe_text(text, terminal);
    let _ = writeln!(std::io::stderr().lock(), "{ends}{text}");
}

impl Settings {
    /// The same, behind the label of the part that it is about.
    pub fn note(&self, text: &str) {
        let label = self.label.as_ref();
        let before = label.map(|label| label.before(true, false));
        note(&(before.unwrap_or_default() + text));
    }
}

/// Returns JSON with two spaces of indentation, no line feed at the end. For a terminal it is made safe, and is the
/// same data.
pub fn pretty_json(json: &impl Serialize, terminal: bool) -> String {
    let json = serde_json::to_string_pretty(json).expect("a JSON value can be written");
    safe_json(&json, terminal).into_owned()
}

/// Returns JSON on one line, no line feed at the end. For a terminal it is made safe.
pub fn json_line(json: &impl Serialize, terminal: bool) -> String {
    let json = serde_json::to_string(json).expect("a JSON value can be written");
    safe_json(&json, terminal).into_owned()
}

/// Returns YAML in block style, with a line feed at the end. For a terminal it is made safe.
pub fn yaml(json: &impl Serialize, terminal: bool) -> String {
    let value = serde_json::to_value(json).expect("a JSON value can be written");
    yaml::render(&value, terminal)
}

/// Returns text in a style, or plain.
pub fn styled(text: &str, style: Style, color: bool) -> String {
    if color {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

/// An output as data. Rows may be many, so they are written from where they are.
#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Rows(#[serde(serialize_with = "json_of_rows")] &'a [Row]),
    One(&'a Value),
}

fn json_of_rows<S: Serializer>(rows: &[Row], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(rows.iter().map(|row| &row.json))
}

fn data(output: &Output) -> Option<Data<'_>> {
    match output {
        Output::Nothing => None,
        Output::List(table) => Some(Data::Rows(&table.rows)),
        Output::Item(table) => table.rows.first().map(|row| Data::One(&row.json)),
        Output::Record { json, .. } | Output::Text { json, .. } | Output::Styled { json, .. } => {
            Some(Data::One(json))
        }
    }
}

fn quiet(output: &Output, settings: &Settings) -> String {
    let ids: Vec<&str> = match output {
        Output::Nothing => return String::new(),
        Output::List(table) | Output::Item(table) => {
            table.rows.iter().map(|row| row.id.as_str()).collect()
        }
        Output::Record { rows, .. } => rows.iter().map(|(key, _)| key.as_str()).collect(),
        Output::Text { text, .. } => vec![text],
        Output::Styled { id, .. } => vec![id],
    };
    line(safe_text(&ids.join("\n"), settings.terminal).into_owned())
}

/// Tells a person that a list is empty, and what to do next: on stderr, and only where stdout is a terminal that shows
/// a table.
pub fn note_empty(output: &Output, settings: &Settings, text: impl FnOnce() -> Option<String>) {
    let empty = matches!(output, Output::List(table) if table.rows.is_empty());
    let table = settings.terminal && settings.format == Format::Table && !settings.quiet;
    if let Some(text) = (empty && table).then(text).flatten() {
        note(&text);
    }
}

/// Narrowest terminal on which values are broken between words, in cells.
const RECORD_ROOM: usize = 48;
/// Longest value on a terminal, in cells.
const LONGEST_VALUE: usize = 4000;

fn record_table(rows: &[(String, String)], settings: &Settings) -> Table {
    let row = |(key, value): &(String, String)| {
        let value = match settings.columns {
            None => value.as_str().into(),
            Some(_) => Cell::of_lines(table::on_one_line(value, true, LONGEST_VALUE)),
        };
        Row {
            id: key.clone(),
            cells: vec![key.as_str().into(), value],
            json: Value::Null,
        }
    };
    Table {
        columns: vec![Column("KEY", 18), Column("VALUE", 80)],
        rows: rows.iter().map(row).collect(),
    }
}

fn line(mut text: String) -> String {
    if !text.is_empty() {
        text.push('\n');
    }
    text
}
