//! Every command that talks to a daemon, run as a user would: saved remote, relay, encryption, built-in
//! daemon. The table is held against the tree of commands, so a new one without a row fails.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::{Command, Stdio};

use paseo::commands::effect::{self, Effect};
use serde_json::Value;

use crate::json_page::{Page, Seen};
use crate::tool::is_missing;
use crate::world::World;

/// What a command gives.
#[derive(Clone, Copy)]
enum Gives {
    /// Data: a pointer into its JSON, and what stands there unless it is only to be there.
    Data(&'static str, Option<&'static str>),
    /// The same, with this exit status.
    DataAnd(i32, &'static str, &'static str),
    /// Text for people with this in it, whatever the form but JSON; JSON Lines with `--json`.
    Lines(&'static str),
    /// The same without an end: it is interrupted after the first line.
    Stream(&'static str),
    /// Text for people with this in it, which `-q` keeps; one JSON value with `--json`.
    Text(&'static str, &'static str),
    /// No data: an error with this exit status and code.
    Error(i32, &'static str),
}

use Gives::{Data, DataAnd, Error, Lines, Stream, Text};

/// Words, arguments and what it gives, in the order in which they are run. `{agent}` and the like stand for
/// a new one each time, see [`thing`].
const TABLE: &[(&str, &str, Gives)] = &[
    (
        "run",
        "--provider mock --cwd {dir} think",
        Data("/status", Some("completed")),
    ),
    (
        "run",
        "--provider mock --cwd {dir} ask",
        DataAnd(13, "/status", "permission"),
    ),
    (
        "run",
        "--provider mock --cwd {dir} fail",
        DataAnd(1, "/status", "error"),
    ),
    ("ls", "", Data("/0/shortId", None)),
    (
        "import",
        "--provider old --cwd {dir} old",
        Data("/status", None),
    ),
    ("attach", "{agent}", Stream("Done.")),
    ("logs", "{agent}", Lines("Done.")),
    ("send", "{agent} think", Data("/status", Some("completed"))),
    ("send", "{agent} ask", DataAnd(13, "/status", "permission")),
    ("wait", "{agent}", Data("/status", Some("idle"))),
    ("wait", "{asking}", DataAnd(13, "/status", "permission")),
    (
        "wait",
        "{working} --timeout 1s",
        DataAnd(8, "/status", "timeout"),
    ),
    ("wait", "nobody", DataAnd(3, "/status", "error")),
    ("inspect", "nobody", Error(3, "INSPECT_FAILED")),
    ("stop", "{working}", Data("/stoppedCount", Some("1"))),
    ("delete", "{agent}", Data("/deletedCount", Some("1"))),
    ("inspect", "{agent}", Data("/Id", None)),
    ("archive", "{agent}", Data("/status", Some("archived"))),
    ("agent mode", "{agent} auto", Data("/mode", Some("auto"))),
    (
        "agent feature",
        "{agent} speed on",
        Error(3, "FEATURE_NOT_FOUND"),
    ),
    ("agent reload", "{agent}", Data("/status", Some("reloaded"))),
    ("agent detach", "{child}", Data("/status", Some("detached"))),
    (
        "agent update",
        "{agent} --name other",
        Data("/name", Some("other")),
    ),
    ("permit ls", "", Data("/0/agentId", None)),
    (
        "permit allow",
        "{asking}",
        Data("/0/result", Some("allowed")),
    ),
    (
        "permit deny",
        "{asking} --all",
        Data("/0/result", Some("denied")),
    ),
    ("provider ls", "", Data("/0/provider", None)),
    ("provider models", "mock", Data("/0/id", Some("mock-1"))),
    ("provider diagnostic", "mock", Data("/provider", None)),
    ("provider login", "mock", Error(1, "PROVIDER_LOGIN_FAILED")),
    ("project create", "{dir}", Data("/projectId", None)),
    ("project ls", "", Data("/0/projectId", None)),
    (
        "project rename",
        "{project} other",
        Data("/name", Some("other")),
    ),
    ("project delete", "{project}", Data("/projectId", None)),
    (
        "workspace create",
        "--isolation local --path {dir}",
        Data("/workspaceId", None),
    ),
    ("workspace ls", "", Data("/0/workspaceId", None)),
    (
        "workspace rename",
        "{workspace} other",
        Data("/title", Some("other")),
    ),
    (
        "workspace archive",
        "{workspace}",
        Data("/status", Some("archived")),
    ),
    (
        "worktree create",
        "--cwd {repo} --mode branch-off --new-branch {new}",
        Data("/name", None),
    ),
    ("worktree ls", "--cwd {repo}", Data("/0/name", None)),
    (
        "worktree archive",
        "{worktree} --cwd {repo}",
        Data("/status", None),
    ),
    (
        "script ls",
        "--workspace {workspace}",
        Data("/0/scriptName", Some("long")),
    ),
    (
        "script start",
        "long --workspace {workspace}",
        Data("/lifecycle", Some("running")),
    ),
    (
        "script stop",
        "long --workspace {scripted}",
        Data("/lifecycle", Some("stopped")),
    ),
    ("terminal create", "--cwd {dir}", Data("/id", None)),
    ("terminal ls", "--all", Data("/0/id", None)),
    ("terminal capture", "{terminal}", Text("/lines", "")),
    ("terminal send-keys", "{terminal} x", Text("/keysSent", "")),
    (
        "terminal kill",
        "{terminal}",
        Data("/success", Some("true")),
    ),
    (
        "schedule create",
        "hi --cron 0_0_1_1_* --provider mock --cwd {dir}",
        Data("/status", Some("active")),
    ),
    ("schedule ls", "", Data("/0/id", None)),
    ("schedule inspect", "{schedule}", Data("/id", None)),
    (
        "schedule pause",
        "{schedule}",
        Data("/status", Some("paused")),
    ),
    (
        "schedule resume",
        "{schedule}",
        Data("/status", Some("active")),
    ),
    ("schedule run-once", "{schedule}", Data("/id", None)),
    ("schedule logs", "{ran}", Data("/0/status", None)),
    (
        "schedule update",
        "{schedule} --name other",
        Data("/name", Some("other")),
    ),
    (
        "schedule delete",
        "{schedule}",
        Data("/status", Some("deleted")),
    ),
    (
        "heartbeat create",
        "hi --cron 0_0_1_1_*",
        Data("/status", Some("active")),
    ),
    (
        "heartbeat update",
        "{heartbeat} --cron 0_0_2_1_*",
        Data("/status", Some("active")),
    ),
    (
        "heartbeat delete",
        "{heartbeat}",
        Data("/status", Some("deleted")),
    ),
    (
        "clone",
        "own/{new} --dir {dir}/clones --protocol https",
        Data("/checkoutPath", None),
    ),
    ("chat create", "room", Error(14, "DAEMON_TOO_NEW")),
    ("chat ls", "", Error(14, "DAEMON_TOO_NEW")),
    ("chat inspect", "room", Error(14, "DAEMON_TOO_NEW")),
    ("chat delete", "room", Error(14, "DAEMON_TOO_NEW")),
    ("chat post", "room hi", Error(14, "DAEMON_TOO_NEW")),
    ("chat read", "room", Error(14, "DAEMON_TOO_NEW")),
    ("chat wait", "room", Error(14, "DAEMON_TOO_NEW")),
    ("loop run", "--cwd {dir} hi", Error(14, "DAEMON_TOO_NEW")),
    ("loop ls", "", Error(14, "DAEMON_TOO_NEW")),
    ("loop inspect", "one", Error(14, "DAEMON_TOO_NEW")),
    ("loop logs", "one", Error(14, "DAEMON_TOO_NEW")),
    ("loop stop", "one", Error(14, "DAEMON_TOO_NEW")),
    ("status", "", Data("/connectedDaemon", Some("reachable"))),
    (
        "daemon status",
        "",
        Data("/connectedDaemon", Some("reachable")),
    ),
    ("reload", "", Data("/appliedPaths", None)),
    ("daemon reload", "", Data("/appliedPaths", None)),
    // Nobody is there who would start it again.
    ("restart", "--yes", Error(1, "handler_error")),
    ("daemon restart", "--yes", Error(1, "handler_error")),
    ("daemon stop", "--yes", Data("/action", Some("stopped"))),
];

/// What has tests of its own: terminals (`tests/terminal`), the listener (`way`), what waits for a person
/// (`tests/cli/inbox`, `top`), and what judges the road instead of taking it (`tests/cli/diagnosis`, `remotes_more`).
const ELSEWHERE: &[&str] = &[
    "inbox",
    "top",
    "shell",
    "terminal attach",
    "forward",
    "ping",
    "doctor",
    "remote check",
];

/// `agent ls` is `ls`, unless it has a row of its own.
fn row_of(words: &str) -> &str {
    let has = |words: &str| TABLE.iter().any(|(row, ..)| *row == words);
    let below = words.strip_prefix("agent ").filter(|own| has(own));
    below.filter(|_| !has(words)).unwrap_or(words)
}

fn leaves(command: &clap::Command, words: &str, into: &mut BTreeSet<String>) {
    let mut below = command
        .get_subcommands()
        .filter(|c| c.get_name() != "help")
        .peekable();
    if below.peek().is_none() {
        into.insert(words.trim().to_owned());
    }
    for command in below {
        leaves(command, &format!("{words} {}", command.get_name()), into);
    }
}

#[test]
fn every_command_has_a_row() {
    let mut tree = paseo::cli::Cli::command_tree();
    tree.build();
    let mut there = BTreeSet::new();
    leaves(&tree, "", &mut there);
    let far = |words: &String| effect::of(words) != Effect::Local;
    let expected: BTreeSet<&str> = there
        .iter()
        .filter(|words| far(words))
        .map(|words| row_of(words))
        .collect();
    let rows = TABLE.iter().map(|(words, ..)| *words);
    let told: BTreeSet<&str> = rows.chain(ELSEWHERE.iter().copied()).collect();
    assert_eq!(told, expected);
}

/// The forms that a script may ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Table,
    Json,
    Quiet,
}

/// Each form has a world of its own: they run beside each other.
#[test]
fn every_command_works_over_the_relay() {
    if is_missing("git") {
        return;
    }
    let forms = [Form::Table, Form::Json, Form::Quiet];
    let walks = forms.map(|form| std::thread::spawn(move || walk(form)));
    for walk in walks {
        walk.join().unwrap();
    }
}

fn walk(form: Form) {
    let mut world = World::new(&["mock=mock:", "old=mock:"]);
    let caller = thing(&world, "agent");
    world.set("PASEO_AGENT_ID", &caller);
    prepare(&world);
    let page = Page::read();
    for (words, args, gives) in TABLE {
        let mut line = vec!["-r".to_owned(), "work".to_owned()];
        line.extend(words.split(' ').map(str::to_owned));
        line.extend(args.split_whitespace().map(|arg| fill(&world, arg)));
        match form {
            Form::Table => {}
            Form::Json => line.push("--json".to_owned()),
            Form::Quiet => line.push("-q".to_owned()),
        }
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let began = std::time::Instant::now();
        let ran = match gives {
            Stream(word) => interrupted(&world, &line, word),
            _ => Ran::of(world.run(&line)),
        };
        println!("{line:?}: {:?}", began.elapsed());
        judge(form, *gives, &ran, &line);
        if form == Form::Json && !ran.stdout.is_empty() {
            let command: Vec<&str> = words.split(' ').chain(args.split_whitespace()).collect();
            let section = page.section(&command);
            // One value, or lines of one each.
            let values = serde_json::Deserializer::from_str(&ran.stdout).into_iter();
            let wrong = values.flat_map(|value| section.check(&value.unwrap(), &mut Seen::new()));
            let wrong: Vec<String> = wrong.collect();
            assert!(wrong.is_empty(), "{line:?}: {}", wrong.join("; "));
        }
    }
}

#[derive(Debug)]
struct Ran {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn of(output: std::process::Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs a command until it has said what it has, and interrupts it as Ctrl-C does.
fn interrupted(world: &World, line: &[&str], word: &str) -> Ran {
    let mut command = world.command(line);
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut seen = Vec::new();
    // Text that is streamed has no line feed at its end.
    while !String::from_utf8_lossy(&seen).contains(word) {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{line:?}: {seen:?}");
        seen.extend(byte);
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    stdout.read_to_end(&mut seen).unwrap();
    let mut ran = Ran::of(child.wait_with_output().unwrap());
    ran.stdout = String::from_utf8(seen).unwrap();
    ran
}

fn judge(form: Form, gives: Gives, ran: &Ran, line: &[&str]) {
    let expected = match gives {
        DataAnd(status, ..) | Error(status, _) => status,
        _ => 0,
    };
    assert_eq!(ran.status, Some(expected), "{line:?}: {ran:?}");
    assert!(!ran.stdout.contains('\x1b'), "{line:?}: {ran:?}");
    match (form, gives) {
        (_, Error(status, code)) => {
            assert_eq!(ran.stdout, "", "{line:?}");
            assert!(!ran.stderr.is_empty(), "{line:?}");
            if form == Form::Json {
                let error: Value = serde_json::from_str(&ran.stderr).unwrap();
                assert_eq!(error["error"]["code"], code, "{line:?}");
                assert_eq!(error["error"]["exit"], status, "{line:?}");
            }
        }
        (Form::Json, Data(at, is)) => hold(ran, line, at, is),
        (Form::Json, DataAnd(_, at, is)) => hold(ran, line, at, Some(is)),
        (Form::Json, Text(at, _)) => hold(ran, line, at, None),
        (Form::Json, Lines(word) | Stream(word)) => {
            for line in ran.stdout.lines() {
                let _: Value = serde_json::from_str(line).unwrap();
            }
            assert!(ran.stdout.contains(word), "{line:?}: {ran:?}");
        }
        (_, Lines(word) | Stream(word) | Text(_, word)) => {
            assert!(ran.stdout.contains(word), "{line:?}: {ran:?}");
        }
        (Form::Table, Data(..) | DataAnd(..)) => {
            // A header, and what it is the header of.
            let lines = ran.stdout.lines().count();
            assert!(lines >= 2 || line.contains(&"reload"), "{line:?}: {ran:?}");
        }
        (Form::Quiet, Data(..) | DataAnd(..)) => {
            assert!(!ran.stdout.is_empty(), "{line:?}: {ran:?}");
            // The ids of `status` are its keys, which are words for people.
            let told = ran.stdout.lines();
            let ids = told.filter(|id| id.is_empty() || id.contains(' '));
            assert!(
                ids.count() == 0 || line.contains(&"status"),
                "{line:?}: {ran:?}"
            );
        }
    }
}

/// The whole of stdout is one JSON value, and this stands in it.
fn hold(ran: &Ran, line: &[&str], at: &str, is: Option<&str>) {
    let json: Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{line:?}: {ran:?}"));
    let value = json
        .pointer(at)
        .unwrap_or_else(|| panic!("{line:?}: no {at} in {json}"));
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    assert!(is.is_none_or(|is| text == is), "{line:?}: {at} is {text}");
}

/// What there must be on the daemon's machine: a repository, scripts, and a place to clone from.
fn prepare(world: &World) {
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        let git = git
            .args(args)
            .current_dir(world.dir())
            .env("HOME", world.dir());
        let output = git.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let own = ["-c", "user.name=me", "-c", "user.email=me@example.com"];
    git(&["init", "-q", "-b", "main", "repo"]);
    git(&[
        &own[..],
        &["-C", "repo", "commit", "-q", "--allow-empty", "-m", "x"],
    ]
    .concat());
    let scripts = r#"{ "scripts": { "long": { "command": "sleep 1000" } } }"#;
    std::fs::write(world.dir().join("paseo.json"), scripts).unwrap();
    let config = format!(
        "[url \"{}/origin/\"]\n\tinsteadOf = https://github.com/\n",
        world.cwd()
    );
    std::fs::create_dir_all(world.dir().join("me")).unwrap();
    std::fs::write(world.dir().join("me/.gitconfig"), config).unwrap();
    std::fs::create_dir_all(world.dir().join("clones")).unwrap();
}

/// Fills a word of a row.
fn fill(world: &World, word: &str) -> String {
    let mut word = word
        .replace("0_0_1_1_*", "0 0 1 1 *")
        .replace("0_0_2_1_*", "0 0 2 1 *");
    while let Some((before, rest)) = word.split_once('{') {
        let (name, after) = rest.split_once('}').unwrap();
        word = format!("{before}{}{after}", thing(world, name));
    }
    word
}

/// Makes a thing over the relay, and returns its id.
fn thing(world: &World, name: &str) -> String {
    let cwd = world.cwd();
    let made = |status: i32, args: &str, at: &str| {
        let args: Vec<String> = args
            .split_whitespace()
            .map(|arg| fill(world, arg))
            .collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        world
            .remote(status, &args)
            .pointer(at)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned()
    };
    let run = "run --provider mock --cwd {dir}";
    match name {
        "dir" => cwd,
        "repo" => format!("{cwd}/repo"),
        "new" => {
            let name = format!("n{}", uuid::Uuid::new_v4().simple());
            let origin = format!("{cwd}/origin/own/{name}.git");
            let mut clone = Command::new("git");
            let cloned = clone.args(["clone", "-q", "--bare", &format!("{cwd}/repo"), &origin]);
            assert!(cloned.status().unwrap().success());
            name
        }
        "agent" => made(0, &format!("{run} think"), "/agentId"),
        "asking" => made(13, &format!("{run} ask"), "/agentId"),
        "working" => made(0, &format!("{run} --background wait"), "/agentId"),
        "child" => {
            let parent = thing(world, "agent");
            made(
                0,
                &format!("{run} --label paseo.parent-agent-id={parent} think"),
                "/agentId",
            )
        }
        "project" => made(0, "project create {dir}", "/projectId"),
        "workspace" => made(
            0,
            "workspace create --isolation local --path {dir}",
            "/workspaceId",
        ),
        "scripted" => {
            let id = thing(world, "workspace");
            world.remote(0, &["script", "start", "long", "--workspace", &id]);
            id
        }
        "worktree" => made(
            0,
            "worktree create --cwd {repo} --mode branch-off --new-branch {new}",
            "/name",
        ),
        "terminal" => made(0, "terminal create --cwd {dir}", "/id"),
        "schedule" => made(
            0,
            "schedule create hi --cron 0_0_1_1_* --provider mock --cwd {dir}",
            "/id",
        ),
        "ran" => {
            let id = thing(world, "schedule");
            world.remote(0, &["schedule", "run-once", &id]);
            while world.remote(0, &["schedule", "logs", &id])[0]["status"] != "succeeded" {}
            id
        }
        "heartbeat" => made(0, "heartbeat create hi --cron 0_0_1_1_*", "/id"),
        other => panic!("{other}"),
    }
}
