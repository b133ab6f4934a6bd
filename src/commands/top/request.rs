//! A request on the whole screen: everything about it, and its choices.

use std::time::Instant;

use super::keys::Key;
use super::model::Target;
use crate::commands::agent::answering::ARMING;
use crate::commands::permission::{Asked, Choice, wrapped};

/// Lines of the screen that are not for the request: its name, and what the keys do.
const AROUND: usize = 2;

/// A request that somebody looks at. It can be answered once all of it was on the screen, and a moment has passed
/// since: a key that is on its way was for something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Viewed {
    pub(super) target: Target,
    pub(super) asked: Asked,
    /// As they fit the screen.
    lines: Vec<String>,
    /// The first line that is shown, and how many fit.
    first: usize,
    page: usize,
    /// How many lines were on the screen.
    seen: usize,
    /// Since when all of them were.
    whole_since: Option<Instant>,
    armed: bool,
}

impl Viewed {
    pub(super) fn new(target: Target, asked: Asked) -> Self {
        Self {
            target,
            asked,
            lines: Vec::new(),
            first: 0,
            page: 1,
            seen: 0,
            whole_since: None,
            armed: false,
        }
    }

    /// Takes note that it is about to be shown, with so many columns and rows. A request that has changed is a new one.
    pub(super) fn settle(&mut self, asked: &Asked, (cols, rows): (usize, usize), now: Instant) {
        if self.asked != *asked {
            *self = Self::new(self.target.clone(), asked.clone());
        }
        let mut lines = asked.lines();
        lines.push(String::new());
        lines.extend(asked.numbered());
        let lines = wrapped(&lines, cols);
        if lines != self.lines {
            (self.lines, self.seen) = (lines, 0);
        }
        // Where there is no room for a line of it, nothing of it is seen.
        self.page = rows.saturating_sub(AROUND);
        let last = self.lines.len().saturating_sub(self.page);
        self.first = self.first.min(last);
        // What was passed over was not seen.
        if self.first <= self.seen {
            self.seen = self.seen.max(self.shown().end);
        }
        if self.left() == 0 && self.whole_since.is_none() {
            self.whole_since = Some(now);
        }
    }

    /// Returns the lines that are shown.
    pub(super) fn page(&self) -> &[String] {
        &self.lines[self.shown()]
    }

    fn shown(&self) -> std::ops::Range<usize> {
        self.first..(self.first + self.page).min(self.lines.len())
    }

    /// Returns how many lines were never on the screen.
    pub(super) fn left(&self) -> usize {
        self.lines.len() - self.seen
    }

    /// Returns when it can be answered, unless it can be already or needs to be seen first.
    pub(super) fn arms_at(&self) -> Option<Instant> {
        let since = self.whole_since.filter(|_| !self.armed);
        since.map(|since| since + ARMING)
    }

    /// From now on keys are answers.
    pub(super) fn arm(&mut self) {
        self.armed = true;
    }

    pub(super) fn is_armed(&self) -> bool {
        self.armed
    }

    /// Takes a key; returns the choice that it makes.
    pub(super) fn typed(&mut self, key: Key) -> Option<&Choice> {
        match key {
            Key::Up | Key::Char('k') => self.first = self.first.saturating_sub(1),
            Key::Down | Key::Char('j') => self.first += 1,
            Key::PageUp => self.first = self.first.saturating_sub(self.page.max(1)),
            Key::PageDown | Key::Char(' ' | 'm') => self.first += self.page.max(1),
            Key::Char(typed) if self.armed => return self.asked.choose(&typed.to_string()),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::top::rows::tests::request;

    fn target() -> Target {
        Target {
            remote: 0,
            agent: "a".to_owned(),
        }
    }

    /// A line that does not fit goes on in the next one, and a screen without room for one shows none.
    #[test]
    fn a_tiny_screen_hides_nothing() {
        let asked = request("r", false);
        let now = Instant::now();
        for size in [(80, 1), (80, 2), (1, 1), (19, 2)] {
            let mut viewed = Viewed::new(target(), asked.clone());
            for _ in 0..20 {
                viewed.settle(&asked, size, now);
                assert!(viewed.page().is_empty());
                viewed.typed(Key::Char(' '));
            }
            assert_eq!(viewed.arms_at(), None, "{size:?}");
        }
        let mut viewed = Viewed::new(target(), asked.clone());
        let mut shown = String::new();
        viewed.settle(&asked, (8, 3), now);
        while viewed.left() > 0 {
            shown += viewed.page()[0].trim_start_matches('|');
            viewed.typed(Key::Down);
            viewed.settle(&asked, (8, 3), now);
        }
        let command = &asked.lines()[0];
        assert!(shown.starts_with(command), "{shown}");
    }

    #[test]
    fn it_is_answered_after_it_was_seen() {
        let asked = request("r", false);
        let mut viewed = Viewed::new(target(), asked.clone());
        let now = Instant::now();
        assert_eq!(viewed.typed(Key::Char('y')), None);
        // Four lines: the command, a blank one, two choices.
        viewed.settle(&asked, (80, 4), now);
        assert_eq!((viewed.left(), viewed.arms_at()), (2, None));
        assert_eq!(viewed.typed(Key::Char('1')), None);
        viewed.typed(Key::Char(' '));
        viewed.settle(&asked, (80, 4), now);
        assert_eq!(viewed.left(), 0);
        assert_eq!(viewed.arms_at(), Some(now + ARMING));
        assert_eq!(viewed.typed(Key::Char('1')), None);
        viewed.arm();
        assert!(viewed.typed(Key::Char('1')).is_some_and(|it| it.allows));
        assert!(viewed.typed(Key::Char('n')).is_some_and(|it| !it.allows));
        assert_eq!(viewed.typed(Key::Char('3')), None);
        // Another one under the same cursor is another one.
        viewed.settle(&request("other", false), (80, 4), now);
        assert_eq!(viewed.typed(Key::Char('1')), None);
    }
}
