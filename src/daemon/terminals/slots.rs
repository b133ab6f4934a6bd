//! What one socket follows: the slots of its streams, and the directories whose terminals it wants to know.

use std::collections::BTreeMap;

use crate::protocol::terminals::Terminal;

/// Directories that one socket may follow.
const MAX_DIRECTORIES: usize = 256;

/// The streams and directories of one socket.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Slots {
    streams: BTreeMap<u8, String>,
    next: u8,
    directories: Vec<Directory>,
}

/// A directory, and perhaps one workspace in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::daemon) struct Directory {
    pub(in crate::daemon) cwd: String,
    pub(in crate::daemon) workspace_id: Option<String>,
}

impl Directory {
    /// Returns whether a terminal belongs to it.
    pub(in crate::daemon) fn holds(&self, terminal: &Terminal) -> bool {
        let below = terminal
            .cwd
            .as_deref()
            .and_then(|cwd| cwd.strip_prefix(self.cwd.trim_end_matches('/')));
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            && (self.workspace_id.is_none() || self.workspace_id == terminal.workspace_id)
    }
}

impl Slots {
    /// Gives a terminal a slot, the one it has already if it has one; `None` when all are taken.
    pub(super) fn take(&mut self, terminal_id: &str) -> Option<u8> {
        let known = self.streams.iter().find(|(_, id)| *id == terminal_id);
        if let Some((slot, _)) = known {
            return Some(*slot);
        }
        let free = |slot: &u8| !self.streams.contains_key(slot);
        let slot = (0..=u8::MAX)
            .map(|step| self.next.wrapping_add(step))
            .find(free)?;
        self.next = slot.wrapping_add(1);
        self.streams.insert(slot, terminal_id.to_owned());
        Some(slot)
    }

    /// Takes the slot of a terminal back.
    pub(super) fn give_back(&mut self, terminal_id: &str) {
        self.streams.retain(|_, id| id != terminal_id);
    }

    /// Returns the terminal of a slot.
    pub(in crate::daemon) fn terminal(&self, slot: u8) -> Option<&String> {
        self.streams.get(&slot)
    }

    /// Follows a directory.
    pub(in crate::daemon) fn follow(&mut self, directory: Directory) {
        if self.directories.len() < MAX_DIRECTORIES && !self.directories.contains(&directory) {
            self.directories.push(directory);
        }
    }

    /// Follows it no longer.
    pub(in crate::daemon) fn forget(&mut self, directory: &Directory) {
        self.directories.retain(|known| known != directory);
    }

    /// The directories that are followed.
    pub(super) fn directories(&self) -> &[Directory] {
        &self.directories
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stream_has_its_slot() {
        let mut slots = Slots::default();
        assert_eq!(
            (slots.take("a"), slots.take("b"), slots.take("a")),
            (Some(0), Some(1), Some(0))
        );
        slots.give_back("a");
        assert_eq!((slots.take("c"), slots.terminal(0)), (Some(2), None));
        for number in 0..254 {
            assert!(slots.take(&number.to_string()).is_some());
        }
        assert_eq!(slots.take("one too many"), None);
        slots.give_back("b");
        assert_eq!(slots.take("d"), Some(1));
    }

    #[test]
    fn a_directory_holds_what_is_below_it() {
        let directory = |cwd: &str| Directory {
            cwd: cwd.to_owned(),
            workspace_id: None,
        };
        let terminal = Terminal {
            cwd: Some("/a/b".to_owned()),
            ..Terminal::default()
        };
        for (cwd, holds) in [
            ("/a/b", true),
            ("/a/b/", true),
            ("/a", true),
            ("/", true),
            ("/a/bc", false),
            ("/a/b/c", false),
        ] {
            assert_eq!(directory(cwd).holds(&terminal), holds, "{cwd}");
        }
        let other = Directory {
            workspace_id: Some("w".to_owned()),
            ..directory("/a")
        };
        assert!(!other.holds(&terminal));
    }
}
