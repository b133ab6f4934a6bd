//! What an agent asks, in every command that shows it: requests as official daemons make them for Claude, Codex and
//! agents of the agent protocol (`tests/vectors/permissions.json`; the shapes are theirs, the contents ours).

use std::time::Duration;

use serde_json::{Value, json};

use crate::agents::recording;
use crate::fake_daemon::FakeDaemon;
use crate::replay::Replay;
use crate::sandbox::{Sandbox, binary};
use crate::terminal::Terminal;

const AGENT: &str = "7c8a1b52-2f0e-4d0e-9a4a-3e69071b9277";
const REMOTES: &str = "home/.config/paseo/remotes.toml";

struct Case {
    request: Value,
    shown: Vec<String>,
}

fn cases() -> Vec<Case> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/vectors/permissions.json"
    );
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let case = |case: Value| Case {
        request: case["request"].clone(),
        shown: serde_json::from_value(case["shown"].clone()).unwrap(),
    };
    cases.into_iter().map(case).collect()
}

/// The case whose request has an id.
fn case(id: &str) -> Case {
    let mut cases = cases().into_iter();
    cases.find(|case| case.request["id"] == *id).unwrap()
}

/// A daemon with an agent that asks, as the remote `work`.
fn world(request: &Value) -> (Sandbox, FakeDaemon) {
    let agent = json!({ "id": AGENT, "provider": "fake", "cwd": "/tmp", "createdAt": "2026-11-22T12:00:00Z",
        "updatedAt": "2026-11-22T12:00:00Z", "status": "running", "title": "t", "labels": {},
        "pendingPermissions": [request] });
    let daemon = FakeDaemon::start("srv_asks", &[], move |request| {
        match request["type"].as_str() {
            Some("fetch_agents_request") => json!({ "entries": [{ "agent": agent }],
            "pageInfo": { "hasMore": false, "nextCursor": null, "prevCursor": null } }),
            Some("fetch_agent_request") => {
                json!({ "agent": agent, "project": null, "error": null })
            }
            Some("wait_for_finish_request") => {
                json!({ "status": "permission", "final": agent, "error": null, "lastMessage": null })
            }
            Some("fetch_agent_timeline_request") => json!({
            "agentId": AGENT, "agent": agent, "direction": request["direction"], "projection": "projected",
            "epoch": "e", "reset": false, "staleCursor": false, "gap": false,
            "window": { "minSeq": 0, "maxSeq": 0, "nextSeq": 1 }, "startCursor": null, "endCursor": null,
            "hasOlder": false, "hasNewer": false, "entries": [], "error": null }),
            Some("agent_permission_response") => {
                json!({ "agentId": AGENT, "resolution": request["response"] })
            }
            Some("agent.timeline.set_subscription.request") => json!({ "agentIds": [AGENT] }),
            _ => Value::Null,
        }
    });
    let mut sandbox = Sandbox::new();
    sandbox.set("TERM", "xterm");
    sandbox.write(
        REMOTES,
        &format!("[remotes.work]\nurl = 'tcp://{}'\n", daemon.address),
    );
    (sandbox, daemon)
}

fn terminal(sandbox: &Sandbox, args: &[&str]) -> Terminal {
    let args = [&["-r", "work"], args].concat();
    Terminal::start(sandbox, binary().to_str().unwrap(), &args, "PASEO_BATCH")
}

/// The answers that the daemon got.
fn answers(daemon: &FakeDaemon) -> Vec<Value> {
    let requests = daemon.requests().into_iter();
    let answers = requests.filter(|request| request["type"] == "agent_permission_response");
    answers.map(|answer| answer["response"].clone()).collect()
}

fn until_answered(daemon: &FakeDaemon) -> Value {
    for _ in 0..1200 {
        if let Some(answer) = answers(daemon).pop() {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("nothing was answered");
}

fn has_all(what: &str, text: &str, shown: &[String]) {
    for part in shown {
        assert!(
            text.contains(part.as_str()),
            "{what}: no {part:?} in {text}"
        );
    }
}

#[test]
fn every_command_shows_what_would_happen() {
    for Case { request, shown } in cases() {
        let (sandbox, _daemon) = world(&request);
        // To the end, on a terminal.
        for args in [
            &["permit", "ls"][..],
            &["inspect", AGENT],
            &["wait", AGENT],
            &["logs", AGENT],
        ] {
            let (_, text) = terminal(&sandbox, args).end();
            has_all(&format!("{args:?}"), &text, &shown);
        }
        // Until it is interrupted.
        for args in [&["attach", AGENT][..], &["logs", "-f", AGENT], &["inbox"]] {
            let mut live = terminal(&sandbox, args);
            let last = match (args[0], request["kind"] == "question") {
                ("logs", _) => shown.last().unwrap().as_str(),
                (_, true) => "/deny refuses]",
                (_, false) => "number]",
            };
            let mut text = live.wait_for(last);
            live.type_in("\u{3}");
            text += &live.end().1;
            has_all(&format!("{args:?}"), &text, &shown);
        }
        // In a pipe, too.
        let attached = sandbox.run(&["-r", "work", "wait", AGENT]);
        has_all("wait in a pipe", &attached.stderr, &shown);
    }
}

#[test]
fn run_shows_what_would_happen() {
    for Case { request, shown } in cases() {
        let text = std::fs::read_to_string(recording("run-permission")).unwrap();
        let mut lines = String::new();
        for line in text.lines() {
            let mut line: Value = serde_json::from_str(line).unwrap();
            replace(&mut line, &request);
            lines += &format!("{line}\n");
        }
        let sandbox = Sandbox::new();
        sandbox.write("recording", &lines);
        let replay = Replay::start(&sandbox.path("recording"));
        let run = ["run", "--provider", "fake", "--cwd", "/x", "please perm"];
        let ran = sandbox.run(&[&["--host", &replay.address][..], &run].concat());
        assert_eq!(ran.status, 13, "{ran:?}");
        has_all("run", &ran.stderr, &shown);
    }
}

/// Puts a request in the place of every other.
fn replace(value: &mut Value, request: &Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match key.as_str() {
                    "pendingPermissions" if value.as_array().is_some_and(|all| !all.is_empty()) => {
                        *value = json!([request]);
                    }
                    "request" => *value = request.clone(),
                    _ => replace(value, request),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, request)),
        _ => {}
    }
}

