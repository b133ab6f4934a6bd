//! The commands about agents against recorded official daemons, compared with what the official CLI printed
//! for the same frames (`tests/samples/`), once as JSON and once as a table.
//!
//! With `PASEO_OFFICIAL_CLI` set to an official CLI, samples that are not there are made with it.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};

use super::json_page::Page;
use super::replay::Replay;
use super::sandbox::{Ran, Sandbox};

/// Recording, our exit status, arguments.
pub(crate) const CASES: &[(&str, i32, &[&str])] = &[
    (
        "run-wait",
        0,
        &[
            "run",
            "--provider",
            "fake",
            "--title",
            "First run",
            "--label",
            "team=a",
            "hello tool todo",
        ],
    ),
    (
        "run-background",
        0,
        &[
            "run",
            "-d",
            "--provider",
            "fake/fake-2",
            "--mode",
            "yolo",
            "--title",
            "Bg run",
            "hello read",
        ],
    ),
    (
        "run-failing-mock",
        1,
        &[
            "run",
            "--provider",
            "mock/ten-second-stream",
            "--title",
            "MockFail",
            "emit synthetic turn failure",
        ],
    ),
    (
        "run-permission",
        13,
        &[
            "run",
            "--provider",
            "fake",
            "--title",
            "Perm run",
            "please perm",
        ],
    ),
    (
        "run-wait-timeout",
        8,
        &[
            "run",
            "--provider",
            "fake",
            "--title",
            "RunTimeout",
            "--wait-timeout",
            "2s",
            "slow thing",
        ],
    ),
    (
        "run-failing",
        1,
        &[
            "run",
            "--provider",
            "fake",
            "--title",
            "Fails",
            "please fail now",
        ],
    ),
    (
        "run-mock-stream",
        0,
        &[
            "run",
            "--provider",
            "mock/ten-second-stream",
            "--title",
            "Mock stream",
            "emit 20 coalesced agent stream updates",
        ],
    ),
    (
        "run-plan-mock",
        13,
        &[
            "run",
            "--provider",
            "mock/ten-second-stream",
            "--title",
            "MockPlan",
            "emit synthetic plan approval",
        ],
    ),
    (
        "run-question-mock",
        13,
        &[
            "run",
            "--provider",
            "mock/ten-second-stream",
            "--title",
            "MockQ",
            "emit synthetic questions",
        ],
    ),
    ("send", 0, &["send", "5f2c021", "hello again tool"]),
    (
        "send-no-wait",
        0,
        &["send", "5f2c021", "hello", "--no-wait"],
    ),
    (
        "send-permission",
        13,
        &["send", "0507a30", "perm again please"],
    ),
    ("wait", 0, &["wait", "5f2c021"]),
    ("wait-timeout", 8, &["wait", "b07093d", "--timeout", "3"]),
    ("wait-notfound", 3, &["wait", "nosuchagent"]),
    ("inspect", 0, &["inspect", "5f2c021"]),
    ("inspect-permission", 0, &["inspect", "0507a30"]),
    (
        "inspect-subagent",
        0,
        &["inspect", "9558841e-d412-46b0-9fdc-db254e6518da"],
    ),
    ("stop", 0, &["stop", "b07093d"]),
    ("stop-idle", 0, &["stop", "b07093d"]),
    (
        "delete",
        0,
        &["delete", "99366c6c-a5bd-4d4e-9a4a-3e69071b9277"],
    ),
    ("archive", 0, &["archive", "b07093d"]),
    ("mode", 0, &["agent", "mode", "5f2c021", "yolo"]),
    ("mode-list", 0, &["agent", "mode", "5f2c021", "--list"]),
    (
        "update",
        0,
        &[
            "agent",
            "update",
            "5f2c021",
            "--name",
            "Renamed run",
            "--label",
            "x=1",
            "--label",
            "y=2",
        ],
    ),
    ("reload-mock", 0, &["agent", "reload", "24674c4"]),
    (
        "detach",
        0,
        &["agent", "detach", "9558841e-d412-46b0-9fdc-db254e6518da"],
    ),
    ("detach-notchild", 0, &["agent", "detach", "5f2c021"]),
    (
        "import",
        0,
        &[
            "import",
            "--provider",
            "mock",
            "some-session-id",
            "--cwd",
            "/home/dev/src/proj/repo",
        ],
    ),
    ("permit-ls", 0, &["permit", "ls"]),
    ("permit-ls-questions", 0, &["permit", "ls"]),
    ("permit-allow", 0, &["permit", "allow", "0507a30"]),
    (
        "permit-deny",
        0,
        &["permit", "deny", "0507a30", "--all", "--message", "not now"],
    ),
    ("v0165-inspect", 0, &["inspect", "7a30d6c"]),
    (
        "v0165-update",
        0,
        &[
            "agent", "update", "7a30d6c", "--name", "N2", "--label", "z=1",
        ],
    ),
];

