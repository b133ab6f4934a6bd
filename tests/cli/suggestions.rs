//! The commands that errors suggest: each asks the daemon that was asked, and each is a command.

use crate::built_in::BuiltIn;
use crate::sandbox::{Ran, Sandbox};

const CONFIG: &str = "home/.config/paseo/remotes.toml";

/// Commands that fail with a hint for the same daemon.
const FAIL: &[&[&str]] = &[
    &["logs", "nosuch"],
    &["inspect", "nosuch"],
    &["send", "nosuch", "hi"],
    &["wait", "nosuch"],
    &["attach", "nosuch"],
    &["archive", "nosuch"],
    &["stop"],
    &["delete"],
    &["permit", "allow", "nosuch", "nosuch"],
    &["agent", "mode", "nosuch", "auto"],
    &["agent", "update", "nosuch", "--name", "x"],
    &["terminal", "capture", "nosuch"],
    &["terminal", "kill", "nosuch"],
    &["worktree", "archive", "nosuch"],
    &["provider", "models", "nosuch"],
    &["run", "--provider", "nosuch", "hi"],
    &["run", "--workspace", "nosuch", "--provider", "echo", "hi"],
    &["run", "--provider", "echo", " "],
];

/// Takes the commands out of what was printed: from `paseo` up to what ends a command there.
fn suggested(ran: &Ran) -> Vec<String> {
    let mut found = Vec::new();
    for line in ran.stderr.lines() {
        for (at, _) in line.match_indices("paseo ") {
            let rest = &line[at..];
            let ends = [", ", " or ", " shows ", "; ", "   "];
            let end = ends.iter().filter_map(|end| rest.find(end)).min();
            found.push(rest[..end.unwrap_or(rest.len())].trim().to_owned());
        }
    }
    found
}

#[test]
fn every_suggested_command_asks_the_same_daemon() {
    let sandbox = Sandbox::new();
    let daemon = BuiltIn::start(&sandbox, &[]);
    sandbox.write(
        CONFIG,
        &format!("[remotes.work]\nurl = 'tcp://{}'\n", daemon.address),
    );
    let mut hints = 0;
    for target in [["-r", "work"], ["--host", &daemon.address]] {
        for fails in FAIL {
            let ran = sandbox.run(&[&target[..], fails].concat());
            assert_ne!(ran.status, 0, "{fails:?}: {ran:?}");
            for command in suggested(&ran) {
                hints += 1;
                let aimed = format!("paseo {} {} ", target[0], target[1]);
                // What changes the remote itself is done here.
                let here = command.starts_with("paseo remote set work ");
                assert!(command.starts_with(&aimed) || here, "{fails:?}: {command}");
                // A word in capitals stands for a value.
                let is_value = |word: &str| word.chars().all(|c| c.is_ascii_uppercase());
                let words = command.split(' ').skip(1);
                let words = words.map(|word| if is_value(word) { "x" } else { word });
                let words: Vec<&str> = words.chain(["--help"]).collect();
                let help = sandbox.run(&words);
                assert_eq!(help.status, 0, "{command}: {help:?}");
            }
        }
    }
    assert!(hints >= 20, "{hints}");
}

#[test]
fn a_suggestion_repeats_no_password() {
    let sandbox = Sandbox::new();
    let daemon = BuiltIn::start(&sandbox, &[]);
    let target = format!("tcp://{}?password=planted", daemon.address);
    let ran = sandbox.run(&["--host", &target, "logs", "nosuch"]);
    assert_eq!(ran.status, 3, "{ran:?}");
    assert!(ran.stderr.contains("paseo --host … ls"), "{ran:?}");
    assert!(!ran.stderr.contains("planted"), "{ran:?}");
}

#[test]
fn without_a_daemon_here_saved_remotes_are_named() {
    let sandbox = Sandbox::new();
    let said = |sandbox: &Sandbox| sandbox.run(&["ls"]).stderr;
    assert!(!said(&sandbox).contains("remote use"));
    sandbox.write(
        CONFIG,
        "[remotes.work]\nurl = 'tcp://127.0.0.1:1'\n[remotes.lab]\nurl = 'tcp://127.0.0.1:2'\n",
    );
    let shown = said(&sandbox);
    assert!(shown.contains("lab") && shown.contains("work"), "{shown}");
    assert!(shown.contains("paseo remote use"), "{shown}");
}

#[test]
fn a_default_that_does_not_decide_or_is_gone_is_told() {
    let mut sandbox = Sandbox::new();
    sandbox.write(CONFIG, "[remotes.work]\nurl = 'tcp://127.0.0.1:1'\n");
    let used = sandbox.run(&["remote", "use", "work"]);
    assert_eq!((used.status, used.stderr.as_str()), (0, ""), "{used:?}");
    sandbox.set("PASEO_HOST", "127.0.0.1:2");
    let used = sandbox.run(&["remote", "use", "work"]);
    assert_eq!(used.status, 0, "{used:?}");
    assert!(used.stderr.contains("the variable PASEO_HOST"), "{used:?}");
    let gone = sandbox.run(&["remote", "rm", "work"]);
    assert_eq!(gone.status, 0, "{gone:?}");
    assert!(gone.stderr.contains("it was the default"), "{gone:?}");
}

/// As ssh, it asks for no directory.
#[test]
fn a_shell_opens_in_the_home_of_the_daemons_user() {
    let sandbox = Sandbox::new();
    let daemon = BuiltIn::start(&sandbox, &[]);
    sandbox.write(
        CONFIG,
        &format!("[remotes.work]\nurl = 'tcp://{}'\n", daemon.address),
    );
    let shell = sandbox.run_with(&["-r", "work", "shell"], "echo at:$PWD:\n");
    let home = sandbox.path("home").canonicalize().unwrap();
    assert!(
        shell.stdout.contains(&format!("at:{}:", home.display())),
        "{shell:?}"
    );
}

/// A script that asked for JSON gets JSON, however wrong the rest of its line is.
#[test]
fn a_wrong_command_line_is_told_in_the_form_that_was_asked_for() {
    let sandbox = Sandbox::new();
    for wrong in [
        &["ls", "--nope"][..],
        &["nosuch"],
        &["logs"],
        &["provider", "ls", "x"],
        &["run", "--mode"],
        &["wait", "x", "--timeout", "soon"],
        &["remote", "add"],
        &["remote", "add", "a/b"],
        &["relay", "nosuch"],
        &["-4", "-6", "ls"],
    ] {
        let shown = sandbox.run(wrong);
        assert_eq!(shown.status, 2, "{wrong:?}: {shown:?}");
        assert!(shown.stderr.starts_with("Error: "), "{wrong:?}: {shown:?}");
        let ran = sandbox.run(&[&["--json"], wrong].concat());
        assert_eq!(ran.status, 2, "{wrong:?}: {ran:?}");
        let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
        let error = &error["error"];
        assert_eq!(error["exit"], 2, "{wrong:?}: {ran:?}");
        assert!(error["code"].is_string(), "{wrong:?}: {ran:?}");
        let message = error["message"].as_str().unwrap();
        assert!(
            shown.stderr.contains(message.split(": ").next().unwrap()),
            "{shown:?} {ran:?}"
        );
    }
}
