//! Kills a command before each of its system calls that change a file, and looks at what is left.

use std::collections::BTreeSet;
use std::fmt;
use std::process::{Command, Stdio};

use crate::remotes::files;
use crate::sandbox::{Sandbox, binary};
use crate::tool::is_missing;

/// The system calls after which something on the disk may be different. Between two of them a kill leaves
/// what the one before has left.
const CALLS: &str = "openat,write,ftruncate,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,\
                     link,linkat,symlink,symlinkat";
const FILE: &str = "home/.config/paseo/remotes.toml";
const VAULT: &str = "home/.local/share/paseo/vault.json";
const SECRETS: &str = "home/.local/share/paseo/secrets";
const NOTES: &str = "home/.local/state/paseo/unfinished";

/// Where a command is killed.
pub(crate) enum Step {
    /// Before it makes a call for the nth time; the line of the trace has the arguments, too.
    Before {
        call: String,
        nth: usize,
        line: String,
    },
    /// Nowhere.
    End,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before { line, .. } => write!(f, "killed before {line}"),
            Self::End => f.write_str("not killed"),
        }
    }
}

/// What is found after a command was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Old,
    New,
}

/// Kills a command at each of its steps, each time on a copy of a sandbox, and then lets it come to its end.
/// Each time `judge` looks whether the old state is left or the new one, and fails at any other; and
/// everything that nothing uses is named by `doctor`, and taken away by the next change.
pub(crate) fn kill_at_each_step(
    start: &Sandbox,
    args: &[&str],
    judge: impl Fn(&Sandbox, &Step) -> State,
) {
    if is_missing("strace") {
        return;
    }
    let mut states = Vec::new();
    for step in steps(start, args) {
        let sandbox = start.copy();
        run_to(&sandbox, args, &step);
        states.push(judge(&sandbox, &step));
        all_orphans_are_named(&sandbox, &step);
        let nobody = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let next = ["remote", "add", "next", "tcp://127.0.0.1:9", "--no-check"];
        for change in [&["remote", "block", nobody][..], &next] {
            let changed = sandbox.run(change);
            assert_eq!(changed.status, 0, "{step:?}: {changed:?}");
        }
        let (left, notes) = (orphans(&sandbox), files(&sandbox, NOTES));
        assert!(
            left.is_empty() && notes.is_empty(),
            "{step:?}: {left:?} {notes:?}"
        );
    }
    let switched = states.iter().position(|state| *state == State::New);
    let switched = switched.expect("it changes something");
    assert!(switched > 2, "{args:?}: {states:?}");
    let stays = states[switched..].iter().all(|state| *state == State::New);
    assert!(stays, "{args:?}: {states:?}");
}

/// Runs a command to its end on a copy of a sandbox, and returns where it can be killed.
fn steps(start: &Sandbox, args: &[&str]) -> Vec<Step> {
    let sandbox = start.copy();
    let log = sandbox.path("trace");
    let mut traced = strace(&sandbox, CALLS);
    traced.arg("-o").arg(&log).arg(binary()).args(args);
    assert!(traced.status().unwrap().success(), "{args:?}");

    let trace = std::fs::read_to_string(&log).unwrap();
    let (mut made, mut steps) = (Vec::new(), Vec::new());
    for line in trace.lines() {
        let Some((call, arguments)) = line.split_once('(') else {
            continue;
        };
        made.push(call);
        let only_reads = call == "openat" && !arguments.contains("O_CREAT");
        if !only_reads && !arguments.contains("EEXIST") {
            steps.push(Step::Before {
                call: call.to_owned(),
                nth: made.iter().filter(|other| **other == call).count(),
                line: line.to_owned(),
            });
        }
    }
    steps.push(Step::End);
    steps
}

fn run_to(sandbox: &Sandbox, args: &[&str], step: &Step) {
    let mut traced = strace(sandbox, CALLS);
    if let Step::Before { call, nth, .. } = step {
        traced.args(["-e", &format!("inject={call}:signal=KILL:when={nth}")]);
    }
    traced.args(["-o", "/dev/null"]).arg(binary()).args(args);
    let ended = traced.status().unwrap().success();
    assert_eq!(ended, matches!(step, Step::End), "{step:?}");
}

pub(crate) fn strace(sandbox: &Sandbox, calls: &str) -> Command {
    let mut strace = sandbox.command("strace".as_ref());
    strace
        .env("PATH", "/usr/bin:/bin")
        .args(["-qq", "-e", &format!("trace={calls}")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    strace
}

/// Fails when something is left that nothing uses and that `doctor` does not name.
fn all_orphans_are_named(sandbox: &Sandbox, step: &Step) {
    let report = sandbox.run(&["doctor", "--json"]).stdout;
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let checks = report.as_array().unwrap();
    let check = checks.iter().find(|check| check["check"] == "leftovers");
    let check = check.unwrap().to_string();
    for orphan in orphans(sandbox) {
        assert!(check.contains(&orphan), "{step:?}: {orphan}: {check}");
    }
}

/// Returns the ids of secrets that nothing in `remotes.toml` has, and the names of files that were being
/// written. Fails when a secret is not there that something has.
pub(crate) fn orphans(sandbox: &Sandbox) -> Vec<String> {
    let all = files(sandbox, "home");
    let text = |path: &str| {
        let found = all.iter().find(|(found, _)| found.ends_with(path));
        found.map_or("".into(), |(_, content)| String::from_utf8_lossy(content))
    };
    let used = ids(&text(FILE));
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let staged = all.iter().map(|(path, _)| name(path));
    let staged = staged.filter(|name| name.ends_with(".tmp"));
    let plain = files(sandbox, SECRETS).into_iter();
    let plain = plain.map(|(path, _)| name(&path));
    let mut stored = ids(&text(VAULT));
    stored.extend(plain.filter(|name| !name.ends_with(".tmp")));
    let lost: Vec<_> = used.difference(&stored).collect();
    assert!(lost.is_empty(), "{lost:?} of {used:?}");
    stored.difference(&used).cloned().chain(staged).collect()
}

/// Returns every id of a secret in a text.
fn ids(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ids = words.filter(|word| word.starts_with("r_"));
    ids.map(str::to_owned).collect()
}
