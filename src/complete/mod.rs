//! Completion: what the shell asks for while a command line is typed.
//!
//! The shell runs the binary with `PASEO_COMPLETE` set, and this answers out of the command tree and
//! `remotes.toml`: no secret store is opened and no connection made. Ids of agents and the like come from a
//! cache, else from one short attempt. A file that cannot be read gives no candidates: an error has no place
//! in a half-typed line.

mod cache;
mod live;
mod shells;
mod typed;
mod word;

pub use cache::{Cache, Kind};
pub use word::Word;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};

use crate::env::{self, Env};
use crate::remote::{PASSWORD, RemoteName, RemotesFile, SettingKey};

/// Answers the shell; returns whether it was the shell that asked.
pub fn answer(argv: &[OsString], tree: fn() -> clap::Command) -> bool {
    let completer = CompleteEnv::with_factory(tree)
        .var(env::PASEO_COMPLETE)
        .shells(Shells(shells::ALL));
    let dir = std::env::current_dir().ok();
    // A shell that is not known gets nothing, like any other mistake here.
    completer.try_complete(argv, dir.as_deref()).unwrap_or(true)
}

/// Candidates for an argument that names a saved remote.
pub fn remotes() -> ArgValueCandidates {
    ArgValueCandidates::new(|| saved(&config_dir()))
}

/// … or the daemon of this machine.
pub fn daemons() -> ArgValueCandidates {
    ArgValueCandidates::new(|| with_local(&config_dir()))
}

/// … or several: behind a comma there is the next one.
pub fn targets() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_string_lossy();
        let (before, last) = match typed.rfind(',') {
            Some(comma) => typed.split_at(comma + 1),
            None => ("", &*typed),
        };
        let fits = |candidate: &CompletionCandidate| {
            let value = candidate.get_value().to_string_lossy();
            // Who named one does not mean all, nor the same one again.
            let is_named = !before.is_empty() && value == ALL;
            value.starts_with(last) && !is_named && before.split(',').all(|named| named != value)
        };
        let candidates = selectors(&config_dir()).into_iter().filter(fits);
        candidates
            .map(|candidate| candidate.add_prefix(before.to_owned()))
            .collect()
    })
}

fn word(word: String, help: &'static str) -> CompletionCandidate {
    CompletionCandidate::new(word).help(Some(help.into()))
}

fn with_local(dir: &Option<impl AsRef<Path>>) -> Vec<CompletionCandidate> {
    let mut candidates = saved(dir);
    let local = RemoteName::LOCAL.to_owned();
    candidates.push(word(local, "the daemon on this machine"));
    candidates
}

fn selectors(dir: &Option<impl AsRef<Path>>) -> Vec<CompletionCandidate> {
    let mut candidates = with_local(dir);
    if let Ok(file) = RemotesFile::load(dir.as_ref().map(AsRef::as_ref))
        && file.remotes().next().is_some()
    {
        candidates.push(word(ALL.to_owned(), "every saved remote"));
        let tags = file.tags().into_iter();
        candidates.extend(tags.map(|tag| word(format!("@{tag}"), "every remote with this tag")));
    }
    candidates
}

/// Candidates for an argument that is a tag of remotes.
pub fn tags() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let file = RemotesFile::load(config_dir().as_deref());
        let tags = file.map(|file| {
            file.tags()
                .into_iter()
                .map(CompletionCandidate::new)
                .collect()
        });
        tags.unwrap_or_default()
    })
}

/// … the key of a remote's setting, with `behind` behind it.
pub fn setting_keys(behind: &'static str) -> ArgValueCandidates {
    let candidate = move |key: &str| CompletionCandidate::new(format!("{key}{behind}"));
    // It takes no value: it is asked for.
    let password = || CompletionCandidate::new(PASSWORD);
    let all = move || SettingKey::names().map(candidate);
    ArgValueCandidates::new(move || all().chain(std::iter::once(password())).collect())
}

/// Candidates for an argument that names an agent.
pub fn agents() -> ArgValueCompleter {
    live::candidates(Kind::Agents)
}

/// … an agent that waits for a person.
pub fn waiting() -> ArgValueCompleter {
    live::candidates(Kind::Waiting)
}

/// … what an agent waits for.
pub fn requests() -> ArgValueCompleter {
    live::candidates(Kind::Requests)
}

/// … a terminal.
pub fn terminals() -> ArgValueCompleter {
    live::candidates(Kind::Terminals)
}

/// … a provider.
pub fn providers() -> ArgValueCompleter {
    live::candidates(Kind::Providers)
}

/// … a mode of a provider.
pub fn modes() -> ArgValueCompleter {
    live::candidates(Kind::Modes)
}

/// Candidates for an argument that takes one of a few words.
pub fn words(words: &'static [&'static str]) -> ArgValueCandidates {
    ArgValueCandidates::new(move || words.iter().map(CompletionCandidate::new).collect())
}

/// Names every saved remote.
const ALL: &str = "all";

fn config_dir() -> Option<std::path::PathBuf> {
    // The library gives candidates no context, so the environment is read once more.
    Env::from_process().config_dir()
}

fn saved(dir: &Option<impl AsRef<Path>>) -> Vec<CompletionCandidate> {
    let Ok(file) = RemotesFile::load(dir.as_ref().map(AsRef::as_ref)) else {
        return Vec::new();
    };
    let candidate = |remote: &crate::remote::Remote| {
        let help = remote
            .description
            .clone()
            .unwrap_or_else(|| remote.tags.join(", "));
        let help = (!help.is_empty()).then(|| help.into());
        CompletionCandidate::new(remote.name.as_str()).help(help)
    };
    file.remotes().map(candidate).collect()
}
