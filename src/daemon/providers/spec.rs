//! What the daemon is told to run: `NAME=COMMAND`, `NAME=acp:COMMAND`, or `NAME=mock:`.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use super::{Acp, Command, Echo, Looks, Mock, Provider};
use crate::daemon::StartError;
use crate::daemon::processes::Processes;

/// Longest name of an agent.
const MAX_NAME_BYTES: usize = 64;

/// An agent that the daemon offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSpec {
    /// Id of its provider: a lower-case letter, then lower-case letters, digits and dashes.
    pub name: String,
    /// What it is.
    pub kind: AgentKind,
}

/// What an agent is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum AgentKind {
    /// Program and arguments, run for each prompt.
    Command(Vec<String>),
    /// Program and arguments of an agent that speaks ACP.
    Acp(Vec<String>),
    /// The scripted one.
    Mock,
}

/// Before a command: it speaks ACP.
const ACP: &str = "acp:";
/// In place of a command: the scripted agent.
const MOCK: &str = "mock:";

/// Not `NAME=COMMAND`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AgentSpecError {
    /// There is no `=`.
    #[error("an agent is written NAME=COMMAND")]
    NoCommand,
    /// The name is not one.
    #[error(
        "the name of an agent is a lower-case letter, then lower-case letters, digits and dashes"
    )]
    Name,
    /// The command is empty, or a quote is open.
    #[error("the command of an agent is empty, or a quote in it is not closed")]
    Command,
}

impl FromStr for AgentSpec {
    type Err = AgentSpecError;

    fn from_str(text: &str) -> Result<Self, AgentSpecError> {
        let (name, command) = text.split_once('=').ok_or(AgentSpecError::NoCommand)?;
        let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let first = name.starts_with(|c: char| c.is_ascii_lowercase());
        if !first || !name.chars().all(rest) || name.len() > MAX_NAME_BYTES {
            return Err(AgentSpecError::Name);
        }
        let argv = |command: &str| {
            let argv = words(command).filter(|argv| !argv.is_empty());
            argv.ok_or(AgentSpecError::Command)
        };
        let kind = match command.strip_prefix(ACP) {
            _ if command == MOCK => AgentKind::Mock,
            Some(command) => AgentKind::Acp(argv(command)?),
            None => AgentKind::Command(argv(command)?),
        };
        Ok(Self {
            name: name.to_owned(),
            kind,
        })
    }
}

impl AgentSpec {
    /// Returns the first word of its command that only a shell understands; its quotes are gone already, so what
    /// holds a blank was quoted, and meant as it is.
    pub fn shell_word(&self) -> Option<&str> {
        let (AgentKind::Command(argv) | AgentKind::Acp(argv)) = &self.kind else {
            return None;
        };
        let is_variable = |word: &str| {
            let name = word.split_once('=').map_or("", |(name, _)| name);
            let named = |c: char| c.is_ascii_alphanumeric() || c == '_';
            !name.is_empty()
                && name.chars().all(named)
                && !name.starts_with(|c: char| c.is_ascii_digit())
        };
        let is_operator = |word: &str| {
            let bare = word.trim_start_matches(|c: char| c.is_ascii_digit());
            ["|", "&", ";", ">", "<", "`"]
                .iter()
                .any(|sign| bare.starts_with(sign))
                || word.ends_with(';')
                || word.ends_with('`')
                || word.contains("$(")
                || word.starts_with('$')
                || word.starts_with("~/")
        };
        let mut words = argv.iter().map(String::as_str).enumerate();
        let found = words.find(|(n, word)| {
            let quoted = word.contains(char::is_whitespace);
            !quoted && (is_operator(word) || (*n == 0 && is_variable(word)))
        });
        found.map(|(_, word)| word)
    }
}

/// Splits a command into words as a shell does, with quotes and backslashes but without anything
/// else; `None` when a quote is open.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => word.push(chars.next()?),
                        c => word.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