/// Recording, our exit status, arguments; the sample is the error as JSON.
pub(crate) const ERRORS: &[(&str, i32, &[&str])] = &[
    ("send-notfound", 3, &["send", "nosuchagent", "hi"]),
    ("inspect-notfound", 3, &["inspect", "deadbeef"]),
    (
        "archive-running-refused",
        1,
        &["archive", "99366c6c-a5bd-4d4e-9a4a-3e69071b9277"],
    ),
    ("reload", 1, &["agent", "reload", "5f2c021"]),
    (
        "import-fail",
        1,
        &[
            "import",
            "--provider",
            "fake",
            "some-session-id",
            "--cwd",
            "/home/dev/src/proj/repo",
        ],
    ),
    (
        "update-thinking",
        1,
        &["agent", "update", "5f2c021", "--thinking", "high"],
    ),
    (
        "clone-exists",
        1,
        &[
            "clone",
            "http://127.0.0.1:18999/src.git",
            "--dir",
            "/home/dev/src/proj/clones",
        ],
    ),
    ("permit-allow-none", 3, &["permit", "allow", "0507a30"]),
    (
        "run-bad-workspace",
        3,
        &["run", "--provider", "fake", "--workspace", "wks_nope", "hi"],
    ),
];

#[test]
fn json_and_tables_are_those_of_the_official_cli() {
    for (name, status, args) in CASES {
        let json = replay(name, args, &["--json"]);
        assert_eq!(json.status, *status, "{name}: {json:?}");
        let mut ours: Value = serde_json::from_str(&json.stdout).unwrap();
        let official: Value =
            serde_json::from_str(&sample(&Sandbox::new(), name, "json", args)).unwrap();
        leave_out_ours(args, &mut ours);
        assert_eq!(ours, official, "{name}");
        let table = replay(name, args, &[]);
        assert_eq!(
            trimmed(&table.stdout),
            trimmed(&sample(&Sandbox::new(), name, "table", args)),
            "{name}"
        );
    }
}

/// Takes what official commands do not print out of data: the fields that `docs/json.md` calls ours.
pub(crate) fn leave_out_ours(args: &[&str], data: &mut Value) {
    Page::read().section(args).leave_out_ours(data);
}

#[test]
fn errors_have_the_official_codes() {
    for (name, status, args) in ERRORS {
        let ran = replay(name, args, &["--json"]);
        assert_eq!(
            (ran.status, ran.stdout.as_str()),
            (*status, ""),
            "{name}: {ran:?}"
        );
        let error = |text: &str| -> Value {
            let start = text.find('{').unwrap_or_else(|| panic!("{name}: {text}"));
            serde_json::from_str(&text[start..]).unwrap()
        };
        let (ours, official) = (
            error(&ran.stderr),
            error(&sample(&Sandbox::new(), name, "error", args)),
        );
        assert_eq!(
            ours["error"]["code"], official["error"]["code"],
            "{name}: {ran:?}"
        );
    }
}

#[test]
fn official_exit_codes_can_be_had_back() {
    let mut sandbox = Sandbox::new();
    sandbox.set("PASEO_COMPAT", "official");
    let replay = Replay::start(&recording("run-permission"));
    let args = [
        "--host",
        &replay.address,
        "run",
        "--provider",
        "fake",
        "--cwd",
        "/x",
        "please perm",
    ];
    assert_eq!(sandbox.run(&args).status, 0);
}

#[test]
fn transcripts_are_those_of_the_official_cli_with_thoughts_in_their_place() {
    for (name, args) in [
        ("logs", &["logs", "5f2c021"][..]),
        ("logs-tail", &["logs", "5f2c021", "--tail", "3"]),
        ("v0165-logs", &["logs", "7a30d6c"]),
    ] {
        let ours = replay(name, args, &[]);
        assert_eq!(ours.status, 0, "{ours:?}");
        let mut lines: Vec<&str> = ours.stdout.lines().collect();
        let official = sample(&Sandbox::new(), name, "table", args);
        let mut expected: Vec<&str> = official.lines().collect();
        let thought = |line: &&&str| line.starts_with("[Thought]");
        assert_eq!(
            lines.iter().filter(thought).count(),
            expected.iter().filter(thought).count()
        );
        lines.sort_unstable();
        expected.sort_unstable();
        assert_eq!(lines, expected, "{name}");
    }
    let ran = replay("logs", &["logs", "5f2c021"], &[]);
    let thought = ran.stdout.find("[Thought]").unwrap();
    let message = ran.stdout.find("Hello from the fake agent").unwrap();
    assert!(thought < message, "{}", ran.stdout);
}

