//! `paseo top`: the agents of all remotes on the whole screen, and the terminal afterwards.

use crate::built_in::BuiltIn;
use crate::sandbox::{Sandbox, binary};
use crate::several::Relay;
use crate::terminal::Terminal;

const CONFIG: &str = "home/.config/paseo/remotes.toml";

/// A daemon behind a relay of ours, with an agent that asks; and a remote that is not there.
fn world() -> (Sandbox, Relay, BuiltIn) {
    let mut sandbox = Sandbox::new();
    sandbox.set("TERM", "xterm");
    sandbox.set("PASEO_KEYSTORE", "file");
    let relay = Relay::start(&sandbox);
    let args = ["--agent", "asks=mock:", "--relay", &relay.address];
    let daemon = BuiltIn::start(&sandbox, &args);
    let offer = sandbox.path("offer.json").display().to_string();
    let paired = sandbox.run(&["daemon", "pair", "--save", &offer]);
    assert_eq!(paired.status, 0, "{paired:?}");
    let added = sandbox.run(&["remote", "add", "work", &offer]);
    assert_eq!(added.status, 0, "{added:?}");
    let offline = "\n[remotes.gone]\nurl = 'tcp://127.0.0.1:1'\n";
    sandbox.write(CONFIG, &(sandbox.read(CONFIG) + offline));
    let words = [
        "-r",
        "work",
        "run",
        "-d",
        "--provider",
        "asks",
        "ask",
        "--cwd",
        "/tmp",
    ];
    let ran = sandbox.run(&words);
    assert_eq!(ran.status, 0, "{ran:?}");
    (sandbox, relay, daemon)
}

#[test]
fn agents_are_shown_answered_and_the_terminal_comes_back() {
    let (sandbox, _relay, _daemon) = world();
    // Between the two lines of modes the program has the terminal.
    let script = format!(
        "stty -g; {}; echo \"ended $?\"; stty -g",
        binary().display()
    )
    .replace("; echo", " top; echo");
    let mut top = Terminal::start(&sandbox, "/bin/sh", &["-c", &script], "PASEO_BATCH");
    let before = top.wait_for("\n").trim().to_owned();
    top.wait_for("\u{1b}[?1049h");
    top.wait_for("waits      work");
    top.wait_for("offline    gone");
    top.type_in("a");
    top.wait_for("\u{1b}[?1049l");
    top.wait_for("allowed");
    top.wait_for("idle       work");
    top.wait_for("q quit");
    top.type_in("q");
    top.wait_for("\u{1b}[?1049l");
    top.wait_for("ended 0\r\n");
    let (status, after) = top.end();
    assert_eq!((status, after.trim()), (0, before.as_str()));
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let sandbox = Sandbox::new();
    sandbox.run(&["top"]).failed(2, "paseo inbox");
}
