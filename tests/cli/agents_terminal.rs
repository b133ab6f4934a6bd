//! Commands about agents with a person at the terminal.

use serde_json::Value;

use crate::built_in::BuiltIn;
use crate::sandbox::{Sandbox, binary};
use crate::terminal::Terminal;

/// A daemon with a scripted agent that asks, and one that is as slow as the test wants: it waits for a file.
fn world() -> (Sandbox, BuiltIn) {
    let mut sandbox = Sandbox::new();
    let go = sandbox.path("go").display().to_string();
    let slow = format!("slow=sh -c 'echo on my way; until [ -e {go} ]; do sleep 0.02; done'");
    let daemon = BuiltIn::start(&sandbox, &["--agent", "asks=mock:", "--agent", &slow]);
    sandbox.set("PASEO_HOST", &daemon.address);
    (sandbox, daemon)
}

fn terminal(sandbox: &Sandbox, args: &[&str]) -> Terminal {
    Terminal::start(sandbox, binary().to_str().unwrap(), args, "PASEO_BATCH")
}

/// Starts an agent, and returns its id.
fn run(sandbox: &Sandbox, provider: &str, prompt: &str) -> String {
    let ran = sandbox.run(&["run", "-d", "--provider", provider, prompt, "-q"]);
    assert_eq!(ran.status, 0, "{ran:?}");
    ran.stdout.trim().to_owned()
}

#[test]
fn a_permission_is_answered_in_place() {
    for (typed, then) in [("y", "[Permission allow]"), ("2", "[Permission deny]")] {
        let (sandbox, _daemon) = world();
        let agent = run(&sandbox, "asks", "ask");
        let mut attached = terminal(&sandbox, &["attach", &agent]);
        attached.wait_for("[Permission Required] execute");
        attached.wait_for("1) Allow once   2) Deny   [y/n/number]");
        // That is no answer.
        attached.type_in("perhaps\r");
        attached.type_in(&format!("{typed}\r"));
        attached.wait_for(then);
        attached.wait_for("Done.");
        attached.type_in("\u{3}");
        let (status, shown) = attached.end();
        assert_eq!(status, 0, "{shown}");
        assert!(shown.contains("Detaching from agent..."), "{shown}");
    }
}

