//! Changes to the text of `remotes.toml` that leave every other byte alone.
//!
//! `toml_edit` keeps comments, order and spacing, but writes line ends its own way. So of what it
//! writes only the lines that a change touches are taken; before and after them the original stays.

use jiff::Timestamp;
use toml_edit::{Array, DocumentMut, InlineTable, Item, RawString, Table, TableLike, Value, value};

use super::name::RemoteName;
use super::network;
use super::profile::{Options, Remote, Route, SecretRef};
use super::schema::VERSION;
use crate::e2ee::Fingerprint;

/// How a new file begins.
const HEADER: &str =
    "# The remotes of `paseo`. Secrets are kept elsewhere: this file can be published.\n";

/// What some editors put at the beginning of a file.
const MARK: &str = "\u{feff}";

/// Applies a change to a text that is TOML. An empty text becomes a new file first.
pub(super) fn apply(text: &str, change: impl FnOnce(&mut DocumentMut)) -> String {
    // It stays in front of whatever comes first.
    let (mark, text) = match text.strip_prefix(MARK) {
        Some(rest) => (MARK, rest),
        None => ("", text),
    };
    let text = match text.trim().is_empty() {
        true => format!("{HEADER}version = {VERSION}\n"),
        false => with_last_end(text),
    };
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        return mark.to_owned() + &text;
    };
    let before = document.to_string();
    change(&mut document);
    mark.to_owned() + &splice(&text, &before, &document.to_string())
}

/// Ends the last line where an editor did not: what a change adds would otherwise stand on it.
fn with_last_end(text: &str) -> String {
    let first = text.find('\n').map(|at| &text[..at]);
    let end = match first.is_some_and(|line| line.ends_with('\r')) {
        true => "\r\n",
        false => "\n",
    };
    let missing = if text.ends_with('\n') { "" } else { end };
    format!("{text}{missing}")
}

/// Returns `after`, with the lines that it shares with `before` as they are in `original`.
/// `before` is the original as `toml_edit` writes it: the same lines with other ends.
fn splice(original: &str, before: &str, after: &str) -> String {
    let lines =
        |text: &'_ str| -> Vec<String> { text.split_inclusive('\n').map(str::to_owned).collect() };
    let (original, before, after) = (lines(original), lines(before), lines(after));
    if original.len() != before.len() {
        return after.concat();
    }
    let same = |(a, b): &(&String, &String)| a == b;
    let head = before.iter().zip(&after).take_while(same).count();
    let rest = before.len().min(after.len()) - head;
    let tail = before.iter().rev().zip(after.iter().rev());
    let tail = tail.take(rest).take_while(same).count();
    let crlf = |line: &String| line.ends_with("\r\n");
    let mostly_crlf = original.iter().filter(|line| crlf(line)).count() * 2 > original.len();
    // Lines that are changed one for one keep their ends; others get the usual one of the file.
    let one_for_one = before.len() == after.len();
    let mut text = original[..head].concat();
    for (n, line) in after.iter().enumerate().take(after.len() - tail).skip(head) {
        let wanted = if one_for_one {
            crlf(&original[n])
        } else {
            mostly_crlf
        };
        match line.strip_suffix('\n') {
            Some(line) if wanted && !line.ends_with('\r') => {
                text.push_str(line);
                text.push_str("\r\n");
            }
            _ => text.push_str(line),
        }
    }
    text + &original[original.len() - tail..].concat()
}

/// Adds a remote, after the others.
pub(super) fn insert(document: &mut DocumentMut, remote: &Remote) {
    if let Some(remotes) = remotes(document) {
        remotes.insert(remote.name.as_str(), Item::Table(table(remote)));
    }
}

