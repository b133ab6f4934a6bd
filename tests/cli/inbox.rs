//! `paseo inbox`: what waits for a person, on all remotes; answered at the prompt; watched.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::built_in::BuiltIn;
use crate::sandbox::{Sandbox, binary};
use crate::terminal::Terminal;
use crate::tool::is_missing;

/// Two remotes that are one daemon, with agents that ask.
fn world() -> (Sandbox, BuiltIn) {
    let sandbox = Sandbox::new();
    let daemon = BuiltIn::start(&sandbox, &["--agent", "asks=mock:"]);
    let remote = |name: &str| {
        format!(
            "[remotes.{name}]\nurl = 'tcp://{}'\ncwd = '/tmp'\n",
            daemon.address
        )
    };
    sandbox.write(
        "home/.config/paseo/remotes.toml",
        &(remote("lab") + &remote("work")),
    );
    (sandbox, daemon)
}

/// Starts an agent that asks, and returns the beginning of its id.
fn ask(sandbox: &Sandbox, prompt: &str) -> String {
    let ran = sandbox.run(&[
        "-r",
        "work",
        "run",
        "-d",
        "--provider",
        "asks",
        prompt,
        "-q",
    ]);
    assert_eq!(ran.status, 0, "{ran:?}");
    ran.stdout.trim().chars().take(7).collect()
}

fn inbox(sandbox: &Sandbox, more: &[&str]) -> Vec<Value> {
    let ran = sandbox.run(&[more, &["inbox", "--json"]].concat());
    ran.json().as_array().unwrap().clone()
}

