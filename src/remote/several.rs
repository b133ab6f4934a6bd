//! Several remotes at once: `a,b`, `@tag`, `web-*`, `all`, and lists of these.

use std::collections::BTreeSet;

use glob::{MatchOptions, Pattern};

use super::file::{RemotesFile, UnknownRemote};
use super::name::RemoteName;
use super::profile::Remote;
use super::select::Choice;
use crate::spelling::closest;

/// Every saved remote.
const ALL: &str = "all";
/// Longest part of a list.
const MAX_BYTES: usize = 63;

/// What `-r` says when it names more than one remote can be.
#[derive(Debug, Clone, PartialEq)]
pub struct Several {
    picks: Vec<Pick>,
}

#[derive(Debug, Clone, PartialEq)]
enum Pick {
    Name(String),
    Tag(String),
    Fitting(Pattern),
    All,
}

/// Whether every remote was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breadth {
    /// By its own name.
    Named,
    /// By what it has in common with others; a new remote may join them unseen.
    Broad,
}

/// Why a text names no remotes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SeveralError {
    /// Nothing between two commas, or something else. It is not repeated: it may be an offer in the wrong place.
    #[error("a list of remotes is names, @tags and patterns such as web-*, with commas between")]
    Malformed,
    /// No remote has the tag.
    #[error("no remote has the tag `{tag}`")]
    Tag {
        /// The tag.
        tag: String,
        /// The most similar tag of any remote.
        suggestion: Option<String>,
    },
    /// No remote fits.
    #[error("no remote fits `{0}`")]
    Nothing(String),
    /// No remote is saved.
    #[error("no remote is saved")]
    NoneSaved,
    /// One of the names.
    #[error(transparent)]
    Unknown(#[from] UnknownRemote),
}

impl Several {
    /// Reads a text; `None` when it is the name of one remote, known or not.
    pub fn parse(text: &str) -> Result<Option<Self>, SeveralError> {
        let special = |c| matches!(c, ',' | '*' | '?' | '[');
        if text != ALL && !text.starts_with('@') && !text.contains(special) {
            return Ok(None);
        }
        let picks = text.split(',').map(|part| Pick::parse(part.trim()));
        Ok(Some(Self {
            picks: picks.collect::<Result<_, _>>()?,
        }))
    }

    /// Returns whether every remote is named.
    pub fn breadth(&self) -> Breadth {
        match self.picks.iter().all(|pick| matches!(pick, Pick::Name(_))) {
            true => Breadth::Named,
            false => Breadth::Broad,
        }
    }

    /// Returns the daemons, each once: in the order of the text, and of the file where that says nothing.
    pub fn among(&self, file: &RemotesFile) -> Result<Vec<Choice>, SeveralError> {
        let mut found: Vec<Choice> = Vec::new();
        for pick in &self.picks {
            for choice in pick.among(file)? {
                if !found.iter().any(|known| known.name() == choice.name()) {
                    found.push(choice);
                }
            }
        }
        Ok(found)
    }
}

impl RemotesFile {
    /// Returns the tags that any remote has, each once, in the order of the alphabet.
    pub fn tags(&self) -> Vec<&str> {
        let tags = self.remotes().flat_map(|remote| &remote.tags);
        let tags: BTreeSet<&str> = tags.map(String::as_str).collect();
        tags.into_iter().collect()
    }
}

impl Pick {
    fn parse(text: &str) -> Result<Self, SeveralError> {
        let word = text.strip_prefix('@').unwrap_or(text);
        let ordinary = |c: char| c.is_alphanumeric() || "_.-*?[]!".contains(c);
        if word.is_empty() || word.len() > MAX_BYTES || !word.chars().all(ordinary) {
            return Err(SeveralError::Malformed);
        }
        if text.starts_with('@') {
            return Ok(Self::Tag(word.to_owned()));
        }
        if word == ALL {
            return Ok(Self::All);
        }
        match word.contains(['*', '?', '[']) {
            true => Pattern::new(word)
                .map(Self::Fitting)
                .map_err(|_| SeveralError::Malformed),
            false => Ok(Self::Name(word.to_owned())),
        }
    }