/// Removes a remote with the comment that stands right above it. What a blank line sets apart from
/// it stays.
pub(super) fn remove(document: &mut DocumentMut, name: &RemoteName) {
    let Some(removed) = remotes(document).and_then(|remotes| remotes.remove(name.as_str())) else {
        return;
    };
    let Some(table) = removed.as_table() else {
        return;
    };
    let above = table.decor().prefix().and_then(RawString::as_str);
    let above = above.unwrap_or_default().replace("\r\n", "\n");
    let Some(end) = above.rfind("\n\n").filter(|_| above.contains('#')) else {
        return;
    };
    let kept = &above[..=end];
    let position = table.position();
    match next_table(document.as_table_mut(), position) {
        Some(next) => prepend(next.decor_mut(), kept),
        None => {
            let trailing = document.trailing().as_str().unwrap_or_default();
            document.set_trailing(format!("{kept}{trailing}"));
        }
    }
}

/// Gives a remote another name; it stays where it is.
pub(super) fn rename(document: &mut DocumentMut, from: &RemoteName, to: &RemoteName) {
    let Some(remotes) = remotes(document) else {
        return;
    };
    if let Some(item) = remotes.remove(from.as_str()) {
        remotes.insert(to.as_str(), item);
    }
}

/// Names the default remote.
pub(super) fn set_default(document: &mut DocumentMut, name: &str) {
    replace(document.as_table_mut(), "default", name.into());
}

/// Names the secret of this machine as a recipient.
pub(super) fn set_recipient(document: &mut DocumentMut, secret: &SecretRef) {
    replace(
        document.as_table_mut(),
        "recipient",
        secret_table(secret).into(),
    );
}

/// Adds a key to those that no connection is made to.
pub(super) fn block(document: &mut DocumentMut, fingerprint: Fingerprint) {
    let blocked = document.entry("blocked").or_insert(value(Array::new()));
    if let Some(blocked) = blocked.as_array_mut() {
        blocked.push(fingerprint.to_string());
    }
}

/// Takes a key from them again.
pub(super) fn unblock(document: &mut DocumentMut, fingerprint: Fingerprint) {
    let text = fingerprint.to_string();
    if let Some(blocked) = document.get_mut("blocked").and_then(Item::as_array_mut) {
        blocked.retain(|value| value.as_str() != Some(text.as_str()));
        if blocked.is_empty() {
            document.remove("blocked");
        }
    }
}

/// Sets a key of a remote, or one inside a table of it (`relay.tls`).
pub(super) fn set(document: &mut DocumentMut, name: &RemoteName, key: &str, new: Value) {
    let Some(item) = remotes(document).and_then(|remotes| remotes.get_mut(name.as_str())) else {
        return;
    };
    let Some(table) = item.as_table_like_mut() else {
        return;
    };
    match key.split_once('.') {
        None => replace(table, key, new),
        Some((outer, inner)) => {
            let inside = table.entry(outer).or_insert(value(InlineTable::new()));
            if let Some(inside) = inside.as_table_like_mut() {
                replace(inside, inner, new);
            }
        }
    }
}

/// Removes a key of a remote, or one inside a table of it.
pub(super) fn unset(document: &mut DocumentMut, name: &RemoteName, key: &str) {
    let Some(item) = remotes(document).and_then(|remotes| remotes.get_mut(name.as_str())) else {
        return;
    };
    let Some(table) = item.as_table_like_mut() else {
        return;
    };
    match key.split_once('.') {
        None => table.remove(key),
        Some((outer, inner)) => {
            let inside = table.get_mut(outer).and_then(Item::as_table_like_mut);
            inside.and_then(|inside| inside.remove(inner))
        }
    };
}

/// Sets a value and keeps what stands around the old one, such as a comment behind it.
fn replace(table: &mut dyn TableLike, key: &str, mut new: Value) {
    match table.get_mut(key) {
        Some(Item::Value(old)) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        _ => {
            table.insert(key, value(new));
        }
    }
}

fn remotes(document: &mut DocumentMut) -> Option<&mut dyn TableLike> {
    let mut new = Table::new();
    new.set_implicit(true);
    let remotes = document.entry("remotes").or_insert(Item::Table(new));
    remotes.as_table_like_mut()
}

