//! `docs/json.md` lists every field that a command prints, and none that no command prints.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::agents::{self, recording, run};
use crate::json_page::{Page, Seen};
use crate::replay::Replay;
use crate::sandbox::Sandbox;
use crate::{json_daemons, json_settings, recorded, replays};

/// Fields that are null or absent in everything that is run here: what the recorded daemons did not do, and what goes
/// wrong too seldom.
const UNSEEN: &[&str] = &[
    "run: archivedAt",
    "agent update: archivedAt",
    "worktree ls: fullAgentId",
    "script ls: publicProxyUrl",
    "schedule ls: everyMs",
    "schedule inspect: cadence.everyMs",
    "chat read: authorName",
    "chat read: replyToMessageId",
    "loop ls: iterationNumber",
    "loop stop: iterationNumber",
    "loop inspect: modeId",
    "loop inspect: workerProvider",
    "loop inspect: workerModel",
    "loop inspect: verifierProvider",
    "loop inspect: verifierModel",
    "loop inspect: verifierModeId",
    "loop inspect: verifyPrompt",
    "loop inspect: maxTimeMs",
    "loop inspect: stopRequestedAt",
    "loop inspect: activeIteration",
    "loop inspect: activeWorkerAgentId",
    "loop inspect: activeVerifierAgentId",
    "keystore migrate: error",
    "keystore prune: error",
];

/// What commands printed, held against the page.
pub(crate) struct Told {
    page: Page,
    seen: Seen,
    ran: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Told {
    /// Takes what a command printed: one JSON value, or JSON Lines.
    pub(crate) fn take(&mut self, args: &[&str], stdout: &str) {
        let section = self.page.section(args);
        self.ran.insert(section.name_of(args).to_owned());
        let whole = serde_json::from_str(stdout).map(|value| vec![value]);
        let outputs: Vec<Value> = whole.unwrap_or_else(|_| {
            let lines = stdout.lines().map(serde_json::from_str);
            lines
                .collect::<Result<_, _>>()
                .unwrap_or_else(|_| panic!("{args:?}: {stdout}"))
        });
        assert!(!outputs.is_empty(), "{args:?} printed nothing");
        for output in outputs {
            let wrong = section.check(&output, &mut self.seen);
            self.wrong
                .extend(wrong.iter().map(|wrong| format!("{args:?}: {wrong}")));
        }
    }

    /// Fails when something was not as the page says.
    pub(crate) fn is_sound(&self) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
    }

    /// The same for a command that printed one JSON value, which it returns.
    pub(crate) fn took(&mut self, args: &[&str], stdout: &str, stderr: &str) -> Value {
        if stdout.is_empty() {
            self.wrong
                .push(format!("{args:?} printed nothing: {stderr}"));
            return Value::Null;
        }
        self.take(args, stdout);
        serde_json::from_str(stdout).unwrap_or_default()
    }

    /// Runs a command that prints data, whatever its exit status.
    pub(crate) fn run(&mut self, sandbox: &Sandbox, args: &[&str]) -> Value {
        let ran = sandbox.run(&[args, &["--json"]].concat());
        self.took(args, &ran.stdout, &ran.stderr)
    }
}

#[test]
fn every_field_is_on_the_page() {
    let mut told = Told {
        page: Page::read(),
        seen: Seen::new(),
        ran: BTreeSet::new(),
        wrong: Vec::new(),
    };
    replayed(&mut told);
    json_settings::outputs(&mut told);
    json_daemons::outputs(&mut told);
    told.is_sound();
    let never: Vec<_> = told.page.names().difference(&told.ran).cloned().collect();
    assert!(never.is_empty(), "never run: {never:?}");
    let unseen = told.page.unseen(&told.seen);
    let unknown = unseen.iter().filter(|it| !UNSEEN.contains(&it.as_str()));
    let unknown: Vec<_> = unknown.collect();
    assert!(unknown.is_empty(), "no command prints {unknown:#?}");
    let seen = UNSEEN.iter().filter(|it| !unseen.contains(**it));
    let seen: Vec<_> = seen.collect();
    assert!(seen.is_empty(), "some command prints {seen:?}");
}

