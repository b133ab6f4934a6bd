//! The commands about all but agents against recorded official daemons, compared with what the official CLI
//! printed for the same frames, as in `agents`.

use serde_json::Value;

use crate::agents::{leave_out_ours, recording, run, sample, trimmed};
use crate::replay::Replay;
use crate::sandbox::Sandbox;

/// Recording, and arguments.
pub(crate) const CASES: &[(&str, &[&str])] = &[
    (
        "project-create",
        &["project", "create", "/home/dev/src/proj/proj2"],
    ),
    (
        "run-subagent",
        &[
            "run",
            "-d",
            "--provider",
            "fake",
            "--title",
            "Child",
            "hello child",
        ],
    ),
    ("project-ls", &["project", "ls"]),
    (
        "project-rename",
        &["project", "rename", "prj_7352b032e48e92dc", "Custom name"],
    ),
    (
        "project-rename-reset",
        &["project", "rename", "prj_7352b032e48e92dc", "--reset"],
    ),
    (
        "project-delete",
        &["project", "delete", "prj_8d86ec9cf80d840e"],
    ),
    (
        "workspace-create",
        &[
            "workspace",
            "create",
            "--isolation",
            "local",
            "--path",
            "/home/dev/src/proj/plain",
            "--title",
            "Plain WS",
        ],
    ),
    (
        "workspace-create-worktree",
        &[
            "workspace",
            "create",
            "--isolation",
            "worktree",
            "--path",
            "/home/dev/src/proj/proj2",
            "--title",
            "WT",
            "--base",
            "main",
            "--new-branch",
            "feat/x",
            "--worktree-slug",
            "feat-x",
        ],
    ),
    ("workspace-ls", &["workspace", "ls"]),
    (
        "workspace-rename",
        &["workspace", "rename", "wks_890684e0e9be5f0c", "New title"],
    ),
    (
        "workspace-archive",
        &["workspace", "archive", "wks_5a95f41f5e928524"],
    ),
    (
        "script-ls",
        &["script", "ls", "--workspace", "wks_fe36d027fbf82a01"],
    ),
    (
        "script-ls-running",
        &["script", "ls", "--workspace", "wks_fe36d027fbf82a01"],
    ),
    (
        "script-start",
        &[
            "script",
            "start",
            "hello",
            "--workspace",
            "wks_fe36d027fbf82a01",
        ],
    ),
    (
        "script-stop",
        &[
            "script",
            "stop",
            "hello",
            "--workspace",
            "wks_fe36d027fbf82a01",
        ],
    ),
    (
        "schedule-create",
        &[
            "schedule",
            "create",
            "do the thing",
            "--every",
            "1h",
            "--name",
            "nightly",
            "--provider",
            "fake/fake-1",
            "--mode",
            "yolo",
            "--cwd",
            "/home/dev/src/proj/repo",
            "--max-runs",
            "3",
            "--expires-in",
            "2d",
        ],
    ),
    ("schedule-ls", &["schedule", "ls"]),
    ("schedule-inspect", &["schedule", "inspect", "70112006"]),
    ("schedule-logs", &["schedule", "logs", "70112006"]),
    ("schedule-pause", &["schedule", "pause", "70112006"]),
    ("schedule-resume", &["schedule", "resume", "70112006"]),
    ("schedule-run-once", &["schedule", "run-once", "70112006"]),
    (
        "schedule-update",
        &[
            "schedule",
            "update",
            "43ce7c53",
            "--cron",
            "0 9 * * 1",
            "--timezone",
            "Europe/Paris",
        ],
    ),
    ("schedule-delete", &["schedule", "delete", "70112006"]),
    (
        "heartbeat-create",
        &[
            "heartbeat",
            "create",
            "check in",
            "--cron",
            "0 * * * *",
            "--name",
            "hb",
        ],
    ),
    (
        "heartbeat-update",
        &["heartbeat", "update", "5912416e", "--cron", "30 * * * *"],
    ),
    ("heartbeat-delete", &["heartbeat", "delete", "5912416e"]),
    ("provider-ls", &["provider", "ls"]),
    ("provider-models", &["provider", "models", "fake"]),
    ("provider-diagnostic", &["provider", "diagnostic", "fake"]),
    (
        "clone",
        &[
            "clone",
            "http://127.0.0.1:18999/src.git",
            "--dir",
            "/home/dev/src/proj/clones",
        ],
    ),
    ("daemon-reload", &["daemon", "reload"]),
    (
        "worktree-create",
        &[
            "worktree",
            "create",
            "--cwd",
            "/home/dev/src/proj/proj2",
            "--mode",
            "branch-off",
            "--new-branch",
            "feat/y",
            "--base",
            "main",
        ],
    ),
    ("worktree-ls", &["worktree", "ls"]),
    ("worktree-archive", &["worktree", "archive", "raw-wt"]),
    ("terminal-ls", &["terminal", "ls", "--all"]),
    ("terminal-kill", &["terminal", "kill", "8e9d3de1"]),
];

/// `heartbeat` is for the agent that runs it.
fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.set("PASEO_AGENT_ID", "5f2c0210-d899-4846-a452-c853a16807e0");
    sandbox
}

#[test]
fn json_and_tables_are_those_of_the_official_cli() {
    for (name, args) in CASES {
        let replay = |more: &[&str]| {
            let replay = Replay::start(&recording(name));
            run(&sandbox(), &replay, args, more)
        };
        let json = replay(&["--json"]);
        assert_eq!(json.status, 0, "{name}: {json:?}");
        let mut ours: Value = serde_json::from_str(&json.stdout).unwrap();
        leave_out_ours(args, &mut ours);
        let official = sample(&sandbox(), name, "json", args);
        let official: Value = serde_json::from_str(&official).unwrap();
        assert_eq!(ours, official, "{name}");
        let table = replay(&[]);
        let official = sample(&sandbox(), name, "table", args);
        assert_eq!(trimmed(&table.stdout), trimmed(&official), "{name}");
    }
}

/// What the official CLI of 0.5.0 asked an official daemon of 0.1.65, which knew nothing of it.
#[test]
fn a_daemon_that_is_too_old_is_told_from_its_answer_or_its_features() {
    for (name, args) in [
        (
            "x050to0165-clone",
            &["clone", "o/r", "--dir", "/x", "--protocol", "ssh"][..],
        ),
        ("x050to0165-detach", &["agent", "detach", "7a30d6c"]),
        ("x050to0165-project-create", &["project", "create", "/x"]),
        ("x050to0165-clone", &["daemon", "reload"]),
        ("x050to0165-clone", &["script", "ls", "--workspace", "w"]),
        ("x050to0165-clone", &["workspace", "ls"]),
        ("x050to0165-clone", &["schedule", "run-once", "s"]),
        (
            "x050to0165-clone",
            &["heartbeat", "create", "x", "--cron", "* * * * *"],
        ),
    ] {
        let replay = Replay::start(&recording(name));
        let ran = run(&sandbox(), &replay, args, &["--json"]);
        assert_eq!(
            (ran.status, ran.stdout.as_str()),
            (14, ""),
            "{args:?}: {ran:?}"
        );
        assert!(ran.stderr.contains("update"), "{args:?}: {ran:?}");
    }
}

/// Rooms are a thing of 0.1.65: a daemon of 0.5.0 does not know them.
#[test]
fn a_daemon_that_is_too_new_is_told_as_well() {
    let replay = Replay::start(&recording("project-ls"));
    let ran = run(&sandbox(), &replay, &["chat", "ls"], &["--json"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (14, ""), "{ran:?}");
}
