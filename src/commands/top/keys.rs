//! What somebody types, as keys.

/// A key, as far as one has a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    Enter,
    Escape,
    Erase,
    /// Ctrl-C or Ctrl-D.
    Interrupt,
    Char(char),
}

/// Takes apart what was typed at once; sequences of keys without a meaning are left out.
pub(super) fn keys(text: &str) -> Vec<Key> {
    let (mut rest, mut found) = (text, Vec::new());
    while let Some(first) = rest.chars().next() {
        let sequence = ["\u{1b}[", "\u{1b}O"].iter();
        if let Some(body) = sequence.filter_map(|begin| rest.strip_prefix(begin)).next() {
            let last = body.find(|c| matches!(c, '@'..='~'));
            let (body, after) = body.split_at(last.map_or(body.len(), |last| last + 1));
            match body {
                "A" => found.push(Key::Up),
                "B" => found.push(Key::Down),
                "5~" => found.push(Key::PageUp),
                "6~" => found.push(Key::PageDown),
                _ => {}
            }
            rest = after;
            continue;
        }
        rest = &rest[first.len_utf8()..];
        match first {
            '\r' | '\n' => found.push(Key::Enter),
            '\u{1b}' => found.push(Key::Escape),
            '\u{8}' | '\u{7f}' => found.push(Key::Erase),
            '\u{3}' | '\u{4}' => found.push(Key::Interrupt),
            c if c.is_control() => {}
            c => found.push(Key::Char(c)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        let found = keys("\u{1b}[A\u{1b}OB\u{1b}[15~é\r\u{7f}\u{1b}");
        let expected = [
            Key::Up,
            Key::Down,
            Key::Char('é'),
            Key::Enter,
            Key::Erase,
            Key::Escape,
        ];
        assert_eq!(found, expected);
        assert_eq!(keys("\u{1b}[12"), []);
    }
}
