//! Text from another machine, made safe for this terminal.
//!
//! Escape sequences can rewrite the screen, change the window title or answer as if typed; bidi controls show a
//! command in another order than it has; characters without a shape hide what it says. One list of such characters
//! serves every form of output, and each form writes them in a way that its readers understand: `\u{1b}` in text,
//! `\u001b` in JSON, `\x1b` and the like in quoted YAML. Text for pipes and files stays as it is: programs want the
//! bytes.

use std::borrow::Cow;
use std::fmt::Write;

/// Makes a text safe that may have several lines: line feeds and tabs stay.
pub fn safe_text(text: &str, terminal: bool) -> Cow<'_, str> {
    match terminal {
        true => escape(text, |c| c == '\n' || c == '\t', in_text),
        false => Cow::Borrowed(text),
    }
}

/// Makes a text safe that must stay on one line, such as a table cell.
pub fn safe_line(text: &str, terminal: bool) -> Cow<'_, str> {
    match terminal {
        true => escape(text, |_| false, in_text),
        false => Cow::Borrowed(text),
    }
}

/// Makes JSON safe. Outside of strings it holds line feeds only, and strings allow an escape for every character, so
/// the result is the same data.
pub(super) fn safe_json(json: &str, terminal: bool) -> Cow<'_, str> {
    match terminal {
        true => escape(json, |c| c == '\n', in_json),
        false => Cow::Borrowed(json),
    }
}

/// Makes a line of the log safe. Its own colours stay: the log has already escaped those of others.
pub(super) fn safe_log(line: &str) -> Cow<'_, str> {
    escape(line, |c| c == '\n' || c == '\u{1b}', in_text)
}

/// Makes the inside of a double-quoted YAML string safe, which is one line.
pub(super) fn safe_yaml_string(string: &str) -> Cow<'_, str> {
    escape(string, |_| false, in_yaml)
}

/// Returns whether a text has a character that does not go to a terminal as it is, line feeds aside.
pub(super) fn has_unsafe(text: &str) -> bool {
    unsafe_chars(text).any(|(c, harms)| harms && c != '\n')
}

/// Replaces the unsafe characters that are not to be kept.
fn escape(
    text: &str,
    keep: impl Fn(char) -> bool,
    write: impl Fn(&mut String, char),
) -> Cow<'_, str> {
    if !unsafe_chars(text).any(|(c, harms)| harms && !keep(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (c, harms) in unsafe_chars(text) {
        match harms && !keep(c) {
            true => write(&mut out, c),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn in_text(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => written(out, format_args!("\\u{{{:x}}}", u32::from(c))),
    }
}

fn in_json(out: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        written(out, format_args!("\\u{unit:04x}"));
    }
}

fn in_yaml(out: &mut String, c: char) {
    match u32::from(c) {
        code @ 0..=0xffff => written(out, format_args!("\\u{code:04x}")),
        code => written(out, format_args!("\\U{code:08x}")),
    }
}

fn written(out: &mut String, what: std::fmt::Arguments<'_>) {
    out.write_fmt(what)
        .expect("writing to a string cannot fail");
}

/// Every character, and whether it is unsafe where it stands.
fn unsafe_chars(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut before = None;
    let mut chars = text.chars().peekable();
    std::iter::from_fn(move || {
        let c = chars.next()?;
        // A family of emoji is one picture only with its joiners. Between anything else they hide.
        let joins = c == ZERO_WIDTH_JOINER
            && before.is_some_and(is_emoji)
            && chars.peek().copied().is_some_and(is_emoji);
        before = Some(c);
        Some((c, is_unsafe(c) && !joins))
    })
}

const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// Whether a character is one of the pictures that joiners connect.
fn is_emoji(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f300}'..='\u{1faff}')
}

/// Whether a character acts on the terminal, changes the order of others, or shows nothing: control characters, bidi
/// and format controls, what Unicode calls ignorable by default (variation selectors and tags included), and letters
/// that look like a blank.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{16fe4}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn escapes_are_shown() {
        assert_eq!(
            safe_line("a\u{1b}[2Jb\nc\u{202e}", true),
            "a\\u{1b}[2Jb\\nc\\u{202e}"
        );
        assert_eq!(safe_text("a\n\tb\r", true), "a\n\tb\\r");
        assert_eq!(safe_line("👩‍👩‍👧 ok", true), "👩‍👩‍👧 ok");
        assert_eq!(safe_line("\u{1b}", false), "\u{1b}");
    }

    /// One of each kind: what shows nothing must not hide a part of a command.
    #[test]
    fn what_shows_nothing_is_shown() {
        for c in [
            '\u{7f}',
            '\u{9b}',
            '\u{ad}',
            '\u{34f}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{202e}',
            '\u{2066}',
            '\u{206a}',
            '\u{2028}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{1d173}',
            '\u{e0041}',
            '\u{e0101}',
        ] {
            let text = format!("r{c}m");
            let code = u32::from(c);
            assert_eq!(safe_line(&text, true), format!("r\\u{{{code:x}}}m"));
            let json = safe_json(&json!([text]).to_string(), true).into_owned();
            assert!(json.is_ascii(), "{json}");
            assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), json!([text]));
        }
        assert_eq!(safe_yaml_string("a\u{9b}\u{e0041}"), "a\\u009b\\U000e0041");
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left(text in any::<String>()) {
            prop_assert!(!has_unsafe(&safe_line(&text, true)));
        }

        #[test]
        fn json_stays_the_same_data(text in any::<String>()) {
            let json = safe_json(&json!({ &text: [&text] }).to_string(), true).into_owned();
            prop_assert!(!has_unsafe(&json));
            prop_assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), json!({ &text: [&text] }));
        }
    }
}
