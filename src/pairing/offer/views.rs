//! The ways in which mail, chat and browsers rewrite a text that carries an offer, taken back.
//!
//! Each function returns the text as it was before one rewriting, or nothing when that rewriting has left no
//! trace. None of them has to be exact: an offer in the result must still parse as a whole.

use std::fmt::Write;

use zeroize::Zeroizing;

/// Returns the text in every form in which an offer may stand in it, the text itself first.
pub(super) fn views(text: &str) -> Vec<Zeroizing<String>> {
    let mut views = vec![cleaned(text)];
    // Each undoes what was done last, so they build on each other: a link in quoted-printable HTML that a mail
    // gateway has wrapped in a link of its own.
    for undo in [quoted_printable, html, percent, percent] {
        let last = views.last().expect("the text itself is there");
        if let Some(view) = undo(last) {
            views.push(view);
        }
    }
    if let Some(view) = url_defense(&views[0]) {
        views.push(view);
    }
    views
}

/// Leaves out what nobody sees and what copying adds: byte order marks, zero-width characters, soft hyphens, marks
/// of direction. Quotes become plain ones.
fn cleaned(text: &str) -> Zeroizing<String> {
    // With room for all of it: a string that grows leaves its old bytes behind.
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    out.extend(text.chars().filter_map(|c| match c {
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => None,
        '“' | '”' | '„' | '‟' | '″' | '＂' => Some('"'),
        other => Some(other),
    }));
    out
}

/// Undoes quoted-printable (RFC 2045): `=3D` and soft line breaks.
fn quoted_printable(text: &str) -> Option<Zeroizing<String>> {
    escaped(text, '=', |rest| {
        let soft = rest.strip_prefix("\r\n").or(rest.strip_prefix('\n'));
        soft.map(|soft| rest.len() - soft.len())
    })
}

/// Undoes percent-encoding, as in the links of mail gateways (`?url=https%3A%2F%2F…%23offer%3D…`).
fn percent(text: &str) -> Option<Zeroizing<String>> {
    escaped(text, '%', |_| None)
}

/// Undoes the links of `urldefense.com/v2`, in which `-` stands for `%` and `_` for `/`.
fn url_defense(text: &str) -> Option<Zeroizing<String>> {
    if !text.contains("-23offer-3D") {
        return None;
    }
    escaped(&Zeroizing::new(text.replace('_', "/")), '-', |_| None)
}

/// Replaces `mark` and two hexadecimal digits by the character with that number, and leaves out the mark and as many
/// bytes behind it as `skipped` says.
fn escaped(
    text: &str,
    mark: char,
    skipped: impl Fn(&str) -> Option<usize>,
) -> Option<Zeroizing<String>> {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(mark) {
        out.push_str(before);
        rest = if let Some(length) = skipped(behind) {
            &behind[length..]
        } else if let Some(byte) = behind.get(..2).and_then(hexadecimal) {
            out.push(char::from(byte));
            &behind[2..]
        } else {
            out.push(mark);
            behind
        };
    }
    out.push_str(rest);
    (out.as_str() != text).then_some(out)
}

fn hexadecimal(digits: &str) -> Option<u8> {
    let digits = digits
        .bytes()
        .all(|b| b.is_ascii_hexdigit())
        .then_some(digits)?;
    u8::from_str_radix(digits, 16).ok()
}

/// Bytes of the longest character reference, its `&` and `;` included.
const LONGEST_REFERENCE: usize = 18;

/// Undoes what HTML does inside of an address: character references and `<wbr>`.
fn html(text: &str) -> Option<Zeroizing<String>> {
    if !text.contains(['&', '<']) {
        return None;
    }
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<']) {
        out.push_str(&rest[..at]);
        let (behind, written) = reference(&rest[at..]);
        match written {
            Some(c) => out.push(c),
            None if behind.len() + 1 == rest.len() - at => out.push_str(&rest[at..=at]),
            None => {}
        }
        rest = behind;
    }
    out.push_str(rest);
    (out.as_str() != text).then_some(out)
}

/// Returns what follows a character reference or `<wbr>`, and the character that it stands for, if anybody sees it.
/// Anything else is one character long.
fn reference(text: &str) -> (&str, Option<char>) {
    for tag in ["<wbr>", "<wbr/>", "<wbr />"] {
        if let Some(behind) = text.strip_prefix(tag) {
            return (behind, None);
        }
    }
    let one = &text[1..];
    let end = text
        .bytes()
        .take(LONGEST_REFERENCE)
        .position(|byte| byte == b';');
    let (Some(end), true) = (end, text.starts_with('&')) else {
        return (one, None);
    };
    let (name, behind) = (&text[1..end], &text[end + 1..]);
    let number = name.strip_prefix('#').and_then(|number| {
        match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => number.parse().ok(),
        }
        .and_then(char::from_u32)
    });
    let seen = match name {
        "num" => Some('#'),
        "equals" => Some('='),
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "nbsp" => Some(' '),
        "lowbar" => Some('_'),
        "plus" => Some('+'),
        "sol" => Some('/'),
        "shy" | "ZeroWidthSpace" | "zwj" | "zwnj" => return (behind, None),
        _ => number,
    };
    match seen {
        Some('\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{feff}') => (behind, None),
        Some(c) => (behind, Some(c)),
        None => (one, None),
    }
}

/// Joins lines that were broken to fit a page, without the marks of quoting and boxes at their ends. JSON means
/// the same afterwards; a text in it that was broken is whole again.
pub(super) fn unwrapped(text: &str) -> Zeroizing<String> {
    let mut joined = Zeroizing::new(String::with_capacity(text.len()));
    for line in text.lines() {
        let line = line.trim_matches(is_margin);
        // A write to a string cannot fail.
        let _ = joined.write_str(line);
    }
    joined
}

/// Returns whether a character may stand between two parts of a broken line, and is part of neither.
pub(super) fn is_margin(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '>' | '|' | '\\' | '\u{2500}'..='\u{257f}' | '↩' | '↵' | '⏎'
        )
}