/// Makes the providers: those that are named, and the built-in ones unless a name replaces one.
pub(in crate::daemon) fn all(
    specs: Vec<AgentSpec>,
    processes: &Arc<Processes>,
) -> Result<Vec<Arc<dyn Provider>>, StartError> {
    let mut providers: BTreeMap<String, Arc<dyn Provider>> = BTreeMap::new();
    let looks = Looks::default();
    for spec in specs {
        let provider: Arc<dyn Provider> = match spec.kind {
            AgentKind::Command(argv) => {
                Arc::new(Command::new(&spec.name, argv, Arc::clone(processes)))
            }
            AgentKind::Acp(argv) => {
                let processes = Arc::clone(processes);
                Arc::new(Acp::new(&spec.name, argv, processes, looks.clone()))
            }
            AgentKind::Mock => Arc::new(Mock::new(&spec.name)),
        };
        if providers.insert(spec.name.clone(), provider).is_some() {
            return Err(StartError::Duplicate(spec.name));
        }
    }
    let echo = || Arc::new(Echo::new()) as Arc<dyn Provider>;
    providers.entry(Echo::ID.to_owned()).or_insert_with(echo);
    Ok(providers.into_values().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_only_a_shell_understands_is_found() {
        let word = |text: &str| {
            text.parse::<AgentSpec>()
                .unwrap()
                .shell_word()
                .map(str::to_owned)
        };
        for (text, found) in [
            ("x=a; b", Some("a;")),
            ("x=a ; b", Some(";")),
            ("x=a | b", Some("|")),
            ("x=a && b", Some("&&")),
            ("x=a || b", Some("||")),
            ("x=a > out", Some(">")),
            ("x=a 2>&1", Some("2>&1")),
            ("x=a &", Some("&")),
            ("x=a < in", Some("<")),
            ("x=a $HOME", Some("$HOME")),
            ("x=a $(b)", Some("$(b)")),
            ("x=a `b`", Some("`b`")),
            ("x=~/bin/a", Some("~/bin/a")),
            ("x=KEY=1 a", Some("KEY=1")),
            ("x=acp:a | b", Some("|")),
            ("x=a --key=1", None),
            ("x=a key=1", None),
            ("x=sh -c 'a; b | c'", None),
            ("x=a {prompt}", None),
            ("x=mock:", None),
        ] {
            assert_eq!(word(text).as_deref(), found, "{text}");
        }
    }

    #[test]
    fn commands_are_split_as_a_shell_does() {
        let argv = |text: &str| text.parse::<AgentSpec>().map(|spec| spec.kind);
        let command = |words: &[&str]| {
            Ok(AgentKind::Command(
                words.iter().map(|w| (*w).to_owned()).collect(),
            ))
        };
        assert_eq!(argv("a=cat"), command(&["cat"]));
        assert_eq!(
            argv(r#"a=sh -c 'echo "$0"' "x y"\ z ''"#),
            command(&["sh", "-c", r#"echo "$0""#, "x y z", ""])
        );
        assert_eq!(argv("m=mock:"), Ok(AgentKind::Mock));
        let acp = ["gemini", "--acp"].map(str::to_owned).to_vec();
        assert_eq!(argv("g=acp:gemini --acp"), Ok(AgentKind::Acp(acp)));
        assert_eq!(argv("g=acp:"), Err(AgentSpecError::Command));
        assert_eq!(argv("a"), Err(AgentSpecError::NoCommand));
        assert_eq!(argv("A=x"), Err(AgentSpecError::Name));
        assert_eq!(argv("a= "), Err(AgentSpecError::Command));
        assert_eq!(argv("a='x"), Err(AgentSpecError::Command));
    }

    proptest! {
        #[test]
        fn no_command_panics(text in "\\PC*") {
            let _ = words(&text);
        }

        #[test]
        fn quoted_words_come_back(parts in prop::collection::vec("[^']*", 0..6)) {
            let text: Vec<_> = parts.iter().map(|part| format!("'{part}'")).collect();
            prop_assert_eq!(words(&text.join(" ")), Some(parts));
        }
    }
}
