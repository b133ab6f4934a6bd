//! Candidates that only a daemon knows: out of the cache, else one short attempt, else none.

use std::ffi::{OsStr, OsString};
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use super::cache::{Cache, Kind};
use super::typed::Named;
use super::word::Word;
use crate::env::{self, Env};
use crate::remote::{Asked, Choice, RemoteName, RemotesFile, Selected, Selection, Selector};
use crate::secret::{Secret, StoreKind};
use crate::subprocess;

/// How long somebody who pressed a key waits at most.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often the attempt is looked at.
const STEP: Duration = Duration::from_millis(5);

/// Candidates for an argument that names something of the selected daemon.
pub(super) fn candidates(kind: Kind) -> ArgValueCompleter {
    ArgValueCompleter::new(move |typed: &OsStr| {
        let typed = typed.to_string_lossy();
        let mut found = find(kind, &typed).unwrap_or_default();
        found.retain(|candidate| candidate.get_value().to_string_lossy().starts_with(&*typed));
        found
    })
}

fn find(kind: Kind, typed: &str) -> Option<Vec<CompletionCandidate>> {
    // The library gives candidates no context, so environment and command line are read once more.
    let env = Env::from_process();
    let (remote, prefix, rest) = match before_colon(kind, &env, typed) {
        Some(name) => (Some(name), &typed[..=name.len()], &typed[name.len() + 1..]),
        None => (None, "", typed),
    };
    let remote = match (remote, Named::in_line(std::env::args_os())) {
        (Some(name), _) => Some(name.to_owned()),
        (None, Named::Remote(name)) => Some(name),
        // A request is of the agent before it, which may have its remote with it.
        (None, Named::Nothing) if kind == Kind::Requests => of_an_agent(&env),
        (None, Named::Nothing) => None,
        (None, Named::Elsewhere) => return None,
    };
    let selection = match select(&env, remote.clone())? {
        Selected::One(selection) => selection,
        Selected::Several(selections, _) => return Some(of_several(kind, &env, &selections)),
    };
    let cache = Cache::of(&env, &selection);
    if cache.read(kind).is_none()
        && asks_nobody(&selection)
        && cache.begin_attempt()
        && ask(kind, remote.as_deref()).is_some()
    {
        cache.attempt_succeeded();
    }
    let mut found = ids(kind, &cache);
    if kind == Kind::Requests {
        let typed = std::env::args_os().skip_while(|word| word != "--");
        of_the_agent(&mut found, &typed.collect::<Vec<_>>());
    }
    // A title takes part once it is begun: before that, it stands beside its id.
    if kind.has_titles() && !rest.is_empty() {
        found.extend(cache.read(Kind::Titles).unwrap_or_default());
    }
    let candidates = found.into_iter().map(|found| candidate(prefix, found));
    Some(candidates.collect())
}

/// What is remembered of one kind: of agents that wait, all agents where none is known to.
fn ids(kind: Kind, cache: &Cache) -> Vec<(Word, String)> {
    let found = cache.read(kind).unwrap_or_default();
    match kind {
        Kind::Waiting if found.is_empty() => cache.read(Kind::Agents).unwrap_or_default(),
        _ => found,
    }
}

/// Keeps the requests of an agent whose id stands in the line. Behind a title all of them stay.
fn of_the_agent(requests: &mut Vec<(Word, String)>, typed: &[OsString]) {
    let is_named = |about: &str| {
        let id = about.split(' ').next().unwrap_or_default();
        let typed = typed.iter().filter_map(|word| word.to_str());
        let mut ids = typed.map(|word| word.rsplit(':').next().unwrap_or_default());
        !id.is_empty() && ids.any(|word| word.starts_with(id))
    };
    if requests.iter().any(|(_, about)| is_named(about)) {
        requests.retain(|(_, about)| is_named(about));
    }
}

fn candidate(prefix: &str, (value, help): (Word, String)) -> CompletionCandidate {
    let value = format!("{prefix}{}", value.as_str());
    CompletionCandidate::new(value).help((!help.is_empty()).then(|| help.into()))
}