#[test]
fn data_has_the_request_as_it_came() {
    for Case { request, .. } in cases() {
        let (sandbox, _daemon) = world(&request);
        let data = |args: &[&str]| {
            sandbox
                .run(&[&["-r", "work", "--json"], args].concat())
                .json()
        };
        let inspected = data(&["inspect", AGENT]);
        for found in [
            &data(&["permit", "ls"])[0],
            &inspected["PendingPermissions"][0],
            &data(&["inbox"])[0]["request"],
        ] {
            for field in ["kind", "input", "detail"] {
                assert_eq!(found[field], request[field], "{field} of {found}");
            }
            let actions = request["actions"].as_array().cloned().unwrap_or_default();
            assert_eq!(found["actions"], json!(actions), "{found}");
        }
    }
}

/// A pipe has the tables of the official CLI.
#[test]
fn a_pipe_gets_the_official_table() {
    let (sandbox, _daemon) = world(&case("permission-bash").request);
    let listed = sandbox.run(&["-r", "work", "permit", "ls"]);
    let last = listed.stdout.lines().last().unwrap();
    let cells: Vec<_> = last.split_whitespace().collect();
    assert_eq!(cells, ["7c8a1b5", "permissi", "Bash", "-"]);
    assert_eq!(listed.stdout.lines().count(), 2);
}

#[test]
fn a_key_from_before_the_request_was_shown_allows_nothing() {
    for command in [&["inbox"][..], &["attach", AGENT]] {
        let (sandbox, daemon) = world(&case("permission-bash").request);
        let mut asked = terminal(&sandbox, command);
        // A line, and one that is only begun.
        asked.type_in("y\ry");
        asked.wait_for("command: curl");
        asked.wait_for("[y/n/number]");
        asked.type_in("\r");
        if command[0] == "attach" {
            asked.type_in("\u{3}");
        }
        asked.end();
        assert_eq!(answers(&daemon), Vec::<Value>::new(), "{command:?}");
    }
}

#[test]
fn a_long_request_is_shown_to_its_end_before_it_is_allowed() {
    let mut request = case("permission-plan").request;
    let plan: String = (0..100).map(|n| format!("step {n}.\n")).collect();
    request["input"]["plan"] = json!(plan);
    let (sandbox, daemon) = world(&request);
    let mut asked = terminal(&sandbox, &["inbox"]);
    asked.wait_for("| step 30.");
    asked.wait_for("more lines: m and Enter shows them");
    asked.type_in("2\r");
    asked.wait_for("not yet");
    asked.wait_for("[m/n]");
    asked.type_in("m\r");
    asked.wait_for("[m/n]");
    asked.type_in("m\r");
    asked.wait_for("| step 99.");
    // A plain yes is none of these choices.
    asked.wait_for("[n/number]");
    asked.type_in("y\r");
    asked.wait_for("that is no answer");
    assert_eq!(answers(&daemon), Vec::<Value>::new());
    asked.type_in("2\r");
    asked.wait_for("answered");
    assert_eq!(until_answered(&daemon)["selectedActionId"], "implement");
}

#[test]
fn top_shows_a_request_and_its_choices_before_it_allows_one() {
    for (Case { request, shown }, key, chosen) in [
        (case("permission-plan"), "2", json!("implement")),
        (case("acp-plan"), "y", json!("default")),
        (case("permission-bash"), "1", Value::Null),
    ] {
        let (sandbox, daemon) = world(&request);
        let mut top = terminal(&sandbox, &["top"]);
        top.wait_for("waits      work");
        // The line below the list comes last.
        top.wait_for("q quit");
        top.type_in("a");
        let text = top.wait_for("number answers");
        has_all("top", &text, &shown);
        assert_eq!(answers(&daemon), Vec::<Value>::new());
        top.type_in(key);
        let answer = until_answered(&daemon);
        assert_eq!(answer["behavior"], "allow");
        assert_eq!(answer["selectedActionId"], chosen);
    }
}

/// What `permit allow` means without a choice: never the one that goes further.
#[test]
fn the_narrowest_choice_is_the_default() {
    for (id, action, chosen) in [
        ("acp-plan", None, json!("default")),
        ("acp-plan", Some("acceptEdits"), json!("acceptEdits")),
        ("permission-bash", None, Value::Null),
    ] {
        let (sandbox, daemon) = world(&case(id).request);
        let mut args = vec!["-r", "work", "permit", "allow"];
        let action = action.map(|action| format!("--action={action}"));
        args.extend(action.as_deref());
        args.push(AGENT);
        let ran = sandbox.run(&args);
        assert_eq!(ran.status, 0, "{ran:?}");
        assert_eq!(answers(&daemon)[0]["selectedActionId"], chosen, "{id}");
    }
    let (sandbox, daemon) = world(&case("acp-plan").request);
    let args = ["-r", "work", "permit", "allow", "--action", "plan", AGENT];
    sandbox.run(&args).failed(2, "permit ls");
    assert_eq!(answers(&daemon), Vec::<Value>::new());
}
