//! A daemon that writes escape sequences and text that runs backwards into every field, and every command that
//! shows something, on a terminal.

use serde_json::Value;

use crate::agents;
use crate::agents::recording;
use crate::replay::Replay;
use crate::replays;
use crate::sandbox::{Sandbox, binary};
use crate::terminal::Terminal;

/// Sets the title, colours, clears (in one byte), turns the text round, hides, and looks like a blank.
const INJECTED: &str = "\u{1b}]0;pwned\u{7}\u{1b}[5;31m\u{9b}2J\u{202e}\u{200b}\u{8}\r\u{7f}\u{ad}\u{34f}\u{180e}\
    \u{3164}\u{2800}\u{fe0f}\u{ffa0}\u{115f}\u{2066}\u{2028}\u{feff}\u{fff9}\u{e0041}\u{e0101}";

/// What may never reach the terminal. Line ends are the terminal's own.
const HARM: [&str; 22] = [
    "\u{1b}]",
    "\u{7}",
    "\u{1b}[5;31m",
    "\u{9b}",
    "\u{202e}",
    "\u{200b}",
    "\u{8}",
    "\u{7f}",
    "\u{ad}",
    "\u{34f}",
    "\u{180e}",
    "\u{3164}",
    "\u{2800}",
    "\u{fe0f}",
    "\u{ffa0}",
    "\u{115f}",
    "\u{2066}",
    "\u{2028}",
    "\u{feff}",
    "\u{fff9}",
    "\u{e0041}",
    "\u{e0101}",
];

/// Fields that the protocol itself reads: a daemon that spoils them only spoils its own answers.
const KEPT: [&str; 15] = [
    "type",
    "requestId",
    "requestType",
    "status",
    "kind",
    "id",
    "agentId",
    "epoch",
    "terminalId",
    "workspaceId",
    "projectId",
    "code",
    "direction",
    "projection",
    "collapsed",
];

/// Puts harm into every text that is not read by the protocol itself.
pub(crate) fn spoil(value: &mut Value, key: &str) {
    match value {
        Value::String(text) if !KEPT.contains(&key) => text.push_str(INJECTED),
        Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, key)),
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| spoil(value, key)),
        _ => {}
    }
}

/// Fails when a terminal got what may never reach it.
pub(crate) fn harmless(args: &[&str], shown: &str) {
    for harm in HARM {
        assert!(!shown.contains(harm), "{args:?}: {harm:?}: {shown:?}");
    }
}

/// A recording whose daemon is spoilt.
fn spoilt(sandbox: &Sandbox, name: &str) -> Replay {
    let text = std::fs::read_to_string(recording(name)).unwrap();
    let mut lines = String::new();
    for line in text.lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        if let Some(message) = line.get_mut("s2c") {
            spoil(message, "");
        }
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    sandbox.write(name, &lines);
    Replay::start(&sandbox.path(name))
}

/// Runs every command in a form of output; returns how many there are, and how many showed an escaped field.
fn every_command(form: &[&str]) -> (usize, usize) {
    let about_agents = agents::CASES.iter().chain(agents::ERRORS);
    let about_agents = about_agents.map(|(name, _, args)| (name, args));
    let others = replays::CASES.iter().map(|(name, args)| (name, args));
    let (mut shown_safely, mut commands) = (0, 0);
    for (name, args) in about_agents.chain(others) {
        let sandbox = Sandbox::new();
        let daemon = spoilt(&sandbox, name);
        let args = [&["--host", &daemon.address], form, *args].concat();
        let terminal = Terminal::start(
            &sandbox,
            binary().to_str().unwrap(),
            &args,
            "HOME_OF_NOBODY",
        );
        let (_, shown) = terminal.end();
        harmless(&args, &shown);
        commands += 1;
        shown_safely += usize::from(ESCAPED.iter().any(|escaped| shown.contains(escaped)));
    }
    (commands, shown_safely)
}

/// How the first control character looks: in text, in JSON and in YAML.
const ESCAPED: [&str; 2] = ["\\u{1b}", "\\u001b"];

#[test]
fn nothing_that_is_shown_reaches_the_terminal_as_it_came() {
    let (commands, shown_safely) = every_command(&[]);
    // Most show a field that the daemon chose; the rest say only that something is done.
    assert!(shown_safely * 2 > commands, "{shown_safely} of {commands}");
}

/// Programs read pipes; who prints data on a terminal looks at it.
#[test]
fn no_form_of_data_reaches_the_terminal_as_it_came() {
    for form in [&["--json"][..], &["-o", "yaml"]] {
        let (commands, shown_safely) = every_command(form);
        assert!(
            shown_safely * 2 > commands,
            "{form:?}: {shown_safely} of {commands}"
        );
    }
}

/// A pipe gets the data as the official CLI prints it.
#[test]
fn a_pipe_gets_the_characters_as_they_came() {
    let sandbox = Sandbox::new();
    let daemon = spoilt(&sandbox, "permit-ls");
    let ran = sandbox.run(&["--host", &daemon.address, "--json", "permit", "ls"]);
    assert!(ran.stdout.contains("\u{202e}\u{200b}"), "{ran:?}");
    assert!(ran.stdout.contains("\u{3164}\u{2800}\u{fe0f}"), "{ran:?}");
}
