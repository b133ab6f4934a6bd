//! What the file says key by key, each with its line: for people who ask where a setting comes from.

use toml_edit::{Document, Item, TableLike};

use super::file::{RemotesFile, line_of};
use super::name::RemoteName;
use crate::order;

/// A key of the file with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The key, with a dot where it is inside a table: `relay.tls`.
    pub key: String,
    /// The value as a person would say it: texts without quotes, lists as in the file.
    pub value: String,
    /// The line, counted from 1.
    pub line: usize,
}

impl RemotesFile {
    /// Returns the keys of a remote, in the order of the file.
    pub fn written(&self, name: &RemoteName) -> Vec<Written> {
        keys_of(self.text_with(name), &["remotes", name.as_str()])
    }

    /// Returns the keys of `[defaults]`, in the order of the file.
    pub fn written_defaults(&self) -> Vec<Written> {
        keys_of(self.text(), &["defaults"])
    }
}

fn keys_of(text: &str, path: &[&str]) -> Vec<Written> {
    let mut found = Vec::new();
    // The text has been read before, so it parses.
    let Ok(document) = Document::parse(text) else {
        return found;
    };
    let mut table: &dyn TableLike = document.as_table();
    for key in path {
        match table.get(key).and_then(Item::as_table_like) {
            Some(inner) => table = inner,
            None => return found,
        }
    }
    collect(text, table, "", &mut found);
    order::sort_by_key(&mut found, |written| written.line);
    found
}

fn collect(text: &str, table: &dyn TableLike, prefix: &str, found: &mut Vec<Written>) {
    for (key, item) in table.iter() {
        let path = format!("{prefix}{key}");
        if let Some(inner) = item.as_table_like() {
            collect(text, inner, &format!("{path}."), found);
            continue;
        }
        let span = table.key(key).and_then(|key| key.span());
        let value = match item.as_str() {
            Some(text) => text.to_owned(),
            None => item.to_string().trim().to_owned(),
        };
        found.push(Written {
            key: path,
            value,
            line: line_of(text, span.unwrap_or_default().start),
        });
    }
}
