//! Candidates that only a daemon knows: out of the cache, else one short attempt, else none.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::{Duration, Instant};

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

use super::cache::{Cache, Kind};
use super::word::Word;
use crate::env::{self, Env};
use crate::remote::{Asked, Choice, RemotesFile, Selected, Selection, Selector};
use crate::secret::{Secret, StoreKind};
use crate::subprocess;

/// How long somebody who pressed a key waits at most.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often the attempt is looked at.
const STEP: Duration = Duration::from_millis(5);

/// Candidates for an argument that names something of the selected daemon.
pub(super) fn candidates(kind: Kind) -> ArgValueCandidates {
    ArgValueCandidates::new(move || {
        let found = find(kind).unwrap_or_default().into_iter();
        let candidate = |(value, help): (Word, String)| {
            CompletionCandidate::new(value.as_str()).help((!help.is_empty()).then(|| help.into()))
        };
        found.map(candidate).collect()
    })
}

fn find(kind: Kind) -> Option<Vec<(Word, String)>> {
    // The library gives candidates no context, so environment and command line are read once more.
    let env = Env::from_process();
    let remote = typed_remote(std::env::args_os());
    let selection = match select(&env, remote.clone())? {
        Selected::One(selection) => selection,
        Selected::Several(selections, _) => return Some(of_several(kind, &env, &selections)),
    };
    let cache = Cache::of(&env, &selection);
    if let Some(list) = cache.read(kind) {
        return Some(list);
    }
    if !asks_nobody(&selection) || !cache.begin_attempt() {
        return None;
    }
    ask(kind, remote.as_deref())?;
    cache.attempt_succeeded();
    cache.read(kind)
}

/// What is remembered of several daemons, with the remote before each. None of them is asked.
fn of_several(kind: Kind, env: &Env, selections: &[Selection]) -> Vec<(Word, String)> {
    let of = |selection: &Selection| {
        let remote = selection.choice.name().unwrap_or_default().to_owned();
        let list = Cache::of(env, selection).read(kind).unwrap_or_default();
        let full = move |(value, help): (Word, String)| {
            let value = Word::parse(&format!("{remote}:{}", value.as_str()))?;
            Some((value, help))
        };
        list.into_iter().filter_map(full)
    };
    selections.iter().flat_map(of).collect()
}

/// Which daemon the half-typed line is about. One of `--relay` or `--host` is not completed.
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

/// Finds `-r NAME` in `paseo -- paseo -r NAME …`.
fn typed_remote(argv: impl Iterator<Item = OsString>) -> Option<String> {
    let words = argv.map(|word| word.to_string_lossy().into_owned());
    let mut words = words.skip_while(|word| word != "--").skip(2);
    while let Some(word) = words.next() {
        if word == "-r" || word == "--remote" {
            return words.next();
        }
        let joined = word.strip_prefix("--remote=").or_else(|| {
            let name = word.strip_prefix("-r")?;
            (!name.is_empty()).then_some(name)
        });
        if let Some(name) = joined {
            return Some(name.to_owned());
        }
    }
    None
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
    fn the_remote_that_is_typed() {
        for (line, remote) in [
            ("paseo -- paseo -r work logs", Some("work")),
            ("paseo -- paseo logs --remote=lab x", Some("lab")),
            ("paseo -- paseo logs -rlab", Some("lab")),
            ("paseo -- paseo logs", None),
            ("paseo -- paseo logs -r", None),
            ("paseo -r x", None),
        ] {
            let argv = line.split(' ').map(OsString::from);
            assert_eq!(typed_remote(argv).as_deref(), remote, "{line}");
        }
    }
}
