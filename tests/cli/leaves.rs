//! Every command that talks to a daemon, really run: against nobody, and against a daemon that refuses
//! everything.

use paseo::cli::Cli;
use paseo::commands::effect::{EFFECTS, Effect};
use serde_json::Value;

use crate::fake_daemon::{FakeDaemon, HANG_UP};
use crate::sandbox::Sandbox;

/// What a command needs beside its words. Commands that are not here need nothing.
const NEEDS: &[(&str, &[&str])] = &[
    ("run", &["--provider", "p", "--cwd", "/x", "prompt"]),
    ("import", &["--provider", "p", "session", "--cwd", "/x"]),
    ("attach", &["a"]),
    ("logs", &["a"]),
    ("send", &["a", "prompt"]),
    ("wait", &["a"]),
    ("stop", &["a"]),
    ("delete", &["a"]),
    ("inspect", &["a"]),
    ("archive", &["a"]),
    ("agent mode", &["a", "m"]),
    ("agent feature", &["a", "f", "on"]),
    ("agent reload", &["a"]),
    ("agent detach", &["a"]),
    ("agent update", &["a", "--name", "n"]),
    ("clone", &["o/r", "--dir", "/x", "--protocol", "ssh"]),
    ("chat create", &["r"]),
    ("chat inspect", &["r"]),
    ("chat delete", &["r"]),
    ("chat post", &["r", "m"]),
    ("chat read", &["r"]),
    ("chat wait", &["r"]),
    ("loop run", &["--cwd", "/x", "m"]),
    ("loop inspect", &["l"]),
    ("loop logs", &["l"]),
    ("loop stop", &["l"]),
    ("provider models", &["p"]),
    ("provider diagnostic", &["p"]),
    ("provider login", &["p"]),
    ("project create", &["/x"]),
    ("project rename", &["p", "n"]),
    ("project delete", &["p"]),
    (
        "workspace create",
        &["--isolation", "local", "--path", "/x"],
    ),
    ("workspace rename", &["w", "t"]),
    ("workspace archive", &["w"]),
    (
        "worktree create",
        &["--cwd", "/x", "--mode", "branch-off", "--new-branch", "b"],
    ),
    ("worktree ls", &["--cwd", "/x"]),
    ("worktree archive", &["w", "--cwd", "/x"]),
    ("terminal ls", &["--all"]),
    ("terminal create", &["--cwd", "/x"]),
    ("terminal capture", &["t"]),
    ("terminal send-keys", &["t", "k"]),
    ("terminal kill", &["t"]),
    ("script ls", &["--workspace", "w"]),
    ("script start", &["s", "--workspace", "w"]),
    ("script stop", &["s", "--workspace", "w"]),
    (
        "schedule create",
        &["x", "--cron", "* * * * *", "--provider", "p", "--cwd", "/x"],
    ),
    ("schedule inspect", &["s"]),
    ("schedule logs", &["s"]),
    ("schedule pause", &["s"]),
    ("schedule resume", &["s"]),
    ("schedule run-once", &["s"]),
    ("schedule delete", &["s"]),
    ("schedule update", &["s", "--name", "n"]),
    ("heartbeat create", &["x", "--cron", "* * * * *"]),
    ("heartbeat update", &["h", "--cron", "* * * * *"]),
    ("heartbeat delete", &["h"]),
    ("permit allow", &["a"]),
    ("permit deny", &["a", "--all"]),
    ("daemon stop", &["--yes"]),
    ("daemon restart", &["--yes"]),
    ("restart", &["--yes"]),
];

/// Commands that do not end by themselves, want a terminal, or judge the way to a daemon: they have tests of
/// their own.
const NOT_HERE: &[&str] = &[
    "shell",
    "terminal attach",
    "forward",
    "top",
    "ping",
    "doctor",
];

/// Calls `check` with the command line of each command that talks to a daemon.
fn each(mut check: impl FnMut(&str, Vec<&str>)) {
    let mut count = 0;
    for (words, effect) in EFFECTS {
        if *effect == Effect::Local || words.starts_with("remote") || NOT_HERE.contains(words) {
            continue;
        }
        let own = words.strip_prefix("agent ").unwrap_or(words);
        let needs = NEEDS.iter().find(|(name, _)| name == words || *name == own);
        let mut args: Vec<&str> = words.split(' ').collect();
        args.extend(needs.map_or(&[][..], |(_, needs)| needs));
        check(words, args);
        count += 1;
    }
    assert!(count > 60, "only {count} commands");
}

fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    // `heartbeat` is for agents.
    sandbox.set("PASEO_AGENT_ID", "00000000-0000-4000-8000-000000000001");
    sandbox
}