#[test]
fn logs_as_json_lines_keep_every_item() {
    let ran = replay("logs", &["logs", "5f2c021"], &["--json"]);
    let lines: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.len() > 5);
    let seqs: Vec<u64> = lines
        .iter()
        .map(|line| line["seq"].as_u64().unwrap())
        .collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    assert!(lines.iter().all(|line| line["event"]["type"] == "timeline"));
}

#[test]
fn a_waiting_permission_names_the_command_that_answers() {
    let ran = replay(
        "run-permission",
        &["run", "--provider", "fake", "please perm"],
        &[],
    );
    assert!(
        ran.stderr.contains("permit allow 0507a30"),
        "{}",
        ran.stderr
    );
}

#[test]
fn run_sends_what_the_official_cli_sends() {
    let (name, _, args) = CASES[0];
    let replay = Replay::start(&recording(name));
    run(&Sandbox::new(), &replay, args, &["--json"]);
    // It asks two questions more than the official one: neither changes anything.
    assert_eq!(
        replay.asked(),
        [
            "get_providers_snapshot_request",
            "fetch_workspaces_request",
            "workspace.create.request",
            "create_agent_request",
            "wait_for_finish_request"
        ]
    );
    let create = replay.request("create_agent_request");
    assert_eq!(
        create["config"],
        json!({"provider": "fake", "cwd": "/home/dev/src/proj/repo", "title": "First run"})
    );
    assert_eq!(create["workspaceId"], "wks_915717ecc265df20");
    assert_eq!(create["labels"], json!({"team": "a"}));
}

#[test]
fn an_old_daemon_gets_no_workspace() {
    let args = [
        "run",
        "--provider",
        "fake",
        "--title",
        "First run",
        "--cwd",
        "/x",
        "hello tool todo",
    ];
    let replay = Replay::start(&recording("v0165-run-wait"));
    let ran = run(&Sandbox::new(), &replay, &args, &["--json"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert_eq!(
        replay.asked(),
        ["create_agent_request", "wait_for_finish_request"]
    );
    assert_eq!(
        replay.request("create_agent_request").get("workspaceId"),
        None
    );
}

#[test]
fn a_prompt_from_inside_an_agent_makes_a_child() {
    let mut sandbox = Sandbox::new();
    sandbox.set("PASEO_AGENT_ID", "5f2c0210-d899-4846-a452-c853a16807e0");
    let replay = Replay::start(&recording("run-background"));
    run(
        &sandbox,
        &replay,
        &["run", "-d", "--provider", "fake", "hi"],
        &[],
    );
    assert_eq!(replay.asked(), ["create_agent_request"]);
    let create = replay.request("create_agent_request");
    assert_eq!(
        create["callerAgentId"],
        "5f2c0210-d899-4846-a452-c853a16807e0"
    );
}

fn replay(name: &str, args: &[&str], more: &[&str]) -> Ran {
    run(
        &Sandbox::new(),
        &Replay::start(&recording(name)),
        args,
        more,
    )
}

pub(crate) fn run(sandbox: &Sandbox, replay: &Replay, args: &[&str], more: &[&str]) -> Ran {
    let mut all = vec!["--host", &replay.address];
    all.extend(args);
    all.extend(more);
    sandbox.run(&all)
}

/// Returns what the official CLI printed; asks it, where there is one to ask.
pub(crate) fn sample(sandbox: &Sandbox, name: &str, form: &str, args: &[&str]) -> String {
    let path = below_tests(&format!("samples/{name}.{form}"));
    #[expect(clippy::disallowed_methods, reason = "not part of the program")]
    if let Some(official) = std::env::var_os("PASEO_OFFICIAL_CLI").filter(|_| !path.exists()) {
        let replay = Replay::start(&recording(name));
        let mut command = sandbox.command(&official);
        command.args(args).args(["--host", &replay.address]);
        if form != "table" {
            command.arg("--json");
        }
        #[expect(clippy::disallowed_methods, reason = "not part of the program")]
        let path_variable = std::env::var_os("PATH").unwrap();
        command.env("PATH", path_variable).stdin(Stdio::null());
        let output = command.output().unwrap();
        let printed = if form == "error" {
            output.stderr
        } else {
            output.stdout
        };
        std::fs::write(&path, printed).unwrap();
    }
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn recording(name: &str) -> PathBuf {
    below_tests(&format!("wire/{name}.jsonl"))
}

fn below_tests(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(path)
}

/// Blanks at the ends of lines are no part of a table.
pub(crate) fn trimmed(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_end).collect()
}
