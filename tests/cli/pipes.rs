//! Prompts that come through a pipe.

use crate::built_in::BuiltIn;
use crate::sandbox::{Ran, Sandbox};

fn world() -> (Sandbox, BuiltIn) {
    let mut sandbox = Sandbox::new();
    let daemon = BuiltIn::start(&sandbox, &["--agent", "cat=cat", "--agent", "asks=mock:"]);
    sandbox.set("PASEO_HOST", &daemon.address);
    (sandbox, daemon)
}

fn said(sandbox: &Sandbox, agent: &str) -> String {
    sandbox.run(&["logs", agent]).stdout
}

#[test]
fn a_dash_is_the_prompt_on_stdin() {
    let (sandbox, _daemon) = world();
    let started = sandbox.run(&["run", "--provider", "cat", "first", "-q"]);
    assert_eq!(started.status, 0, "{started:?}");
    let agent = started.stdout.trim().to_owned();
    for (args, stdin, prompt) in [
        (
            &["run", "--provider", "cat", "-q", "-"][..],
            "from a pipe\n",
            "from a pipe",
        ),
        (
            &["run", "-", "--provider", "cat", "-q"],
            "two\nlines\n",
            "two\nlines",
        ),
        (
            &["run", "--provider", "cat", "-q", "-"],
            "no line feed",
            "no line feed",
        ),
        (
            &["run", "--provider", "cat", "-q", "-"],
            "from\r\nWindows\r\n",
            "from\r\nWindows",
        ),
        (
            &["run", "--provider", "cat", "-q", "-"],
            "\u{feff}with a mark\n",
            "with a mark",
        ),
        (
            &["run", "--provider", "cat", "-q", "-"],
            "- a list\n- of two\n",
            "- a list\n- of two",
        ),
        (&["send", &agent, "-"], "sent\n", "sent"),
        (
            &["send", &agent, "--prompt", "-"],
            "as a flag\n",
            "as a flag",
        ),
        (
            &["send", &agent, "--prompt-file", "-"],
            "as a file\n",
            "as a file",
        ),
        (&["send", &agent, "--prompt-file=-"], "glued\n", "glued"),
        (
            &["send", &agent, "--prompt-file", "/dev/stdin"],
            "by its path\n",
            "by its path",
        ),
        (&["send", &agent, "--prompt", "--json"], "", "--json"),
    ] {
        let ran = sandbox.run_with(args, stdin);
        assert_eq!(ran.status, 0, "{args:?}: {ran:?}");
        let agent = match args[0] {
            "run" => ran.stdout.trim().to_owned(),
            _ => agent.clone(),
        };
        let logs = said(&sandbox, &agent).replace('\r', "");
        let last = prompt.replace('\r', "");
        let last = last.lines().last().unwrap();
        assert!(logs.contains(last), "{args:?}: {logs}");
        assert!(
            !logs.lines().any(|line| line.trim() == "-"),
            "{args:?}: {logs}"
        );
    }
}

#[test]
fn a_prompt_on_stdin_that_is_none_is_told() {
    let sandbox = Sandbox::new();
    let refused = |ran: Ran, code: &str| ran.failed(2, code);
    for args in [
        &["run", "--provider", "p", "--cwd", "/", "-", "--json"][..],
        &["send", "x", "-", "--json"],
        &["send", "x", "--prompt", "-", "--json"],
        &["send", "x", "--prompt-file", "-", "--json"],
        &["schedule", "create", "-", "--every", "5m", "--json"],
        &["loop", "run", "-", "--cwd", "/", "--json"],
        &["chat", "post", "room", "-", "--json"],
    ] {
        for empty in ["", "\n", " \n\t", "\u{feff}\n"] {
            refused(sandbox.run_with(args, empty), "MISSING_PROMPT");
        }
    }
    let taken = [
        "--relay",
        "-",
        "run",
        "--provider",
        "p",
        "--cwd",
        "/",
        "-",
        "--json",
    ];
    refused(sandbox.run_with(&taken, "x"), "STDIN_TAKEN");
}

#[test]
fn several_remotes_get_the_same_prompt_from_one_pipe() {
    let (mut sandbox, daemon) = world();
    let other = Sandbox::new();
    let second = BuiltIn::start(&other, &["--agent", "cat=cat"]);
    sandbox.set("PASEO_HOST", "");
    for (name, daemon) in [("one", &daemon), ("two", &second)] {
        let url = format!("tcp://{}", daemon.address);
        let add = ["remote", "add", name, &url, "--no-check", "--again"];
        let added = sandbox.run(&add);
        assert_eq!(added.status, 0, "{added:?}");
    }
    let cwd = sandbox.path("home").display().to_string();
    let run = [
        "-r",
        "one,two",
        "run",
        "--provider",
        "cat",
        "--cwd",
        &cwd,
        "-",
        "--json",
    ];
    let ran = sandbox.run_with(&run, "for both of you\n");
    assert_eq!(ran.status, 0, "{ran:?}");
    for name in ["one", "two"] {
        let agents = sandbox.run(&["-r", name, "ls", "-g", "-q"]).stdout;
        let agent = agents.lines().next().unwrap();
        let logs = sandbox.run(&["-r", name, "logs", agent]).stdout;
        assert!(logs.contains("for both of you"), "{name}: {logs}");
    }
}