#[test]
fn a_question_is_answered_in_place() {
    for (typed, then) in [
        ("2", r#"answered {"answers":{"surface":"CLI"}}."#),
        (
            "both of them",
            r#"answered {"answers":{"surface":"both of them"}}."#,
        ),
        ("/deny", "not answered."),
    ] {
        let (sandbox, _daemon) = world();
        let agent = run(&sandbox, "asks", "question");
        let mut attached = terminal(&sandbox, &["attach", &agent]);
        attached.wait_for("2) CLI\r\n");
        attached.wait_for("/deny refuses]");
        attached.type_in(&format!("{typed}\r"));
        attached.wait_for(then);
    }
}

#[test]
fn a_wait_shows_what_the_agent_does_and_leaves_no_trace() {
    let (mut sandbox, _daemon) = world();
    sandbox.set("TERM", "xterm");
    sandbox.set("NO_COLOR", "1");
    let args = ["run", "--provider", "slow", "--title", "t", "x"];
    let mut running = terminal(&sandbox, &args);
    running.wait_for("\r\u{1b}[2K");
    running.wait_for("s  on my way");
    sandbox.write("go", "");
    let (status, shown) = running.end();
    assert_eq!(status, 0, "{shown}");
    let (_, last) = shown.rsplit_once("\r\u{1b}[2K").unwrap();
    // The answer is all that comes before the table.
    assert!(last.starts_with("on my way\r\n\r\nAGENT ID"), "{shown:?}");

    // Ctrl-C leaves the agent, and says how to come back.
    std::fs::remove_file(sandbox.path("go")).unwrap();
    let mut running = terminal(&sandbox, &args);
    running.wait_for("s  on my way");
    running.type_in("\u{3}");
    let (status, shown) = running.end();
    assert_eq!(status, 130, "{shown}");
    assert!(shown.contains("attach"), "{shown}");

    // Nothing of it where nobody looks.
    sandbox.write("go", "");
    let piped = sandbox.run(&args);
    assert_eq!(piped.status, 0, "{piped:?}");
    assert!(!piped.stderr.contains('\u{1b}'), "{piped:?}");
}

#[test]
fn many_agents_go_only_after_somebody_said_yes() {
    let (sandbox, daemon) = world();
    for _ in 0..2 {
        run(&sandbox, "asks", "wait");
    }
    let count = |sandbox: &Sandbox, status: &str| {
        let agents = sandbox.run(&["ls", "--json"]).json();
        let is = |agent: &&Value| agent["status"] == status;
        agents.as_array().unwrap().iter().filter(is).count()
    };
    for (args, question) in [
        (["stop", "--all"], "Interrupt 2 agents"),
        (["delete", "--all"], "Permanently delete 2 agents"),
    ] {
        let mut asked = terminal(&sandbox, &args);
        let question = format!("{question} on tcp://{}? [y/N] ", daemon.address);
        let before = asked.wait_for(&question);
        // Each agent is named, by its id and its title.
        for agent in sandbox.run(&["ls", "--json"]).json().as_array().unwrap() {
            let line = format!(
                "  {}  {}",
                agent["shortId"].as_str().unwrap(),
                agent["name"].as_str().unwrap()
            );
            assert!(before.contains(&line), "{line}: {before}");
        }
        asked.type_in("\r");
        let (status, shown) = asked.end();
        assert_eq!(status, 1, "{shown}");
        assert!(
            shown.contains("cancelled (--yes skips this question)"),
            "{shown}"
        );
        assert!(!shown.contains("Error"), "{shown}");
        assert_eq!(count(&sandbox, "running"), 2);
    }
    let mut asked = terminal(&sandbox, &["stop", "--all"]);
    asked.wait_for("[y/N] ");
    asked.type_in("y\r");
    assert_eq!(asked.end().0, 0);
    assert_eq!(count(&sandbox, "running"), 0);
    let (status, shown) = terminal(&sandbox, &["delete", "--all", "--yes"]).end();
    assert_eq!((status, count(&sandbox, "idle")), (0, 0), "{shown}");
    run(&sandbox, "asks", "tool");
    // A script is not asked.
    let ran = sandbox.run(&["delete", "--all", "--json"]);
    assert_eq!(ran.json()["deletedCount"], 1);
}

/// A table says nothing of the answer, and a request waits for nobody who cannot answer.
#[test]
fn a_run_prints_the_answer_and_asks_for_permission() {
    let (sandbox, _daemon) = world();
    for (typed, status, said) in [
        ("perhaps\r?\ry\r", 0, "Done."),
        ("2\r", 0, "Done."),
        ("\r", 13, "permit allow"),
    ] {
        let mut running = terminal(&sandbox, &["run", "--provider", "asks", "ask"]);
        running.wait_for("[Permission Required] execute");
        running.wait_for("[y/n/number]");
        running.type_in(typed);
        let (ended, shown) = running.end();
        assert_eq!(ended, status, "{typed:?}: {shown}");
        assert!(shown.contains(said), "{typed:?}: {shown}");
        if typed.contains('?') {
            assert!(shown.contains("that is no answer"), "{shown}");
            assert!(shown.contains("Enter leaves it for later"), "{shown}");
        }
        if status == 0 {
            // Before the table, and once.
            let (before, _) = shown.split_once("AGENT ID").unwrap();
            assert_eq!(before.matches("Done.").count(), 1, "{shown}");
        }
    }
    // Nobody is asked in a pipe, and the answer is not in the way.
    let ran = sandbox.run(&["run", "--provider", "asks", "ask"]);
    assert_eq!(ran.status, 13, "{ran:?}");
    assert!(ran.stdout.starts_with("AGENT ID"), "{ran:?}");
}

#[test]
fn attach_says_what_became_of_a_line_and_a_lost_connection_begins_one() {
    let (sandbox, daemon) = world();
    let agent = run(&sandbox, "slow", "x");
    let mut attached = terminal(&sandbox, &["attach", &agent]);
    attached.wait_for("on my way");
    attached.type_in("\r");
    attached.type_in("look at the tests, too\r");
    attached.wait_for("not sent: here, only requests are answered");
    attached.wait_for(&format!("try: paseo send {} TEXT", &agent[..7]));
    let asks = run(&sandbox, "asks", "ask");
    let mut asked = terminal(&sandbox, &["attach", &asks]);
    asked.wait_for("[y/n/number]");
    asked.type_in("perhaps\r");
    asked.wait_for("that is no answer");
    let done = run(&sandbox, "asks", "tool");
    let mut said = terminal(&sandbox, &["attach", &done]);
    // The agent ends no line.
    said.wait_for("Done.");
    std::thread::sleep(std::time::Duration::from_millis(500));
    drop(daemon);
    let shown = said.wait_for("the connection to the daemon was lost");
    let (before, _) = shown.rsplit_once("the connection").unwrap();
    assert!(before.ends_with("\r\n"), "{shown:?}");
}

/// A workspace is made for the first run in a directory, and for none that cannot begin.
#[test]
fn a_run_makes_no_workspace_without_need() {
    let (sandbox, _daemon) = world();
    let count = |sandbox: &Sandbox| {
        let listed = sandbox.run(&["workspace", "ls", "--json"]);
        listed.json().as_array().unwrap().len()
    };
    let unknown = sandbox.run(&["run", "--provider", "askz", "x"]);
    assert_ne!(unknown.status, 0, "{unknown:?}");
    let said = "Failed to create agent: Provider askz is not configured";
    assert!(unknown.stderr.contains(said), "{unknown:?}");
    assert!(
        unknown.stderr.contains("did you mean `asks`?"),
        "{unknown:?}"
    );
    assert_eq!(count(&sandbox), 0);
    let elsewhere = sandbox.path("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    let elsewhere = elsewhere.display().to_string();
    for (more, expected, said) in [
        (&[][..], 1, "Created workspace"),
        (&[], 1, "Using workspace"),
        (&["--title", "another"], 1, "Using workspace"),
        (&["--new-workspace", "local"], 2, "Created workspace"),
        (&[], 2, "Using workspace"),
        (&["--cwd", &elsewhere], 3, "Created workspace"),
        (&["--cwd", &elsewhere], 3, "Using workspace"),
        (&["-d", "--cwd", &elsewhere], 3, "Using workspace"),
    ] {
        let args = [&["run", "--provider", "asks", "tool"], more].concat();
        let ran = sandbox.run(&args);
        assert_eq!(ran.status, 0, "{ran:?}");
        assert!(ran.stderr.contains(said), "{more:?}: {ran:?}");
        assert_eq!(count(&sandbox), expected, "{more:?}");
    }
}
