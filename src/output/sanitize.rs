//! Text from another machine, made safe for this terminal.
//!
//! Escape sequences can rewrite the screen, change the window title or answer as if typed; bidi
//! controls can show a command in another order than it has. They are shown as `\u{1b}` instead.
//! Text for pipes and files is left alone: programs want the bytes.

use std::borrow::Cow;
use std::fmt::Write;

/// Makes a text safe that may have several lines: line feeds and tabs stay.
pub fn safe_text(text: &str, terminal: bool) -> Cow<'_, str> {
    escape(text, terminal, |c| c == '\n' || c == '\t')
}

/// Makes a text safe that must stay on one line, such as a table cell.
pub fn safe_line(text: &str, terminal: bool) -> Cow<'_, str> {
    escape(text, terminal, |_| false)
}

fn escape(text: &str, terminal: bool, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !terminal || !text.chars().any(|c| is_unsafe(c) && !keep(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !is_unsafe(c) || keep(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => write!(out, "\\u{{{:x}}}", u32::from(c)).expect("writing to a string cannot fail"),
        }
    }
    Cow::Owned(out)
}

/// Control characters, bidi controls, and invisible characters other than the joiners that emoji need.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn nothing_unsafe_is_left(text in any::<String>()) {
            prop_assert!(!safe_line(&text, true).chars().any(is_unsafe));
        }
    }
}