/// Returns the table whose header is the first one after a position in the file.
fn next_table(table: &mut Table, after: Option<isize>) -> Option<&mut Table> {
    let mut best: Option<&mut Table> = None;
    let mut pending = vec![table];
    while let Some(table) = pending.pop() {
        // Taken apart, because a parent and its child cannot both be held.
        let (mut inner, mut own) = (Vec::new(), None);
        if !table.is_implicit() && !table.is_dotted() && table.position() > after {
            own = table.position();
        }
        if let Some(own) = own
            && best.as_ref().is_none_or(|best| best.position() > Some(own))
        {
            best = Some(table);
            continue;
        }
        for (_, item) in table.iter_mut() {
            match item {
                Item::Table(table) => inner.push(table),
                Item::ArrayOfTables(tables) => inner.extend(tables.iter_mut()),
                _ => {}
            }
        }
        pending.append(&mut inner);
    }
    best
}

fn prepend(decor: &mut toml_edit::Decor, text: &str) {
    let prefix = decor
        .prefix()
        .and_then(RawString::as_str)
        .unwrap_or_default();
    decor.set_prefix(format!("{text}{prefix}"));
}

fn table(remote: &Remote) -> Table {
    let mut table = Table::new();
    // The blank line that sets it apart from what stands above it.
    table.decor_mut().set_prefix("\n");
    if let Some(description) = &remote.description {
        table.insert("description", value(description));
    }
    if !remote.tags.is_empty() {
        table.insert("tags", value(remote.tags.iter().collect::<Array>()));
    }
    match &remote.route {
        Route::Relay(route) => {
            table.insert("fingerprint", value(route.fingerprint.to_string()));
            table.insert("secret", value(secret_table(&route.secret)));
            let mut relay = InlineTable::new();
            relay.insert("endpoint", route.endpoint.to_string().into());
            relay.insert("tls", route.tls.into());
            table.insert("relay", value(relay));
        }
        Route::Direct(route) => {
            table.insert("url", value(route.address.to_string()));
            if let Some(secret) = &route.secret {
                table.insert("secret", value(secret_table(secret)));
            }
        }
    }
    network::write_roads(&remote.roads, &mut table);
    insert_options(&mut table, &remote.options);
    if !remote.dirs.is_empty() {
        let dirs = remote
            .dirs
            .iter()
            .map(|dir| InlineTable::from_iter([("local", &dir.local), ("remote", &dir.remote)]));
        table.insert("dirs", value(dirs.collect::<Array>()));
    }
    for (key, set) in [
        ("readonly", remote.guard.readonly),
        ("protected", remote.guard.protected),
    ] {
        if set {
            table.insert(key, value(true));
        }
    }
    insert_moment(&mut table, "expires", remote.guard.expires);
    insert_moment(&mut table, "added", remote.added);
    table
}

fn insert_moment(table: &mut Table, key: &str, moment: Option<Timestamp>) {
    // `Z` times of both crates look the same; seconds are enough.
    if let Some(moment) = moment
        && let Ok(moment) = format!("{moment:.0}").parse::<toml_edit::Datetime>()
    {
        table.insert(key, value(moment));
    }
}

fn secret_table(secret: &SecretRef) -> InlineTable {
    InlineTable::from_iter([("store", secret.store.as_str()), ("id", secret.id.as_str())])
}

fn insert_options(table: &mut Table, options: &Options) {
    if let Some(timeout) = options.connect_timeout {
        let timeout = humantime::format_duration(timeout).to_string();
        table.insert("connect_timeout", value(timeout));
    }
    if let Some(cwd) = &options.cwd {
        table.insert("cwd", value(cwd));
    }
    if let Some(time) = options.persist {
        let time = humantime::format_duration(time).to_string();
        table.insert("persist", value(time));
    }
    options.network.write(table);
}