/// What is remembered of several daemons, with the remote before each. None of them is asked.
fn of_several(kind: Kind, env: &Env, selections: &[Selection]) -> Vec<CompletionCandidate> {
    let of = |selection: &Selection| {
        let prefix = format!("{}:", selection.choice.name().unwrap_or_default());
        let list = ids(kind, &Cache::of(env, selection)).into_iter();
        list.map(move |found| candidate(&prefix, found))
    };
    selections.iter().flat_map(of).collect()
}

/// Returns the remote of an agent that the line names.
fn of_an_agent(env: &Env) -> Option<String> {
    let typed = std::env::args_os().skip_while(|word| word != "--");
    typed
        .filter_map(|word| word.into_string().ok())
        .find_map(|word| before_colon(Kind::Agents, env, &word).map(str::to_owned))
}

/// Returns the remote that stands before the colon of an id, if there is one of that name.
fn before_colon<'a>(kind: Kind, env: &Env, typed: &'a str) -> Option<&'a str> {
    let (name, _) = typed.split_once(':').filter(|_| kind.is_of_ids())?;
    let is_known = name == RemoteName::LOCAL
        || RemotesFile::load(env.config_dir().as_deref()).is_ok_and(|file| file.get(name).is_ok());
    is_known.then_some(name)
}

/// Which daemon is selected where the line names `remote`, or none.
fn select(env: &Env, remote: Option<String>) -> Option<Selected> {
    let text = |name| env.text(name).map(str::to_owned);
    let selector = Selector {
        flags: Asked {
            remote,
            ..Asked::default()
        },
        variables: Asked {
            remote: text(env::PASEO_REMOTE),
            relay: text(env::PASEO_RELAY_OFFER).map(Secret::new),
            host: text(env::PASEO_HOST).map(Secret::new),
        },
        inside_agent: env.is_set(env::PASEO_AGENT_ID),
    };
    let dir = env.config_dir();
    selector
        .select_all(|| RemotesFile::load(dir.as_deref()))
        .ok()
}

/// Returns whether connecting opens nothing that could ask for a passphrase, on a screen or otherwise.
fn asks_nobody(selection: &Selection) -> bool {
    match &selection.choice {
        Choice::Local => true,
        Choice::Remote(remote) => {
            let secret = remote.secret();
            secret.is_none_or(|secret| secret.store == StoreKind::File)
                && remote.options.network == Default::default()
        }
        Choice::Offer(_) | Choice::Host(_) => false,
    }
}

/// Runs the command that fills the list, and returns whether it did so in time.
fn ask(kind: Kind, remote: Option<&str>) -> Option<()> {
    let mut command = subprocess::ours().ok()?;
    if let Some(remote) = remote {
        command.arg(format!("--remote={remote}"));
    }
    command
        .args(["--batch", "--connect-timeout", "300ms"])
        .args(kind.command())
        .env_remove(env::PASEO_COMPLETE)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success().then_some(()),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(STEP),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_those_of_the_agent() {
        let left = |line: &str| {
            let request = |id: &str, about: &str| (Word::parse(id).unwrap(), about.to_owned());
            let mut requests = vec![
                request("req-1", "w1bbbbb Bash"),
                request("req-2", "d4ddddd Edit"),
            ];
            let typed: Vec<_> = line.split(' ').map(OsString::from).collect();
            of_the_agent(&mut requests, &typed);
            let ids = requests.into_iter().map(|(id, _)| id.as_str().to_owned());
            ids.collect::<Vec<_>>().join(" ")
        };
        for (line, ids) in [
            ("-- paseo permit allow w1bbbbbb-2", "req-1"),
            ("-- paseo permit allow w1bbbbb", "req-1"),
            ("-- paseo permit deny near:d4dddddd-4", "req-2"),
            ("-- paseo permit allow A title", "req-1 req-2"),
            ("-- paseo permit allow", "req-1 req-2"),
        ] {
            assert_eq!(left(line), ids, "{line}");
        }
    }
}
