//! The modes that programs set on a terminal, and what takes them back.

use std::collections::BTreeMap;

/// Private modes that are kept track of at once.
const MANY: usize = 64;
/// Modes that a terminal has from the beginning: autowrap, visible cursor.
const USUAL: [u16; 2] = [7, 25];
/// Modes that are the user's own choice, or no modes: columns, blinking, saved cursor.
const LEFT_ALONE: [u16; 4] = [3, 12, 40, 1048];
/// The other screen, in its three spellings.
const OTHER_SCREEN: [u16; 3] = [47, 1047, 1049];

/// What differs from a terminal as a shell expects it.
#[derive(Debug, Default)]
pub(super) struct Modes {
    private: BTreeMap<u16, bool>,
    /// Levels of the kitty keyboard protocol that were pushed.
    keyboards: u16,
    keyboard: bool,
    modified_keys: bool,
    keypad: bool,
    characters: bool,
    region: bool,
    cursor: bool,
}

impl Modes {
    /// Notes a short sequence, without its escape character.
    pub(super) fn escape(&mut self, body: &[u8]) {
        match body {
            b"c" => *self = Self::default(),
            b"=" => self.keypad = true,
            b">" => self.keypad = false,
            [b'(', set] => self.characters = *set != b'B',
            _ => {}
        }
    }

    /// Notes a control sequence, without `ESC [`.
    pub(super) fn control(&mut self, body: &[u8]) {
        let Some((last, rest)) = body.split_last() else {
            return;
        };
        match (last, rest) {
            (b'h', [b'?', modes @ ..]) => self.set(modes, true),
            (b'l', [b'?', modes @ ..]) => self.set(modes, false),
            (b'u', [b'>', ..]) => self.keyboards = self.keyboards.saturating_add(1),
            (b'u', [b'<', levels @ ..]) => {
                let levels = number(levels).unwrap_or(1).max(1);
                self.keyboards = self.keyboards.saturating_sub(levels);
            }
            (b'u', [b'=', flags @ ..]) => self.keyboard = number(flags) != Some(0),
            (b'm', [b'>', b'4', rest @ ..]) => {
                self.modified_keys = !rest.is_empty() && rest != b";0"
            }
            (b'p', b"!") => {
                self.region = false;
                self.keypad = false;
            }
            (b'q', [.., b' ']) => self.cursor = !matches!(rest, b" " | b"0 "),
            (b'r', []) => self.region = false,
            (b'r', [b'0'..=b'9' | b';', ..]) => self.region = true,
            _ => {}
        }
    }

    /// Returns whether a program has the other screen.
    pub(super) fn on_other_screen(&self) -> bool {
        OTHER_SCREEN
            .iter()
            .any(|mode| self.private.get(mode) == Some(&true))
    }

    /// Returns what takes back all that differs, colours included.
    pub(super) fn undo(&self) -> Vec<u8> {
        let mut undo = Vec::new();
        let mut say = |text: &str| undo.extend_from_slice(text.as_bytes());
        if self.keyboards > 0 {
            say(&format!("\x1b[<{}u", self.keyboards));
        }
        if self.keyboard {
            say("\x1b[=0u");
        }
        if self.modified_keys {
            say("\x1b[>4m");
        }
        if self.keypad {
            say("\x1b>");
        }
        if self.region {
            // It would move the cursor.
            say("\x1b7\x1b[r\x1b8");
        }
        let differing = self
            .private
            .iter()
            .filter(|(mode, set)| USUAL.contains(mode) != **set);
        // The other screen goes last: leaving it brings the cursor back.
        let (screen, others): (Vec<_>, Vec<_>) =
            differing.partition(|(mode, _)| OTHER_SCREEN.contains(mode));
        for (mode, set) in others.into_iter().chain(screen) {
            say(&format!("\x1b[?{mode}{}", if *set { 'l' } else { 'h' }));
        }
        if self.characters {
            say("\x0f\x1b(B");
        }
        if self.cursor {
            say("\x1b[0 q");
        }
        say("\x1b[m");
        undo
    }

    fn set(&mut self, modes: &[u8], set: bool) {
        for mode in modes.split(|byte| *byte == b';').filter_map(number) {
            let room = self.private.len() < MANY || self.private.contains_key(&mode);
            if room && !LEFT_ALONE.contains(&mode) {
                self.private.insert(mode, set);
            }
        }
    }
}

/// Reads the number at the beginning.
fn number(bytes: &[u8]) -> Option<u16> {
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    std::str::from_utf8(&bytes[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use crate::tty::{Answered, Filter};

    fn undo(text: &str) -> String {
        let mut filter = Filter::new(Answered::More);
        filter.pass(text.as_bytes(), &mut Vec::new());
        String::from_utf8(filter.undo()).unwrap()
    }

    #[test]
    fn what_an_editor_sets_is_taken_back() {
        let editor = "\x1b[?1049h\x1b[?1h\x1b=\x1b[?25l\x1b[?1000;1006h\x1b[?2004h\x1b[2;20r\x1b[2 q\x1b[>4;2m";
        assert_eq!(
            undo(editor),
            "\x1b[>4m\x1b>\x1b7\x1b[r\x1b8\x1b[?1l\x1b[?25h\x1b[?1000l\x1b[?1006l\x1b[?2004l\x1b[?1049l\
             \x1b[0 q\x1b[m"
        );
        let left =
            "\x1b[?1049l\x1b[?1l\x1b>\x1b[?25h\x1b[?1000;1006l\x1b[?2004l\x1b[r\x1b[0 q\x1b[>4m";
        assert_eq!(undo(&[editor, left].concat()), "\x1b[m");
        assert_eq!(undo(&[editor, "\x1bc"].concat()), "\x1b[m");
    }

    #[test]
    fn keyboards_are_popped() {
        assert_eq!(
            undo("\x1b[>1u\x1b[>5u\x1b[<u\x1b[=3;1u"),
            "\x1b[<1u\x1b[=0u\x1b[m"
        );
        assert_eq!(undo("\x1b[<9u\x1b[=0u"), "\x1b[m");
    }

    #[test]
    fn what_is_usual_is_left() {
        assert_eq!(
            undo("\x1b[?7h\x1b[?12h\x1b[?25h\x1b[1;31mred\x1b(0\x1b(B"),
            "\x1b[m"
        );
        assert_eq!(undo("\x1b(0lqqk\x1b[?7l"), "\x1b[?7h\x0f\x1b(B\x1b[m");
        let many: String = (2000..4000).map(|mode| format!("\x1b[?{mode}h")).collect();
        assert!(undo(&many).len() < 1000);
    }
}