    fn among(&self, file: &RemotesFile) -> Result<Vec<Choice>, SeveralError> {
        let fitting = |fits: &dyn Fn(&Remote) -> bool| -> Vec<Choice> {
            let fitting = file.remotes().filter(|remote| fits(remote));
            fitting.map(Choice::saved).collect()
        };
        let (found, none) = match self {
            Self::Name(name) if name == RemoteName::LOCAL => return Ok(vec![Choice::Local]),
            Self::Name(name) => return Ok(vec![Choice::saved(file.get(name)?)]),
            Self::All => (fitting(&|_| true), SeveralError::NoneSaved),
            Self::Tag(tag) => {
                let found = fitting(&|remote| remote.tags.contains(tag));
                let tags: Vec<&str> = file.tags();
                let suggestion = closest(tag, &tags).map(str::to_owned);
                let tag = tag.clone();
                (found, SeveralError::Tag { tag, suggestion })
            }
            Self::Fitting(pattern) => {
                let options = MatchOptions::new();
                let fits = |remote: &Remote| pattern.matches_with(remote.name.as_str(), options);
                (fitting(&fits), SeveralError::Nothing(pattern.to_string()))
            }
        };
        match found.is_empty() {
            true => Err(none),
            false => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> RemotesFile {
        let dir = tempfile::tempdir().unwrap();
        let remotes = "[remotes.web-2]\nurl='a:1'\ntags=['prod']\n[remotes.web-1]\nurl='b:1'\n\
            tags=['prod', 'gpu']\n[remotes.lab]\nurl='c:1'\n";
        std::fs::write(dir.path().join("remotes.toml"), remotes).unwrap();
        RemotesFile::load(Some(dir.path())).unwrap()
    }

    fn names(text: &str) -> Result<String, SeveralError> {
        let several = Several::parse(text)?.expect("it is several");
        let found = several.among(&file())?;
        let names: Vec<_> = found.iter().filter_map(Choice::name).collect();
        Ok(names.join(" "))
    }

    #[test]
    fn one_name_is_not_several() {
        for name in ["work", "", "local", "web-1", "nobody@home"] {
            assert_eq!(Several::parse(name), Ok(None), "{name}");
        }
    }

    #[test]
    fn lists_tags_patterns_and_all() {
        for (text, found) in [
            ("lab,web-1", "lab web-1"),
            ("lab, local ,lab", "lab local"),
            ("@gpu", "web-1"),
            ("@prod,lab", "web-1 web-2 lab"),
            ("web-*", "web-1 web-2"),
            ("?ab", "lab"),
            ("all", "lab web-1 web-2"),
        ] {
            assert_eq!(names(text).unwrap(), found, "{text}");
        }
        let breadth = |text| Several::parse(text).unwrap().unwrap().breadth();
        assert_eq!(breadth("a,b"), Breadth::Named);
        for broad in ["a,@b", "a*", "all", "@x"] {
            assert_eq!(breadth(broad), Breadth::Broad, "{broad}");
        }
    }

    #[test]
    fn what_names_nothing_says_so() {
        for (text, said) in [
            ("a,,b", "a list of remotes is"),
            ("@", "a list of remotes is"),
            ("@prid", "no remote has the tag `prid`"),
            ("x*", "no remote fits `x*`"),
            ("lab,wbe-1", "there is no remote `wbe-1`"),
            ("[", "a list of remotes is"),
            (r#"{"v":2,"serverId":"srv_1"}"#, "a list of remotes is"),
        ] {
            let error = names(text).unwrap_err();
            assert!(error.to_string().starts_with(said), "{text}: {error}");
        }
        let suggestion = match names("@prid") {
            Err(SeveralError::Tag { suggestion, .. }) => suggestion,
            _ => None,
        };
        assert_eq!(suggestion.as_deref(), Some("prod"));
    }
}
