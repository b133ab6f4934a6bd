//! YAML in block style, broken into lines as the official CLI breaks it (it prints with the library `yaml` of npm
//! and its defaults): strings are plain where they may be, else quoted; lines end at 80 characters where there is a
//! blank.

use std::fmt::Write;

use serde_json::Value;

use super::sanitize::{has_unsafe, safe_yaml_string};

/// Where a line is broken.
const WIDTH: usize = 80;
/// What a line holds at least, however deep it is indented.
const LEAST: usize = 20;

/// Returns a value as YAML, with a line feed at the end. For a terminal, strings that are not safe to show are quoted
/// and escaped.
pub(super) fn render(value: &Value, terminal: bool) -> String {
    let mut text = String::new();
    block(value, 0, None, terminal, &mut text);
    text.push('\n');
    text
}

/// Writes a value whose further lines are indented by `indent`. `taken` is how much of its first line is the key's.
fn block(value: &Value, indent: usize, taken: Option<usize>, terminal: bool, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (index, (key, value)) in fields.iter().enumerate() {
                if index > 0 {
                    line(indent, text);
                }
                let key = scalar(key, None, terminal);
                text.push_str(&key);
                text.push(':');
                let (from, inner) = (text.len(), indent + 2);
                match is_nested(value) {
                    true => line(inner, text),
                    false => text.push(' '),
                }
                let taken = Some(key.chars().count() + 1);
                block(value, inner, taken, terminal, text);
                // The value begins on a line of its own.
                if text[from..].starts_with(" \n") {
                    text.remove(from);
                }
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    line(indent, text);
                }
                text.push_str("- ");
                block(item, indent + 2, None, terminal, text);
            }
        }
        Value::String(string) => {
            text.push_str(&scalar(string, Some((indent, taken)), terminal));
        }
        // Nothing, numbers and what is empty are as in JSON.
        other => {
            let _ = write!(text, "{other}");
        }
    }
}