/// Waits until so many things wait on one remote.
fn until(sandbox: &Sandbox, count: usize) -> Vec<Value> {
    for _ in 0..600 {
        let found = inbox(sandbox, &["-r", "work"]);
        if found.len() == count {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!(
        "not {count} things wait: {:?}",
        inbox(sandbox, &["-r", "work"])
    );
}

fn terminal(sandbox: &Sandbox, args: &[&str]) -> Terminal {
    Terminal::start(sandbox, binary().to_str().unwrap(), args, "PASEO_BATCH")
}

#[test]
fn requests_of_all_remotes_are_listed_and_answered() {
    let (sandbox, _daemon) = world();
    let agent = ask(&sandbox, "ask");
    let waits = until(&sandbox, 1);
    assert_eq!(
        (&waits[0]["kind"], waits[0].get("remote")),
        (&"permission".into(), None)
    );
    // Without -r it is everywhere. Both remotes are one daemon: what waits there waits once.
    let all = inbox(&sandbox, &[]);
    let remotes: Vec<_> = all
        .iter()
        .map(|row| row["remote"].as_str().unwrap())
        .collect();
    assert_eq!(remotes, ["lab"]);
    let ids = sandbox.run(&["inbox", "-q"]);
    assert_eq!(ids.stdout, format!("lab:{agent}\n"));

    // A line that is no answer, and then one that is.
    let mut asked = terminal(&sandbox, &["inbox"]);
    asked.wait_for("REMOTE  AGENT ID");
    asked.wait_for("1) Allow once   2) Deny   [y/n/number]");
    asked.type_in("perhaps\r");
    asked.wait_for("that is no answer");
    asked.type_in("?\r");
    asked.wait_for("Enter leaves it for later");
    asked.type_in("y\r");
    asked.wait_for("answered");
    assert_eq!(asked.end().0, 0);
    assert!(until(&sandbox, 1)[0]["kind"] == "finished");
}

#[test]
fn what_needs_no_answer_is_dismissed_or_kept() {
    let (sandbox, _daemon) = world();
    for _ in 0..3 {
        ask(&sandbox, "tool");
    }
    let waits = until(&sandbox, 3);
    assert!(
        waits.iter().all(|one| one["kind"] == "finished"),
        "{waits:?}"
    );
    for (typed, left) in [
        (&["\r", "\r", "\r"][..], 3),
        (&["q\r"], 3),
        (&["\r", "d\r", "q\r"], 2),
        (&["x\rd\r", "d\r"], 0),
    ] {
        let mut asked = terminal(&sandbox, &["inbox"]);
        for keys in typed {
            asked.wait_for("[d/Enter/q/?]");
            asked.type_in(keys);
            if keys.starts_with('x') {
                asked.wait_for("d dismisses it");
            }
        }
        assert_eq!(asked.end().0, 0);
        assert_eq!(inbox(&sandbox, &[]).len(), left, "{typed:?}");
    }
}

/// The answer to a request that somebody else has answered fails. The next line is no answer to the next request until
/// that one is shown.
#[test]
fn a_request_that_was_not_shown_is_not_answered() {
    let (sandbox, _daemon) = world();
    let first = ask(&sandbox, "ask");
    until(&sandbox, 1);
    let second = ask(&sandbox, "ask");
    until(&sandbox, 2);
    let mut asked = terminal(&sandbox, &["-r", "work", "inbox"]);
    asked.wait_for("[y/n/number]");
    let denied = sandbox.run(&["-r", "work", "permit", "deny", "--all", &first]);
    assert_eq!(denied.status, 0, "{denied:?}");
    asked.type_in("y\r");
    asked.wait_for("no such permission request");
    let shown = asked.wait_for("[y/n/number]");
    assert!(
        shown.contains(&second) && shown.contains("1) Allow once"),
        "{shown}"
    );
    asked.type_in("n\r");
    asked.wait_for("answered");
    assert_eq!(asked.end().0, 0);
}

#[test]
fn what_is_left_for_later_stays_and_a_read_only_remote_is_not_answered() {
    let (sandbox, _daemon) = world();
    ask(&sandbox, "question");
    until(&sandbox, 1);
    let set = sandbox.run(&["remote", "set", "lab", "readonly=true"]);
    assert_eq!(set.status, 0, "{set:?}");
    let mut asked = terminal(&sandbox, &["-r", "lab", "inbox"]);
    asked.wait_for("`lab` is read-only");
    assert_eq!(asked.end().0, 0);
    // Of two names of a daemon, the one that may answer is shown.
    let mut asked = terminal(&sandbox, &["inbox"]);
    asked.wait_for("work:");
    asked.wait_for("/deny refuses]");
    asked.type_in("\r");
    assert_eq!(asked.end().0, 0);
    assert_eq!(until(&sandbox, 1)[0]["kind"], "question");
    let mut asked = terminal(&sandbox, &["-r", "work", "inbox"]);
    asked.wait_for("2) CLI");
    asked.type_in("2\r");
    asked.wait_for("answered");
    assert_eq!(asked.end().0, 0);
}

#[test]
fn a_watch_tells_what_begins_to_wait_and_a_program_of_it() {
    let (mut sandbox, _daemon) = world();
    let (seen, program) = (sandbox.path("seen"), sandbox.path("tell"));
    sandbox.write(
        "tell",
        &format!(
            "#!/bin/sh\nprintf '%s|%s|%s' \"$1\" \"$2\" \"$PASEO_PASSWORD\" > {}\n",
            seen.display()
        ),
    );
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    sandbox.set("PASEO_PASSWORD", "planted-hunter2");
    let before = ask(&sandbox, "ask");
    until(&sandbox, 1);
    let program = program.display().to_string();
    let args = [
        "inbox",
        "--watch",
        "--notify",
        "osc9",
        "--notify-command",
        &program,
    ];
    let mut watching = terminal(&sandbox, &args);
    // Both remotes are one daemon, which tells once; no program is told of what waited already.
    let first = watching.wait_for(&format!("{before}  permission"));
    let time = first.rsplit("  ").nth(2).unwrap();
    let time = time.rsplit(" | ").next().unwrap();
    assert!(time.len() == 16 && time.as_bytes()[13] == b':', "{first:?}");
    let agent = ask(&sandbox, "ask");
    let between = watching.wait_for(&format!("{agent}  permission"));
    assert!(!between.contains(&before), "{between:?}");
    let shown = watching.wait_for("\u{7}");
    assert!(
        shown.contains("\u{1b}]9;paseo ") && shown.contains(&agent),
        "{shown:?}"
    );
    let told = (0..600).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let told = std::fs::read_to_string(&seen).ok();
        told.filter(|told| told.ends_with('|'))
    });
    let told = told.expect("the program is run");
    watching.type_in("\u{3}");
    assert_eq!(watching.end().0, 0);
    assert!(
        told.starts_with("paseo ") && told.contains(&agent),
        "{told}"
    );
    // Its environment has no secret.
    assert!(!told.contains("hunter2"), "{told}");
}

