//! Files that `remotes.toml` includes: read, and never written.
//!
//! Paths are relative to the file that names them, and may hold `*`, `?` and `[…]`. Of two remotes with one
//! name the user's own wins, then the one that is read first.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::Document;

use super::file::{ConfigError, line_of, read_text};
use super::name::RemoteName;
use super::problem::{Invalid, Problem};
use super::profile::Remote;
use super::schema::{self, Include};
use crate::e2ee::Fingerprint;

/// Most files that are included, those of included files counted.
const MAX_FILES: usize = 64;
/// How deep an included file may include others.
const MAX_DEPTH: usize = 8;

/// Where an included remote is defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line of the remote, counted from 1.
    pub line: usize,
}

/// What all included files say.
#[derive(Debug, Clone, Default)]
pub(super) struct Included {
    pub(super) remotes: BTreeMap<RemoteName, (Remote, Place)>,
    pub(super) blocked: Vec<Fingerprint>,
    /// Remotes that are not used, because one with the same name was read before.
    pub(super) shadowed: Vec<(RemoteName, Place)>,
    /// The text of each file.
    texts: BTreeMap<PathBuf, String>,
}

impl Included {
    /// Reads what `file`, which has this text, includes.
    pub(super) fn load(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut included = Self::default();
        let Ok(document) = Document::parse(text) else {
            // The reader of the file itself says what is wrong.
            return Ok(included);
        };
        let includes = schema::includes(document.as_table());
        included.follow(file, text, &includes, &mut Vec::new())?;
        Ok(included)
    }

    /// Returns the text of a file.
    pub(super) fn text_of(&self, path: &Path) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// How many files there are.
    pub(super) fn files(&self) -> usize {
        self.texts.len()
    }

    fn follow(
        &mut self,
        file: &Path,
        text: &str,
        includes: &[Include],
        above: &mut Vec<PathBuf>,
    ) -> Result<(), ConfigError> {
        if includes.is_empty() {
            return Ok(());
        }
        above.push(fs::canonicalize(file).unwrap_or_else(|_| file.to_owned()));
        for include in includes {
            let wrong = |why: &str| {
                let problem = Problem::new(format!("`include`: {why}"), include.span.clone());
                Invalid::new(file, text, vec![problem])
            };
            for path in expand(file, &include.pattern).map_err(wrong)? {
                let path = fs::canonicalize(path).map_err(|_| wrong("there is no such file"))?;
                if above.contains(&path) {
                    return Err(wrong("a file includes itself").into());
                }
                if above.len() > MAX_DEPTH {
                    return Err(wrong("files include each other too deeply").into());
                }
                if self.texts.contains_key(&path) {
                    continue;
                }
                if self.texts.len() == MAX_FILES {
                    return Err(wrong("too many files are included").into());
                }
                self.read(&path, above)?;
            }
        }
        above.pop();
        Ok(())
    }

    fn read(&mut self, path: &Path, above: &mut Vec<PathBuf>) -> Result<(), ConfigError> {
        let text = read_text(path)?;
        self.texts.insert(path.to_owned(), text.clone());
        let invalid = |problems| Invalid::new(path, &text, problems);
        let document = Document::parse(text.as_str());
        let document = document.map_err(|error| invalid(vec![Problem::from_toml(&error)]))?;
        let contents = schema::read_included(document.as_table()).map_err(invalid)?;
        for (name, remote) in &contents.remotes {
            if remote.options.network.runs_commands() {
                let why = "`command` runs a program: only remotes.toml itself may say that";
                let span = contents.spans.get(name).cloned().unwrap_or_default();
                return Err(invalid(vec![Problem::new(why, span)]).into());
            }
        }
        self.blocked.extend(contents.blocked);
        for (name, remote) in contents.remotes {
            let at = contents.spans.get(&name).map_or(0, |span| span.start);
            let line = line_of(&text, at);
            let place = Place {
                path: path.to_owned(),
                line,
            };
            match self.remotes.contains_key(&name) {
                true => self.shadowed.push((name, place)),
                false => drop(self.remotes.insert(name, (remote, place))),
            }
        }
        self.follow(path, &text, &contents.includes, above)
    }
}

/// Returns the files that a pattern names, by name. One without wildcards names one file.
fn expand(file: &Path, pattern: &str) -> Result<Vec<PathBuf>, &'static str> {
    let beside = file.parent().unwrap_or(Path::new("."));
    if !pattern.contains(['*', '?', '[']) {
        return Ok(vec![beside.join(pattern)]);
    }
    if pattern.contains("**") {
        return Err("`**` would search whole trees, and is not taken");
    }
    let pattern = match Path::new(pattern).is_absolute() {
        true => pattern.to_owned(),
        false => {
            let beside = beside.to_str().ok_or("the directory's name is not UTF-8")?;
            format!("{}/{pattern}", glob::Pattern::escape(beside))
        }
    };
    let hidden_as_in_a_shell = glob::MatchOptions {
        require_literal_leading_dot: true,
        require_literal_separator: true,
        ..glob::MatchOptions::new()
    };
    let found =
        glob::glob_with(&pattern, hidden_as_in_a_shell).map_err(|_| "this is no pattern")?;
    // One more than is allowed shows that there are too many.
    let files = found.flatten().filter(|path| path.is_file());
    Ok(files.take(MAX_FILES + 1).collect())
}
