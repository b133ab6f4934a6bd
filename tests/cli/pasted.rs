//! Links and passwords that people paste into a hidden prompt, in a shell that would run what is left over.

use crate::remotes::{link, offer};
use crate::sandbox::{Sandbox, binary};
use crate::terminal::Terminal;
use crate::tool::is_missing;

/// Starts a shell at a terminal, with a history, in which `paseo` is there.
fn shell(sandbox: &mut Sandbox) -> Terminal {
    sandbox.set("PASEO_KEYSTORE", "file");
    sandbox.set("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
    sandbox.set("PASEO", binary().to_str().unwrap());
    sandbox.set("PS1", "ready> ");
    let history = sandbox.path("history").display().to_string();
    sandbox.set("HISTFILE", &history);
    let mut shell = Terminal::start(sandbox, "/bin/bash", &["--norc", "-i"], "PASEO_BATCH");
    shell.wait_for("ready> ");
    shell
}

/// Starts a shell in which the link of a new remote is asked for.
fn adding(sandbox: &mut Sandbox) -> Terminal {
    let mut shell = shell(sandbox);
    shell.type_in("\"$PASEO\" remote add work --no-check\r");
    shell.wait_for("(not shown): ");
    shell
}

/// Breaks a text into lines of a width, as mail and terminals do.
fn broken(text: &str, width: usize, between: &str) -> String {
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(width)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    lines.join(between)
}

#[test]
fn nothing_of_a_pasted_link_is_shown_or_left_to_the_shell() {
    if is_missing("bash") {
        return;
    }
    let json: serde_json::Value = serde_json::from_str(&offer()).unwrap();
    let marked = |text: &str| format!("\x1b[200~{text}\x1b[201~\r");
    let cut = broken(&link(), 76, "\n");
    for (what, pasted) in [
        ("a link", format!("{}\r", link())),
        ("wrapped", format!("{cut}\r")),
        ("wrapped, returns", format!("{}\r", cut.replace('\n', "\r"))),
        ("wrapped, marked", marked(&cut)),
        ("a blank line first", format!("\n\n{cut}\n")),
        (
            "a blank line first, marked",
            marked(&format!("\n{cut}\n\n")),
        ),
        ("indented", format!("{}\n", broken(&link(), 60, "\n    "))),
        ("quoted", format!("> {}\n", broken(&link(), 60, "\n> "))),
        ("JSON, indented", format!("{json:#}\n")),
        ("JSON, indented, marked", marked(&format!("{json:#}"))),
        (
            "words behind it",
            format!("{cut}\n\necho planted-words\ntouch planted\n"),
        ),
        ("words before it", format!("Welcome!\n\n{cut}\r")),
        ("twice", format!("{cut}\n{cut}\n")),
        ("many lines", format!("{}\n", broken(&link(), 10, "\r\n"))),
    ] {
        let mut sandbox = Sandbox::new();
        let mut shell = adding(&mut sandbox);
        shell.type_in(&pasted);
        let shown = shell.wait_for("paseo remote use work") + &shell.wait_for("ready> ");
        shell.type_in("exit\r");
        let (_, rest) = shell.end();
        let shown = shown + &rest;
        for part in [
            "eyJ2",
            "offer=",
            "planted",
            "serverId",
            "command not found",
            "[200~",
        ] {
            assert!(!shown.contains(part), "{what}: {part} in {shown}");
        }
        let history = sandbox.read("history");
        assert_eq!(history.lines().count(), 2, "{what}: {history}");
        assert!(!sandbox.path("planted").exists(), "{what}");
    }
}

#[test]
fn a_paste_that_comes_in_parts_is_read_to_its_end() {
    if is_missing("bash") {
        return;
    }
    let mut sandbox = Sandbox::new();
    let mut shell = adding(&mut sandbox);
    for part in broken(&link(), 60, "\n|").split('|') {
        shell.type_in(part);
        std::thread::sleep(std::time::Duration::from_millis(250));
    }
    shell.type_in("\r");
    shell.wait_for("paseo remote use work");
    shell.type_in("exit\r");
    shell.end();
    assert_eq!(sandbox.read("history").lines().count(), 2);
}

/// The first line of a paste may be no part of the link, and come a moment before it.
#[test]
fn a_first_line_that_is_no_link_is_not_the_answer() {
    if is_missing("bash") {
        return;
    }
    let mut sandbox = Sandbox::new();
    let mut shell = adding(&mut sandbox);
    for line in ["Welcome to tower!\n", "touch planted\n"] {
        shell.type_in(line);
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    shell.type_in(&format!("{}\n", broken(&link(), 76, "\n")));
    shell.wait_for("paseo remote use work");
    shell.type_in("exit\r");
    shell.end();
    assert_eq!(sandbox.read("history").lines().count(), 2);
    assert!(!sandbox.path("planted").exists());
}

/// The marks of a paste are asked of the terminal, wherever stdout goes.
#[test]
fn a_paste_is_marked_where_stdout_is_a_pipe() {
    if is_missing("bash") {
        return;
    }
    let mut sandbox = Sandbox::new();
    sandbox.set("TERM", "xterm");
    let mut shell = shell(&mut sandbox);
    shell.type_in("\"$PASEO\" remote add work --no-check | cat\r");
    let shown = shell.wait_for("(not shown): ");
    // The shell ends its own marks before it runs a line.
    let (begun, ended) = (shown.rfind("\x1b[?2004h"), shown.rfind("\x1b[?2004l"));
    assert!(begun > ended, "{shown:?}");
    shell.type_in("\x03");
}

#[test]
fn a_link_that_is_cut_off_says_so_and_leaves_nothing() {
    if is_missing("bash") {
        return;
    }
    let mut sandbox = Sandbox::new();
    let mut shell = adding(&mut sandbox);
    shell.type_in(&format!("{}\r", broken(&link()[..120], 76, "\n")));
    let shown = shell.wait_for("ready> ");
    assert!(shown.contains("cut off after 120 characters"), "{shown}");
    assert!(!shown.contains("eyJ2"), "{shown}");
}

/// Ctrl-C gives the terminal back as it was.
#[test]
fn a_prompt_that_is_left_gives_the_terminal_back() {
    if is_missing("bash") {
        return;
    }
    let mut sandbox = Sandbox::new();
    let mut shell = adding(&mut sandbox);
    shell.type_in("half a li\x03");
    shell.wait_for("ready> ");
    shell.type_in("echo status=$?; stty -a\r");
    let shown = shell.wait_for("ready> ");
    assert!(shown.contains("status=130"), "{shown}");
    assert!(
        shown.contains(" echo ") && shown.contains("isig icanon"),
        "{shown}"
    );
}