fn is_nested(value: &Value) -> bool {
    match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

fn line(indent: usize, text: &mut String) {
    let _ = write!(text, "\n{:indent$}", "");
}

/// Writes a string; a key has no `place` and stays on its line.
fn scalar(string: &str, place: Option<(usize, Option<usize>)>, terminal: bool) -> String {
    let controls = string.contains(|char: char| char.is_control() && char != '\n');
    let hidden = controls || (terminal && has_unsafe(string));
    if string.contains('\n') && !hidden {
        if let Some(lines) = place.and_then(|(indent, _)| lines(string, indent)) {
            return lines;
        }
        return quoted(string, terminal);
    }
    let written = match is_plain(string) && !hidden {
        true => string.to_owned(),
        false if string.contains('"') && !string.contains('\'') && !hidden => {
            format!("'{string}'")
        }
        false => quoted(string, terminal),
    };
    match place {
        Some((indent, taken)) => folded(&written, indent, taken),
        None => written,
    }
}

/// In double quotes a string is written as in JSON, but for the escapes of a terminal.
fn quoted(string: &str, terminal: bool) -> String {
    let quoted = Value::from(string).to_string();
    match terminal {
        true => safe_yaml_string(&quoted).into_owned(),
        false => quoted,
    }
}

/// Returns several lines in a block of their own, where that is possible: as they are behind `|`, or behind `>` when
/// some are too long.
fn lines(string: &str, indent: usize) -> Option<String> {
    let body = string.trim_end_matches('\n');
    // Blanks in front would be taken for indentation, those at the end are not seen, and a marker ends the document.
    let odd = |row: &str| row.starts_with([' ', '\t']) || (indent == 0 && is_marker(row));
    if body.is_empty()
        || body.starts_with('\n')
        || body.ends_with([' ', '\t'])
        || body.split('\n').any(odd)
    {
        return None;
    }
    let chomp = match string.len() - body.len() {
        0 => "-",
        1 => "",
        _ => return None,
    };
    let limit = WIDTH.saturating_sub(indent);
    if body.split('\n').any(|row| row.chars().count() > limit) {
        // A break that is meant is written twice.
        let mut text = String::new();
        for (index, row) in body.split('\n').enumerate() {
            if index > 0 {
                text.push('\n');
            }
            match row {
                "" => continue,
                _ if index > 0 => line(indent, &mut text),
                _ => {}
            }
            text.push_str(row);
        }
        if let Some(folded) = broken(&text, indent, limit) {
            let mut text = format!(">{chomp}");
            line(indent, &mut text);
            return Some(text + &folded);
        }
    }
    let mut text = format!("|{chomp}");
    for row in body.split('\n') {
        match row {
            "" => text.push('\n'),
            row => {
                line(indent, &mut text);
                text.push_str(row);
            }
        }
    }
    Some(text)
}

fn is_marker(row: &str) -> bool {
    row.starts_with("---") || row.starts_with("...")
}

/// Returns whether a string means itself without quotes.
fn is_plain(string: &str) -> bool {
    let special = |text: &str| text.starts_with(|char| ",[]{}#&*!|>'\"%@` \t".contains(char));
    let marked = |text: &str| matches!(text.strip_prefix(['?', '-']), Some(rest) if rest.is_empty() || rest.starts_with([' ', '\t']));
    let broken = [": ", ":\t", " #", "\t#"];
    !(string.is_empty()
        || special(string)
        || marked(string)
        || is_marker(string)
        || broken.iter().any(|mark| string.contains(mark))
        || string.ends_with([' ', '\t', ':', '-'])
        || means_another(string))
}

/// Returns whether a plain string is read as something else than a string.
fn means_another(string: &str) -> bool {
    const WORDS: [&str; 10] = [
        "~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE",
    ];
    let unsigned = string.strip_prefix(['+', '-']).unwrap_or(string);
    let based = |prefix: &str, base| {
        let digits = string.strip_prefix(prefix);
        digits.is_some_and(|it| !it.is_empty() && it.chars().all(|char| char.is_digit(base)))
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (number, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let exponent = exponent.is_none_or(|it| {
        let it = it.strip_prefix(['+', '-']).unwrap_or(it);
        !it.is_empty() && digits(it)
    });
    let number = digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty());
    WORDS.contains(&string)
        || [".inf", ".Inf", ".INF"].contains(&unsigned)
        || [".nan", ".NaN", ".NAN"].contains(&string)
        || based("0o", 8)
        || based("0x", 16)
        || (number && exponent)
}

/// Breaks a line that is too long: a reader makes one blank of each break.
fn folded(string: &str, indent: usize, taken: Option<usize>) -> String {
    let limit = match taken {
        Some(taken) if taken > WIDTH - LEAST => {
            // The key takes the whole line.
            let mut text = String::new();
            line(indent, &mut text);
            return text + &folded(string, indent, None);
        }
        Some(taken) => WIDTH - taken,
        None => WIDTH.saturating_sub(indent),
    };
    broken(string, indent, limit).unwrap_or_else(|| string.to_owned())
}

/// Breaks lines at blanks between words, the first one after `limit` characters. Returns nothing when one is too long
/// all the same and the text has several.
fn broken(string: &str, indent: usize, limit: usize) -> Option<String> {
    let step = (1 + LEAST).max((1 + WIDTH).saturating_sub(indent));
    let chars: Vec<char> = string.chars().collect();
    if chars.len() <= step {
        return Some(string.to_owned());
    }
    let several = string.contains('\n');
    let blank = |at: usize| chars.get(at).is_none_or(|char| " \t\n".contains(*char));
    let mut text = String::with_capacity(string.len() + 16);
    let (mut from, mut split, mut end) = (0, None, limit);
    for at in 0..chars.len() {
        if chars[at] == '\n' {
            (split, end) = (None, at + indent + step);
            continue;
        }
        if at > 0 && chars[at] == ' ' && !blank(at - 1) && !blank(at + 1) {
            split = Some(at);
        }
        if at >= end {
            match split.take() {
                Some(at) => {
                    text.extend(&chars[from..at]);
                    line(indent, &mut text);
                    from = at + 1;
                    end = at + step;
                }
                None if several => return None,
                None => {}
            }
        }
    }
    text.extend(&chars[from..]);
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// What the official CLI prints for the same data.
    #[test]
    fn is_what_the_official_cli_prints() {
        let value = json!([{
            "Name": "-", "at": "2026-11-26T17:32:15.934Z", "none": null, "list": [], "yes": true, "count": 3,
            "text": "Realistic agent flow streamed as sub-word tokens for five minutes (good for scroll/coalesce debugging).",
            "options": ["low", "high"], "modes": [{"id": "a", "label": "A b"}], "number": "12", "said": "Agent is idle.\nNothing.",
            "why": "Failed: no", "json": "{\"a\":1}", "empty": "",
        }]);
        let expected = r#"- Name: "-"
  at: 2026-11-26T17:32:15.934Z
  none: null
  list: []
  yes: true
  count: 3
  text: Realistic agent flow streamed as sub-word tokens for five minutes (good for
    scroll/coalesce debugging).
  options:
    - low
    - high
  modes:
    - id: a
      label: A b
  number: "12"
  said: |-
    Agent is idle.
    Nothing.
  why: "Failed: no"
  json: '{"a":1}'
  empty: ""
"#;
        assert_eq!(render(&value, false), expected);
    }

    #[test]
    fn a_string_that_looks_like_something_else_is_quoted() {
        for text in [
            "1", "-1.5e3", ".5", "1.", "0x1F", "0o7", "null", "~", "True", ".inf", "-.INF", ".nan",
        ] {
            assert!(!is_plain(text), "{text}");
        }
        for text in [
            "1.2.3", "1e", "0xg", "-.", "nul", "12:30", "a#b", "-x", "e5", "~/x", "a,b", "1 2",
        ] {
            assert!(is_plain(text), "{text}");
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "\\PC{0,120}",
            "[a-z \n:#'\"-]{0,160}",
            "[ -~\t\n\r\u{1b}\u{85}\u{2028}]{0,40}",
            "[-+.0-9eExo]{1,6}",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[a-z0-9 :-]{0,12}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Another reader of YAML gets the data back.
        #[test]
        fn means_what_was_written(value in any_json()) {
            let text = render(&value, false);
            let read: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            prop_assert_eq!(read, value, "{}", text);
        }

        /// So it does on a terminal, where nothing is written that acts on it or hides.
        #[test]
        fn is_safe_on_a_terminal(value in any_json(), string in "[a \n\u{9b}\u{202e}\u{3164}\u{fe0f}\u{e0041}]{0,40}") {
            let value = json!({ (string.as_str()): value, "b": [string] });
            let text = render(&value, true);
            let read: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            prop_assert!(!has_unsafe(&text), "{}", text);
            prop_assert_eq!(read, value, "{}", text);
        }
    }
}
