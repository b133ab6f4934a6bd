//! Further commands against recorded official daemons of both versions, compared with what the official CLI
//! of the same version prints for the same frames.
//!
//! With `PASEO_OFFICIAL_CLI` set to an official CLI, samples that are not there are made with it.

use serde_json::Value;

use crate::agents::{leave_out_ours, recording, run, sample, trimmed};
use crate::replay::Replay;
use crate::sandbox::Sandbox;

/// Recording, and arguments.
pub(crate) type Case = (&'static str, &'static [&'static str]);

/// Of daemons of 0.5.0, or of 0.1.65 with the CLI of 0.5.0.
pub(crate) const NEW: &[Case] = &[
    ("ls", &["ls"]),
    ("ls-a-g", &["ls", "-a", "-g"]),
    ("ls-label", &["ls", "--label", "team=a"]),
    (
        "terminal-ls-cwd",
        &["terminal", "ls", "--cwd", "/home/dev/src/proj/plain"],
    ),
    (
        "archive-force",
        &["archive", "99366c6c-a5bd-4d4e-9a4a-3e69071b9277", "--force"],
    ),
    ("stop-all", &["stop", "--all"]),
    (
        "update-thinking-mock",
        &["agent", "update", "24674c4", "--thinking", "high"],
    ),
    (
        "schedule-create-2",
        &[
            "schedule",
            "create",
            "again",
            "--cron",
            "*/10 * * * *",
            "--provider",
            "fake",
            "--cwd",
            "/home/dev/src/proj/repo",
        ],
    ),
    (
        "script-start-service",
        &[
            "script",
            "start",
            "web",
            "--workspace",
            "wks_fe36d027fbf82a01",
        ],
    ),
    (
        "script-stop-web",
        &[
            "script",
            "stop",
            "web",
            "--workspace",
            "wks_fe36d027fbf82a01",
        ],
    ),
    ("permit-allow-plan", &["permit", "allow", "722d93a"]),
    (
        "permit-allow-question",
        &[
            "permit",
            "allow",
            "a7f1a48",
            "--input",
            "{\"answers\":{\"surface\":\"App\",\"rollout\":\"Immediately\",\"success\":\"works\"}}",
        ],
    ),
    (
        "project-delete-notfound",
        &["project", "delete", "prj_nope"],
    ),
    ("x050to0165-ls", &["ls"]),
    ("x050to0165-provider-ls", &["provider", "ls"]),
    ("x050to0165-inspect", &["inspect", "7a30d6c"]),
    ("x050to0165-send", &["send", "7a30d6c", "hi from new cli"]),
    (
        "x050to0165-schedule-create",
        &[
            "schedule",
            "create",
            "x",
            "--every",
            "1h",
            "--provider",
            "fake",
            "--cwd",
            "/home/dev/src/proj/repo",
        ],
    ),
    (
        "x050to0165-terminal-create",
        &[
            "terminal",
            "create",
            "--cwd",
            "/home/dev/src/proj/plain",
            "--name",
            "t1",
        ],
    ),
    ("mode-invalid", &["agent", "mode", "5f2c021", "nonexistent"]),
];

/// Of daemons and the CLI of 0.1.65.
pub(crate) const OLD: &[Case] = &[
    ("v0165-ls", &["ls"]),
    (
        "v0165-archive",
        &["archive", "9ef4e958-f026-4a77-86c4-9ae5e3f04518"],
    ),
    (
        "v0165-delete",
        &["delete", "9ef4e958-f026-4a77-86c4-9ae5e3f04518"],
    ),
    ("v0165-mode", &["agent", "mode", "7a30d6c", "yolo"]),
    ("v0165-permit-allow", &["permit", "allow", "7687bdb"]),
    ("v0165-permit-ls", &["permit", "ls"]),
    ("v0165-provider-ls", &["provider", "ls"]),
    ("v0165-provider-models", &["provider", "models", "fake"]),
    (
        "v0165-run-background",
        &[
            "run",
            "-d",
            "--provider",
            "fake/fake-2",
            "--mode",
            "yolo",
            "--title",
            "Bg",
            "hello read",
        ],
    ),
    ("v0165-send", &["send", "7a30d6c", "again tool"]),
    (
        "v0165-send-no-wait",
        &["send", "7a30d6c", "--no-wait", "quick"],
    ),
    (
        "v0165-run-permission",
        &[
            "run",
            "--provider",
            "fake",
            "--title",
            "Perm",
            "please perm",
        ],
    ),
    (
        "v0165-run-slow",
        &[
            "run",
            "-d",
            "--provider",
            "fake",
            "--title",
            "Slow",
            "slow job",
        ],
    ),
    ("v0165-wait", &["wait", "7a30d6c"]),
    (
        "v0165-chat-create",
        &["chat", "create", "planning", "--purpose", "what next"],
    ),
    ("v0165-chat-ls", &["chat", "ls"]),
    ("v0165-chat-inspect", &["chat", "inspect", "planning"]),
    (
        "v0165-chat-post",
        &["chat", "post", "planning", "shall we start?"],
    ),
    ("v0165-chat-read", &["chat", "read", "planning"]),
    (
        "v0165-chat-wait",
        &["chat", "wait", "planning", "--timeout", "2s"],
    ),
    ("v0165-chat-delete", &["chat", "delete", "planning"]),
    (
        "v0165-loop-run",
        &[
            "loop",
            "run",
            "hello",
            "--provider",
            "mock/ten-second-stream",
            "--verify-check",
            "true",
            "--max-iterations",
            "1",
            "--name",
            "tidy",
        ],
    ),
    ("v0165-loop-ls", &["loop", "ls"]),
    ("v0165-loop-inspect", &["loop", "inspect", "b9c0a514"]),
    ("v0165-loop-stop", &["loop", "stop", "5c977739"]),
    ("v0165-schedule-ls", &["schedule", "ls"]),
    (
        "v0165-stop",
        &["stop", "9ef4e958-f026-4a77-86c4-9ae5e3f04518"],
    ),
];

/// What fails.
pub(crate) const FAILING: &[Case] = &[
    ("delete-notfound", &["delete", "nothere"]),
    (
        "clone-fail",
        &[
            "clone",
            "http://127.0.0.1:18999/none.git",
            "--dir",
            "/home/dev/src/proj/clones",
        ],
    ),
    ("stop-notfound", &["stop", "nosuchagent"]),
    (
        "schedule-inspect-notfound",
        &["schedule", "inspect", "nope"],
    ),
    (
        "provider-models-notfound",
        &["provider", "models", "nosuch"],
    ),
    (
        "script-start-unknown",
        &[
            "script",
            "start",
            "nope",
            "--workspace",
            "wks_fe36d027fbf82a01",
        ],
    ),
    (
        "project-create-notfound",
        &["project", "create", "/tmp/nope/nope"],
    ),
    (
        "workspace-create-error",
        &[
            "workspace",
            "create",
            "--isolation",
            "local",
            "--path",
            "/tmp/does-not-exist",
        ],
    ),
    (
        "workspace-archive-notfound",
        &["workspace", "archive", "wks_nope"],
    ),
    (
        "terminal-capture-notfound",
        &["terminal", "capture", "zzzz"],
    ),
    (
        "run-bad-mode",
        &[
            "run",
            "--provider",
            "mock/ten-second-stream",
            "--mode",
            "weird",
            "emit 2 agent stream updates",
        ],
    ),
    ("run-bad-provider", &["run", "--provider", "nosuch", "hi"]),
];

#[test]
fn what_0_5_0_prints() {
    NEW.iter().for_each(compare);
}

#[test]
fn what_0_1_65_prints() {
    OLD.iter().for_each(compare);
}

fn compare((name, args): &Case) {
    let replay = |more: &[&str]| {
        let replay = Replay::start(&recording(name));
        run(&Sandbox::new(), &replay, args, more)
    };
    let json = replay(&["--json"]);
    let mut ours: Value =
        serde_json::from_str(&json.stdout).unwrap_or_else(|_| panic!("{name}: {json:?}"));
    leave_out_ours(args, &mut ours);
    let official = sample(&Sandbox::new(), name, "json", args);
    let official: Value = serde_json::from_str(&official).unwrap();
    assert_eq!(ageless(ours), ageless(official), "{name}");
    let table = replay(&[]);
    let official = sample(&Sandbox::new(), name, "table", args);
    assert_eq!(without_age(&table.stdout), without_age(&official), "{name}");
}

/// `ls` says how long ago an agent was made, which is another thing each day.
fn ageless(mut json: Value) -> Value {
    for row in json.as_array_mut().into_iter().flatten() {
        row.as_object_mut().map(|row| row.remove("created"));
    }
    json
}

fn without_age(table: &str) -> Vec<&str> {
    let lines = trimmed(table);
    let created = lines.first().and_then(|header| header.find("CREATED"));
    let cut = |line| match created {
        Some(at) => str::get(line, ..at).unwrap_or(line),
        None => line,
    };
    lines.into_iter().map(cut).collect()
}

#[test]
fn what_fails_has_the_code_of_the_official_cli() {
    for (name, args) in FAILING {
        let replay = Replay::start(&recording(name));
        let ran = run(&Sandbox::new(), &replay, args, &["--json"]);
        assert_ne!(ran.status, 0, "{name}: {ran:?}");
        let told = |text: &str| -> Value {
            let start = text.find("{\n").unwrap_or_else(|| panic!("{name}: {text}"));
            serde_json::from_str(&text[start..]).unwrap()
        };
        let official = told(&sample(&Sandbox::new(), name, "error", args));
        assert_eq!(
            told(&ran.stderr)["error"]["code"],
            official["error"]["code"],
            "{name}: {ran:?}"
        );
    }
}
