//! The commands that errors and answers suggest. They ask the daemon that this command asked: one that asks another
//! daemon is worse than none.

use std::borrow::Cow;
use std::path::Path;

use super::Context;
use super::effect::{self, Effect};
use crate::cli::GlobalArgs;
use crate::error::CommandError;
use crate::output;
use crate::remote::{Rule, Selection};

/// How many remotes a hint names.
const NAMED: usize = 5;

/// Stands for a target that may hold a secret.
const LEFT_OUT: &str = "…";

/// Returns how to call this program for the same daemon, such as `paseo -r work`. A target out of a variable of the
/// environment needs no words: the next command finds it there, too.
pub(super) fn program(context: &Context) -> String {
    match target(&context.global) {
        Some(words) => format!("paseo {words}"),
        None => "paseo".to_owned(),
    }
}

/// Makes the commands in the hint of an error ask the daemon that was asked.
pub(super) fn aimed(context: &Context, mut error: CommandError) -> CommandError {
    error.hint = error.hint.map(|hint| aimed_text(context, &hint));
    error
}

/// Makes the commands in a text ask the daemon that was asked.
pub(super) fn aimed_text(context: &Context, text: &str) -> String {
    match target(&context.global) {
        Some(words) => aim(text, &words),
        None => text.to_owned(),
    }
}

/// Names the saved remotes in the hint when nothing said which daemon is meant, and this machine has none.
pub(super) fn naming_remotes(context: &Context, error: CommandError) -> CommandError {
    let local = |selection: Selection| matches!(selection.rule, Rule::Local);
    if error.code != "DAEMON_NOT_RUNNING" || !context.selection().is_ok_and(local) {
        return error;
    }
    let Ok(file) = context.remotes() else {
        return error;
    };
    let mut names: Vec<&str> = file.remotes().map(|remote| remote.name.as_str()).collect();
    if names.is_empty() {
        return error;
    }
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let more = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let first = names[0];
    error.hint(format!(
        "name a saved remote with -r: {}{more}; to make one the default: paseo remote use {first}",
        names.join(", ")
    ))
}

/// Returns the words that name the daemon, as they were given.
fn target(global: &GlobalArgs) -> Option<String> {
    if let Some(remote) = &global.remote {
        return Some(format!("-r {}", output::shell_word(remote)));
    }
    if let Some(host) = &global.host {
        return Some(format!("--host {}", host_word(host.expose())));
    }
    let relay = global.relay.as_ref()?;
    Some(format!("--relay {}", offer_word(relay.expose())))
}

/// Returns an address for the shell. An offer link, and what carries a password, is left out.
fn host_word(host: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:/[]%".contains(c);
    match host.contains(':') && host.chars().all(plain) {
        true => output::shell_word(host),
        false => LEFT_OUT.into(),
    }
}

/// Returns the name of a file for the shell; every other way to give an offer is the offer itself.
fn offer_word(offer: &str) -> Cow<'_, str> {
    match Path::new(offer).is_file() {
        true => output::shell_word(offer),
        false => LEFT_OUT.into(),
    }
}

/// Puts words behind every `paseo` that begins a command for a daemon.
fn aim(hint: &str, words: &str) -> String {
    const NAME: &str = "paseo ";
    let mut aimed = String::with_capacity(hint.len() + words.len() + 1);
    let mut rest = hint;
    while let Some(at) = rest.find(NAME) {
        let begins = rest[..at]
            .chars()
            .next_back()
            .is_none_or(|c| !c.is_alphanumeric());
        let (before, after) = rest.split_at(at + NAME.len());
        aimed.push_str(before);
        if begins && asks_a_daemon(after) {
            aimed.push_str(words);
            aimed.push(' ');
        }
        rest = after;
    }
    aimed.push_str(rest);
    aimed
}

/// Returns whether a command line, without the program, is for a daemon that `-r` and the like choose. `paseo daemon …` is
/// typed on the daemon's own machine.
fn asks_a_daemon(line: &str) -> bool {
    let mut words = line.split([' ', ',', '\n', '`', ';', ':']);
    let (first, second) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let both = format!("{first} {second}");
    let known = [both.as_str(), first]
        .into_iter()
        .find_map(|command| effect::EFFECTS.iter().find(|(known, _)| *known == command));
    known.is_some_and(|(_, effect)| *effect != Effect::Local && first != "daemon")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_for_a_daemon_are_aimed_and_others_are_not() {
        let aimed = [
            (
                "see the agents with: paseo ls -ag",
                "see the agents with: paseo -r work ls -ag",
            ),
            (
                "paseo ls shows the agents",
                "paseo -r work ls shows the agents",
            ),
            (
                "paseo stop ID, paseo stop --all or paseo stop --cwd DIR",
                "paseo -r work stop ID, paseo -r work stop --all or paseo -r work stop --cwd DIR",
            ),
            (
                "paseo terminal ls --all shows them",
                "paseo -r work terminal ls --all shows them",
            ),
            (
                "paseo permit ls shows the requests",
                "paseo -r work permit ls shows the requests",
            ),
            (
                "see the providers with: paseo provider ls",
                "see the providers with: paseo -r work provider ls",
            ),
            (
                "look at it with: paseo status",
                "look at it with: paseo -r work status",
            ),
            ("paseo agent ls", "paseo -r work agent ls"),
        ];
        for (hint, expected) in aimed {
            assert_eq!(aim(hint, "-r work"), expected);
        }
        for hint in [
            "on the daemon's machine, check it with: paseo daemon status",
            "paseo remote ls lists them",
            "update paseo",
            "update paseo, or the daemon",
            "paseo -r all ls, or paseo -r lab inbox",
            "paseo keystore status",
            "no paseo",
        ] {
            assert_eq!(aim(hint, "-r work"), hint);
        }
    }

    #[test]
    fn no_secret_is_suggested() {
        for (host, word) in [
            ("h:1", "h:1"),
            ("[::1]:6767", "'[::1]:6767'"),
            ("unix:///run/p.sock", "unix:///run/p.sock"),
            ("ssh://me", "ssh://me"),
            ("tcp://h:1?password=planted", LEFT_OUT),
            ("tcp://me:planted@h:1", LEFT_OUT),
            ("https://app.paseo.sh/#offer=planted", LEFT_OUT),
            ("planted", LEFT_OUT),
        ] {
            assert_eq!(host_word(host), word);
        }
        assert_eq!(offer_word("planted"), LEFT_OUT);
    }
}
