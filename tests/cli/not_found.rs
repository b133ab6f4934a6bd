//! An agent that is not there has one code, except where the official CLI has another one.

use crate::built_in::BuiltIn;
use crate::sandbox::Sandbox;

const COMMANDS: &[(&[&str], &str)] = &[
    (&["logs", "nosuch"], "AGENT_NOT_FOUND"),
    (&["logs", "-f", "nosuch"], "AGENT_NOT_FOUND"),
    (&["attach", "nosuch"], "AGENT_NOT_FOUND"),
    (&["wait", "nosuch"], "AGENT_NOT_FOUND"),
    (&["archive", "nosuch"], "AGENT_NOT_FOUND"),
    (&["agent", "reload", "nosuch"], "AGENT_NOT_FOUND"),
    (&["agent", "detach", "nosuch"], "AGENT_NOT_FOUND"),
    (
        &["agent", "update", "nosuch", "--name", "x"],
        "AGENT_NOT_FOUND",
    ),
    // What scripts of the official CLI look for (recorded from it).
    (&["inspect", "nosuch"], "INSPECT_FAILED"),
    (&["send", "nosuch", "hi"], "SEND_FAILED"),
    (&["send", "nosuch", "hi", "--no-wait"], "SEND_FAILED"),
    (&["stop", "nosuch"], "STOP_AGENT_FAILED"),
    (&["delete", "nosuch"], "DELETE_AGENT_FAILED"),
    (
        &["agent", "mode", "nosuch", "auto"],
        "MODE_OPERATION_FAILED",
    ),
    (
        &["agent", "mode", "nosuch", "--list"],
        "MODE_OPERATION_FAILED",
    ),
    (&["permit", "allow", "nosuch"], "ALLOW_PERMISSION_FAILED"),
    (
        &["permit", "deny", "nosuch", "--all"],
        "DENY_PERMISSION_FAILED",
    ),
];

#[test]
fn an_agent_that_is_not_there_has_one_code() {
    let sandbox = Sandbox::new();
    let daemon = BuiltIn::start(&sandbox, &[]);
    for (args, code) in COMMANDS {
        let host = ["--host", &daemon.address, "--json"];
        let ran = sandbox.run(&[&host[..], args].concat());
        let error: serde_json::Value = serde_json::from_str(&ran.stderr)
            .unwrap_or_else(|error| panic!("{args:?}: {error}: {ran:?}"));
        assert_eq!(error["error"]["code"], *code, "{args:?}: {ran:?}");
        assert_eq!(ran.status, 3, "{args:?}: {ran:?}");
        assert_eq!(error["error"]["exit"], 3, "{args:?}: {ran:?}");
    }
}

/// Scripts of the official CLI read the row of `wait`; whoever reads errors finds one.
#[test]
fn a_wait_for_nobody_is_an_error_where_errors_go() {
    let sandbox = Sandbox::new();
    let daemon = BuiltIn::start(&sandbox, &[]);
    let wait = ["--host", &daemon.address, "wait", "nosuch"];
    let ran = sandbox.run(&wait);
    ran.failed(3, "Error: Agent not found: nosuch\n");
    let hint = format!("paseo --host {} ls -ag", daemon.address);
    assert!(ran.stderr.contains(&hint), "{ran:?}");
    assert!(ran.stdout.starts_with("AGENT ID"), "{ran:?}");
    let ran = sandbox.run(&[&wait[..], &["--json"]].concat());
    let row: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(row["status"], "error");
    assert_eq!(row["message"], "Agent not found: nosuch");
    // On a terminal one of the two is enough.
    let program = crate::sandbox::binary().to_str().unwrap();
    let (status, shown) =
        crate::terminal::Terminal::start(&sandbox, program, &wait, "PASEO_BATCH").end();
    assert_eq!(status, 3, "{shown}");
    assert!(!shown.contains("AGENT ID"), "{shown}");
    assert_eq!(
        shown.matches("Agent not found: nosuch").count(),
        1,
        "{shown}"
    );
}