#[test]
fn without_a_daemon_each_says_so() {
    let sandbox = sandbox();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = listener.local_addr().unwrap().to_string();
    drop(listener);
    each(|words, args| {
        let ran = sandbox.run(&[&args[..], &["--host", &nobody, "--json"]].concat());
        assert_eq!(
            (ran.status, ran.stdout.as_str()),
            (6, ""),
            "{words}: {ran:?}"
        );
        let error: Value =
            serde_json::from_str(&ran.stderr).unwrap_or_else(|_| panic!("{words}: {ran:?}"));
        assert_eq!(error["error"]["code"], "DAEMON_NOT_RUNNING", "{words}");
    });
}

#[test]
fn a_refusal_is_an_error_with_a_code_and_nothing_on_stdout() {
    let sandbox = sandbox();
    let daemon = FakeDaemon::start("srv_1", &["daemonStatusRpc"], |_| Value::Null);
    each(|words, args| {
        for form in [&["--json"][..], &["-q"], &["-o", "yaml"]] {
            let target = ["--host", &daemon.address];
            let ran = sandbox.run(&[&args[..], &target, form].concat());
            assert_eq!(ran.stdout, "", "{words}");
            assert!(matches!(ran.status, 1 | 3 | 14), "{words}: {ran:?}");
            assert!(!ran.stderr.is_empty(), "{words}");
            if form == ["--json"] {
                let last = ran.stderr.find("{\n").map(|at| &ran.stderr[at..]);
                let error: Value = serde_json::from_str(last.unwrap()).unwrap();
                assert!(error["error"]["code"].is_string(), "{words}: {ran:?}");
                assert_eq!(error["error"]["exit"], ran.status, "{words}");
            }
        }
    });
}

/// Commands that need something, of which nothing is named by an id of the daemon: what they are given is new, or a
/// place.
const NAME_NOTHING: &[&str] = &[
    "run",
    "import",
    "clone",
    "chat create",
    "loop run",
    "project create",
    "workspace create",
    "worktree create",
    "worktree ls",
    "terminal ls",
    "terminal create",
    "script ls",
    "schedule create",
    "heartbeat create",
    "daemon stop",
    "daemon restart",
    "restart",
];

#[test]
fn what_a_list_of_several_remotes_prints_every_command_takes() {
    let sandbox = sandbox();
    let daemon = FakeDaemon::start("srv_1", &["workspaceScriptManagement"], |_| Value::Null);
    let config = format!("[remotes.far]\nurl = 'tcp://{}'\n", daemon.address);
    sandbox.write("home/.config/paseo/remotes.toml", &config);
    each(|words, args| {
        let at = words.split(' ').count();
        let argv = [&["paseo"], &args[..]].concat();
        let argv: Vec<_> = argv.iter().map(std::ffi::OsString::from).collect();
        let names = !Cli::parse_words(&argv).unwrap().references.is_empty();
        let own = words.strip_prefix("agent ").unwrap_or(words);
        let expected = args.len() > at && !NAME_NOTHING.contains(&own);
        assert_eq!(names, expected, "{words}");
        if !names {
            return;
        }
        let bare = args[at];
        let full = format!("far:{bare}");
        let args: Vec<&str> = [&args[..at], &[&*full], &args[at + 1..]].concat();
        let before = daemon.requests().len();
        let ran = sandbox.run(&args);
        let asked = &daemon.requests()[before..];
        assert!(!asked.is_empty(), "{words} goes to its remote: {ran:?}");
        let asked = Value::from(asked).to_string();
        assert!(!asked.contains("far:"), "{words}: {asked}");
    });
}

/// The connection ends at the first request. When that was a change, nobody knows whether it happened.
#[test]
fn a_change_without_an_answer_is_not_made_again_and_says_that_it_may_have_happened() {
    let sandbox = sandbox();
    let daemon = FakeDaemon::start("srv_1", &["daemonStatusRpc"], |_| HANG_UP.into());
    let mut unknown = 0;
    each(|words, args| {
        if !EFFECTS.contains(&(words, Effect::Changes)) {
            return;
        }
        let before = daemon.requests().len();
        let target = ["--host", &*daemon.address, "--json"];
        let ran = sandbox.run(&[&args[..], &target].concat());
        let asked = &daemon.requests()[before..];
        assert!(asked.len() <= 1, "{words}: {asked:?}");
        // Some have to read something before, and some are not for such a daemon.
        assert!(matches!(ran.status, 7 | 8 | 14), "{words}: {ran:?}");
        if ran.status == 8 {
            assert!(
                ran.stderr.contains("may have been applied"),
                "{words}: {ran:?}"
            );
            unknown += 1;
        }
    });
    assert!(unknown >= 15, "only {unknown}");
}
