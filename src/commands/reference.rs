//! Agents, terminals and the like, as somebody types them: `abc123`, or `work:abc123` for that of the remote
//! `work`, as lists of several remotes print them.

use std::convert::Infallible;
use std::str::FromStr;

use super::Context;
use crate::remote::{RemoteName, RemotesFile};

/// The type of every argument that names something of a daemon. [`crate::cli`] finds them by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference(String);

impl FromStr for Reference {
    type Err = Infallible;

    /// Takes any text: a title may have colons too.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl Reference {
    /// Returns the remote that stands before a colon, if `file` or the machine has one of that name.
    pub(super) fn remote(&self, file: impl FnOnce() -> Option<RemotesFile>) -> Option<&str> {
        let (name, _) = self.0.split_once(':')?;
        if name == RemoteName::LOCAL {
            return Some(name);
        }
        name.parse::<RemoteName>().ok()?;
        file()?.get(name).is_ok().then_some(name)
    }

    /// Returns whether it names nothing.
    pub(super) fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// Returns what the daemon of a command knows it by.
    pub(super) fn on(&self, context: &Context) -> &str {
        let remote = context.global.remote.as_deref();
        let rest = remote.and_then(|remote| self.0.strip_prefix(remote)?.strip_prefix(':'));
        rest.unwrap_or(&self.0)
    }
}

impl Context {
    /// Returns what this part of a command is about, of all that the command names.
    pub(super) fn subject<'a>(&'a self, all: &'a [Reference]) -> &'a str {
        let subject = self.part.id.as_ref().or(all.first());
        subject.map_or("", |reference| reference.on(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_saved_remote_stands_before_the_colon() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join("remotes.toml"),
            "[remotes.work]\nurl='a:1'\n",
        )
        .unwrap();
        let file = || RemotesFile::load(Some(dir.path())).ok();
        let remote = |text: &str| Reference(text.to_owned()).remote(file).map(str::to_owned);
        assert_eq!(remote("work:abc").as_deref(), Some("work"));
        assert_eq!(remote("local:abc").as_deref(), Some("local"));
        for text in ["abc", "fix: the bug", "lab:abc", ":abc", "work"] {
            assert_eq!(remote(text), None, "{text}");
        }
    }
}