/// A server of tmux, which ends with the test.
struct Tmux<'a>(&'a Sandbox, String);

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        let mut kill = self.0.command("tmux".as_ref());
        let _ = kill.args(["-S", &self.1, "kill-server"]).status();
    }
}

#[test]
fn tmux_hands_a_notification_on() {
    if is_missing("tmux") {
        return;
    }
    let (mut sandbox, _daemon) = world();
    sandbox.set("TERM", "xterm-256color");
    sandbox.set("PATH", "/usr/bin:/bin");
    sandbox.write("tmux.conf", "set -g allow-passthrough on\n");
    let path = |name: &str| sandbox.path(name).display().to_string();
    let (socket, conf) = (path("tmux"), path("tmux.conf"));
    let watch = format!("{} -r work inbox --watch --notify osc9", binary().display());
    let args = ["-u", "-S", &socket, "-f", &conf, "new-session", &watch];
    let _tmux = Tmux(&sandbox, socket.clone());
    let mut outside = Terminal::start(&sandbox, "/usr/bin/tmux", &args, "PASEO_BATCH");
    let before = ask(&sandbox, "ask");
    outside.wait_for(&before);
    let agent = ask(&sandbox, "ask");
    let sequence = format!("\u{1b}]9;paseo work: {agent}");
    outside.wait_for(&sequence);
    outside.wait_for("\u{7}");
}

/// Scripts have no prompt.
#[test]
fn ends_are_dismissed_without_a_question() {
    let (sandbox, _daemon) = world();
    let waits_on = ask(&sandbox, "ask");
    until(&sandbox, 1);
    let ends: Vec<_> = (0..3).map(|_| ask(&sandbox, "tool")).collect();
    until(&sandbox, 4);
    let gone = sandbox.run(&["inbox", "--dismiss", "nosuch"]);
    assert_eq!((gone.status, gone.stdout.as_str()), (3, ""), "{gone:?}");
    // What wants an answer is no end.
    assert_eq!(sandbox.run(&["inbox", "--dismiss", &waits_on]).status, 3);
    let one = sandbox.run(&["inbox", "--dismiss", &ends[1], "--json"]);
    let rows = one.json();
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    assert!(rows[0]["agentId"].as_str().unwrap().starts_with(&ends[1]));
    assert_eq!(rows[0]["remote"], "lab");
    assert_eq!(until(&sandbox, 3).len(), 3);
    // A read-only remote is left as it is.
    let set = |value: &str| sandbox.run(&["remote", "set", "lab", &format!("readonly={value}")]);
    set("true");
    let refused = sandbox.run(&["-r", "lab", "inbox", "--dismiss"]);
    assert!(refused.stderr.contains("read-only"), "{refused:?}");
    set("false");
    let all = sandbox.run(&["inbox", "--dismiss"]);
    assert_eq!(all.status, 0, "{all:?}");
    let left = until(&sandbox, 1);
    assert_eq!(left[0]["kind"], "permission");
    let none = sandbox.run(&["inbox", "--dismiss", "--json"]);
    assert_eq!((none.status, none.json()), (0, Value::Array(Vec::new())));
}

#[test]
fn a_watch_is_answered() {
    let (sandbox, _daemon) = world();
    let mut watching = terminal(&sandbox, &["inbox", "--watch"]);
    watching.wait_for("Press Enter to answer what waits");
    let agent = ask(&sandbox, "ask");
    watching.wait_for(&format!("{agent}  permission"));
    watching.type_in("\r");
    watching.wait_for("1) Allow once   2) Deny   [y/n/number]");
    // What begins to wait meanwhile is told behind the questions.
    let other = ask(&sandbox, "question");
    until(&sandbox, 2);
    watching.type_in("y\r");
    let between = watching.wait_for("Watching again.");
    assert!(
        between.contains("answered") && !between.contains(&other),
        "{between}"
    );
    watching.wait_for(&format!("{other}  question"));
    watching.type_in("\u{3}");
    assert_eq!(watching.end().0, 0);
}