/// What the recorded official daemons of both versions give.
fn replayed(told: &mut Told) {
    let mut caller = Sandbox::new();
    caller.set("PASEO_AGENT_ID", "5f2c0210-d899-4846-a452-c853a16807e0");
    let nobody = Sandbox::new();
    let mut play = |sandbox: &Sandbox, name: &str, args: &[&str]| {
        let ran = run(sandbox, &Replay::start(&recording(name)), args, &["--json"]);
        told.took(args, &ran.stdout, &ran.stderr);
    };
    for (name, _, args) in agents::CASES {
        play(&nobody, name, args);
    }
    for (name, args) in recorded::NEW.iter().chain(recorded::OLD) {
        play(&nobody, name, args);
    }
    for (name, args) in replays::CASES {
        play(&caller, name, args);
    }
    // An agent that has used something.
    play(&nobody, "worktree-ls", &["inspect", "3eda563"]);
    play(&nobody, "v0165-loop-logs", &["loop", "logs", "b9c0a514"]);
    let failed = run(
        &nobody,
        &Replay::start(&recording("stop-notfound")),
        &["stop", "nosuchagent"],
        &["--json"],
    );
    told.take(&["error"], &failed.stderr);
}

#[test]
fn every_command_is_on_the_page() {
    fn leaves(command: &clap::Command, words: &str, into: &mut BTreeSet<String>) {
        let below = command.get_subcommands();
        let below: Vec<_> = below.filter(|c| c.get_name() != "help").collect();
        if below.is_empty() || words == "completion" {
            into.insert(words.to_owned());
        }
        for command in below {
            let words = format!("{words} {}", command.get_name());
            leaves(command, words.trim(), into);
        }
    }
    let mut tree = paseo::cli::Cli::command_tree();
    tree.build();
    let mut there = BTreeSet::new();
    leaves(&tree, "", &mut there);
    let page = Page::read();
    let listed = page.commands();
    let same = |words: &str| {
        let top = words
            .split_once(' ')
            .filter(|(group, _)| ["agent", "daemon"].contains(group));
        top.is_some_and(|(_, words)| listed.contains(words))
    };
    let missing: Vec<_> = there
        .iter()
        .filter(|words| !listed.contains(*words) && !same(words))
        .collect();
    assert!(missing.is_empty(), "docs/json.md does not have {missing:?}");
    let gone: Vec<_> = listed
        .iter()
        .filter(|words| !there.contains(*words) && *words != "error")
        .collect();
    assert!(gone.is_empty(), "there is no command {gone:?}");
}

/// The check itself: each kind of mistake is found.
#[test]
fn an_output_that_differs_from_the_page_is_found() {
    let page = Page::parse(
        "\n### `thing ls`\n\nA list. Each element:\n\n\
         | `id` | string | official | x |\n| `age` | string | for people | x |\n| `at` | time or null | ours | x |\n\
         | `more` | list of object, or absent | ours | x |\n| `more[].n` | integer | ours | x |\n",
    );
    let section = page.section(&["thing", "ls", "--all"]);
    let good = json!({ "id": "a", "age": "-", "at": "2026-11-22T13:29:26Z", "more": [{ "n": 1 }] });
    let wrong = |change: &dyn Fn(&mut Value)| {
        let mut row = good.clone();
        change(&mut row);
        section.check(&json!([row]), &mut Seen::new()).join("; ")
    };
    assert_eq!(wrong(&|_| {}), "");
    assert_eq!(wrong(&|row| row["at"] = Value::Null), "");
    let drop = |row: &mut Value, key: &str| drop(row.as_object_mut().unwrap().remove(key));
    assert_eq!(wrong(&|row| drop(row, "more")), "");
    for (change, said) in [
        (
            &(|row: &mut Value| row["new"] = json!(1)) as &dyn Fn(&mut Value),
            "not on the page",
        ),
        (&|row| drop(row, "at"), "at is missing"),
        (&|row| row["id"] = json!(7), "id is no string"),
        (&|row| row["id"] = json!("-"), "id is written for people"),
        (&|row| row["at"] = json!("just now"), "at is no time"),
        (&|row| row["id"] = Value::Null, "id is no string"),
        (
            &|row| row["more"][0]["n"] = json!("1"),
            "more[].n is no integer",
        ),
        (
            &|row| row["more"][0]["m"] = json!(1),
            "more[].m is not on the page",
        ),
    ] {
        assert!(wrong(change).contains(said), "{said}: {}", wrong(change));
    }
    let one = section.check(&good, &mut Seen::new());
    assert!(one.join("").contains("is no list"), "{one:?}");
    let mut official = json!([good]);
    section.leave_out_ours(&mut official);
    assert_eq!(official, json!([{ "id": "a", "age": "-" }]));
    let mut seen = Seen::new();
    section.check(&json!([{ "id": "a" }]), &mut seen);
    let unseen = ["age", "at", "more", "more[].n"].map(|path| format!("thing ls: {path}"));
    assert_eq!(page.unseen(&seen), unseen.into());
}
