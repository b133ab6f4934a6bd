//! Reads one table of a settings file: each key once, each value into a type, each problem with its
//! place. Error texts never repeat a value.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use toml_edit::{Item, TableLike, Value};

use super::problem::Problem;

/// Collects what is wrong, so that all of it can be shown at once.
#[derive(Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub(super) fn add(&self, problem: Problem) {
        self.0.borrow_mut().push(problem);
    }

    pub(super) fn into_vec(self) -> Vec<Problem> {
        self.0.into_inner()
    }
}

/// One table. A value that is wrong is noted and reads as absent.
pub(super) struct Reader<'a> {
    table: &'a dyn TableLike,
    /// Where the table is, for what is missing in it.
    span: Range<usize>,
    problems: &'a Problems,
}

impl<'a> Reader<'a> {
    /// Takes a table that may have the keys in `known` and no other, unless the file is `newer` than
    /// the program.
    pub(super) fn new(
        table: &'a dyn TableLike,
        span: Option<Range<usize>>,
        known: &[&str],
        newer: bool,
        problems: &'a Problems,
    ) -> Self {
        for (key, _) in table.iter() {
            if !newer && !known.contains(&key) {
                let span = table
                    .key(key)
                    .and_then(|key| key.span())
                    .unwrap_or_default();
                problems.add(Problem::unknown_key(key, known, span));
            }
        }
        Self {
            table,
            span: span.unwrap_or_default(),
            problems,
        }
    }

    /// Where the table is.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Where the key of a value is; the table when there is none.
    pub(super) fn key_span(&self, key: &str) -> Range<usize> {
        let key = self.table.key(key).and_then(|key| key.span());
        key.unwrap_or_else(|| self.span())
    }

    /// Returns whether there is a value under a key, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Returns whether the value under a key is a table.
    pub(super) fn is_table(&self, key: &str) -> bool {
        self.table
            .get(key)
            .is_some_and(|item| item.as_table_like().is_some())
    }

    /// Notes a problem with the value of a key.
    pub(super) fn reject(&self, key: &str, why: impl Display) {
        let item = self.table.get(key).and_then(Item::span);
        let span = item.unwrap_or_else(|| self.key_span(key));
        self.problems
            .add(Problem::new(format!("`{key}`: {why}"), span));
    }

    /// Notes a problem with the table.
    pub(super) fn reject_table(&self, why: impl Into<String>) {
        self.problems.add(Problem::new(why, self.span()));
    }

    /// Returns a table inside.
    pub(super) fn table(&self, key: &str, known: &[&str], newer: bool) -> Option<Reader<'a>> {
        let item = self.table.get(key)?;
        match item.as_table_like() {
            Some(table) => {
                let span = item.span().or_else(|| Some(self.key_span(key)));
                Some(Reader::new(table, span, known, newer, self.problems))
            }
            None => {
                self.reject(key, "must be a table");
                None
            }
        }
    }

    /// Returns every table inside, each with its key and the place of that.
    pub(super) fn children(&self) -> Vec<(String, Range<usize>, Option<&'a dyn TableLike>)> {
        let child = |(key, item): (&'a str, &'a Item)| {
            (key.to_owned(), self.key_span(key), item.as_table_like())
        };
        self.table.iter().map(child).collect()
    }

    /// Returns a text.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.value(key, "must be a text in quotes", Value::as_str)
    }

    /// Returns a text, or the digits of a whole number.
    pub(super) fn text_or_number(&self, key: &str) -> Option<String> {
        let number = |value: &Value| value.as_integer().map(|number| number.to_string());
        let text = |value: &'a Value| value.as_str().map(str::to_owned).or_else(|| number(value));
        self.value(key, "must be a text in quotes", text)
    }

    /// Returns a switch.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.value(key, "must be true or false", Value::as_bool)
    }

    /// Returns a whole number.
    pub(super) fn number(&self, key: &str) -> Option<i64> {
        self.value(key, "must be a whole number", Value::as_integer)
    }

    /// Returns a date or a time, as its text.
    pub(super) fn moment(&self, key: &str) -> Option<String> {
        let moment = |value: &Value| value.as_datetime().map(ToString::to_string);
        self.value(key, "must be a date, without quotes", moment)
    }

    /// Returns a text, parsed. The error of the type must not repeat the text.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, key: &str) -> Option<T> {
        self.text(key)?
            .parse()
            .map_err(|why| self.reject(key, why))
            .ok()
    }

    /// Returns a list of texts; an absent one is empty.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        let Some(list) = self.list(key) else {
            return Vec::new();
        };
        let mut texts = Vec::new();
        for value in list {
            match value.as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => self.reject(key, "must be a list of texts in quotes"),
            }
        }
        texts
    }

    /// Returns a list of tables, each with these keys; an absent one is empty.
    pub(super) fn tables(&self, key: &str, known: &[&str], newer: bool) -> Vec<Reader<'a>> {
        if let Some(tables) = self.table.get(key).and_then(Item::as_array_of_tables) {
            let reader = |table: &'a toml_edit::Table| {
                Reader::new(table, table.span(), known, newer, self.problems)
            };
            return tables.iter().map(reader).collect();
        }
        let mut readers = Vec::new();
        for value in self.list(key).into_iter().flatten() {
            match value.as_inline_table() {
                Some(table) => {
                    let span = value.span();
                    readers.push(Reader::new(table, span, known, newer, self.problems));
                }
                None => self.reject(key, "must be a list of tables"),
            }
        }
        readers
    }

    fn list(&self, key: &str) -> Option<impl Iterator<Item = &'a Value>> {
        let list = self.value(key, "must be a list", Value::as_array)?;
        Some(list.iter())
    }

    fn value<T>(
        &self,
        key: &str,
        expected: &str,
        cast: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let item = self.table.get(key)?;
        let found = item.as_value().and_then(cast);
        if found.is_none() {
            self.reject(key, expected);
        }
        found
    }
}
