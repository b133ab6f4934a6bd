//! What agents of the real world do: each test has the scripted agent do one of these things.

use std::path::Path;

use serde_json::{Value, json};

use crate::acp_agent;
use crate::support::{Client, TestDaemon, config};

/// A daemon with the scripted agent, spoilt like this.
async fn daemon(home: &Path, spoilt: &str) -> TestDaemon {
    let mut config = config(home);
    let spec = format!("acp={}", acp_agent::command(spoilt));
    config.agents.push(spec.parse().unwrap());
    TestDaemon::with(config).await
}

async fn said(client: &mut Client, home: &Path, prompt: &str) -> (String, Value) {
    let id = client.agent("acp", home, Some(prompt)).await;
    let waited = client.wait(&id).await;
    (id, waited)
}

async fn send(client: &mut Client, id: &str, text: &str) -> Value {
    let sent = json!({ "agentId": id, "text": text });
    let sent = client.call("send_agent_message_request", sent).await;
    assert_eq!(sent["accepted"], true, "{sent}");
    client.wait(id).await
}

async fn items(client: &mut Client, id: &str) -> Vec<Value> {
    let page = client.timeline(id, json!({ "limit": 0 })).await;
    let entries = page["entries"].as_array().unwrap();
    entries.iter().map(|entry| entry["item"].clone()).collect()
}

async fn provider(client: &mut Client) -> Value {
    let snapshot = client
        .call("get_providers_snapshot_request", json!({}))
        .await;
    let entries = snapshot["entries"].as_array().unwrap();
    let mut entries = entries.iter();
    entries
        .find(|entry| entry["provider"] == "acp")
        .unwrap()
        .clone()
}

/// A session that went on in `yolo` must not make new agents do without questions.
#[tokio::test]
async fn what_a_resumed_session_had_is_nobody_elses_default() {
    let home = tempfile::tempdir().unwrap();
    let first = daemon(home.path(), "keeps").await;
    let mut client = first.client().await;
    let (old, waited) = said(&mut client, home.path(), "settings changes").await;
    assert_eq!(waited["lastMessage"], "ask small. 0 changes. Done.");
    first.stop().await;

    for _ in 0..2 {
        let daemon = daemon(home.path(), "keeps").await;
        let mut client = daemon.client().await;
        let waited = send(&mut client, &old, "settings changes").await;
        assert_eq!(waited["lastMessage"], "yolo large. 0 changes. Done.");
        assert_eq!(waited["final"]["currentModeId"], "yolo");
        let (_, waited) = said(&mut client, home.path(), "settings changes").await;
        assert_eq!(waited["lastMessage"], "ask small. 0 changes. Done.");
        assert_eq!(waited["final"]["currentModeId"], "ask");
        let shown = provider(&mut client).await;
        assert_eq!(shown["defaultModeId"], "ask");
        assert_eq!(shown["models"][0]["isDefault"], true);
        daemon.stop().await;
    }

    // What a person has chosen holds, also against what the session came back with.
    let daemon = daemon(home.path(), "keeps").await;
    let mut client = daemon.client().await;
    let mode = json!({ "agentId": old, "modeId": "ask" });
    client.call("set_agent_mode_request", mode).await;
    let waited = send(&mut client, &old, "settings changes").await;
    assert_eq!(waited["lastMessage"], "ask large. 1 changes. Done.");
    daemon.stop().await;
}

/// Records of an earlier version had what was in force only: it may have come from a session.
#[tokio::test]
async fn what_an_earlier_version_kept_is_no_choice() {
    let home = tempfile::tempdir().unwrap();
    let first = daemon(home.path(), "no").await;
    let mut client = first.client().await;
    let (id, _) = said(&mut client, home.path(), "yolo").await;
    first.stop().await;
    let path = home.path().join(format!("builtin/agents/{id}.json"));
    let text = std::fs::read_to_string(&path).unwrap();
    let mut record: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(record["mode"], "yolo");
    record.as_object_mut().unwrap().remove("chosen").unwrap();
    std::fs::write(&path, record.to_string()).unwrap();
    let daemon = daemon(home.path(), "no").await;
    let mut client = daemon.client().await;
    let waited = send(&mut client, &id, "settings changes").await;
    assert_eq!(waited["lastMessage"], "ask small. 0 changes. Done.");
    daemon.stop().await;
}

#[tokio::test]
async fn a_session_that_cannot_be_resumed_is_loaded() {
    let home = tempfile::tempdir().unwrap();
    let first = daemon(home.path(), "resumes-not").await;
    let mut client = first.client().await;
    let (id, waited) = said(&mut client, home.path(), "one").await;
    let session = waited["final"]["runtimeInfo"]["sessionId"].clone();
    first.stop().await;
    let second = daemon(home.path(), "resumes-not").await;
    let mut client = second.client().await;
    let waited = send(&mut client, &id, "two").await;
    assert_eq!(waited["lastMessage"], "two Done.");
    assert_eq!(waited["final"]["runtimeInfo"]["sessionId"], session);
    let shown = items(&mut client, &id).await;
    assert!(
        shown.iter().all(|item| item["type"] != "error"),
        "{shown:?}"
    );
    // Neither works: both reasons are told.
    send(&mut client, &id, "die").await;
    let memory = format!("{}.memory", session.as_str().unwrap());
    std::fs::remove_file(home.path().join(memory)).unwrap();
    send(&mut client, &id, "three").await;
    let shown = items(&mut client, &id).await;
    let told = shown.iter().rfind(|item| item["type"] == "error").unwrap();
    for why in ["it cannot resume today", "no such session"] {
        assert!(told["message"].as_str().unwrap().contains(why), "{told}");
    }
    second.stop().await;
}

/// Somebody who is logged out has not lost the session.
#[tokio::test]
async fn a_session_that_asks_for_a_login_is_kept() {
    let home = tempfile::tempdir().unwrap();
    let first = daemon(home.path(), "no").await;
    let mut client = first.client().await;
    let (id, waited) = said(&mut client, home.path(), "one").await;
    let session = waited["final"]["runtimeInfo"]["sessionId"].clone();
    first.stop().await;
    let second = daemon(home.path(), "logged-out").await;
    let mut client = second.client().await;
    let waited = send(&mut client, &id, "two").await;
    assert_eq!(waited["status"], "error", "{waited}");
    assert_eq!(waited["final"]["persistence"]["sessionId"], session);
    second.stop().await;
    let third = daemon(home.path(), "no").await;
    let mut client = third.client().await;
    let waited = send(&mut client, &id, "three").await;
    assert_eq!(waited["final"]["runtimeInfo"]["sessionId"], session);
    third.stop().await;
}

#[tokio::test]
async fn the_reason_of_a_failure_reaches_people() {
    for (spoilt, parts) in [
        (
            "refuses",
            &[
                "Internal error (-32603): it exited with code 1",
                "stderr: cannot find the program",
            ][..],
        ),
        (
            "v2",
            &["Unsupported protocol version", "supportedVersions\":[2]"],
        ),
        ("greets", &["exit status: 1", "Please run: scripted setup"]),
        (
            "login",
            &[
                "Authentication required",
                "way: Log in on the web",
                "way: In a terminal - Asks for a key",
                "ACP_LOGIN=1",
                "--login",
                "try: paseo provider login acp",
            ],
        ),
        (
            "locked-out",
            &["way: Log in on the web", "way: A way told late"],
        ),
    ] {
        let home = tempfile::tempdir().unwrap();
        let daemon = daemon(home.path(), spoilt).await;
        let mut client = daemon.client().await;
        let (_, waited) = said(&mut client, home.path(), "x").await;
        assert_eq!(waited["status"], "error", "{spoilt}: {waited}");
        let error = waited["error"].as_str().unwrap();
        for part in parts {
            assert!(error.contains(part), "{spoilt}: {part} in {error}");
        }
        daemon.stop().await;
    }
}

#[tokio::test]
async fn everything_that_a_tool_does_is_shown_and_the_prompt_once() {
    let home = tempfile::tempdir().unwrap();
    let daemon = daemon(home.path(), "no").await;
    let mut client = daemon.client().await;
    let prompt = "echo searches rewrites deletes resource";
    let (id, _) = said(&mut client, home.path(), prompt).await;
    let shown = items(&mut client, &id).await;
    let told = shown
        .iter()
        .map(|item| match item["type"].as_str().unwrap() {
            "tool_call" => {
                let detail = &item["detail"];
                let path = detail["filePath"].as_str().or(detail["label"].as_str());
                let (name, error) = (&item["name"], &item["error"]);
                format!("{name} {} {error}", path.unwrap_or_default())
            }
            _ => item["text"].as_str().unwrap().to_owned(),
        });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            prompt,
            "\"WebSearch\"  \"no network\"",
            "\"edit\" /a.rs null",
            "\"edit\" /b.rs null",
            "\"edit\" /c.rs null",
            "\"delete\" /old.rs, /older.rs null",
            "what the notes say Done.",
        ]
    );
    daemon.stop().await;
}

/// Categories as agents name them, switches, and options that only one agent has.
#[tokio::test]
async fn options_that_no_client_knows_are_shown_and_can_be_set() {
    let home = tempfile::tempdir().unwrap();
    let first = daemon(home.path(), "options").await;
    let mut client = first.client().await;
    let (id, waited) = said(&mut client, home.path(), "options").await;
    assert_eq!(waited["lastMessage"], r#""low" "calm" false. Done."#);
    let shown = &waited["final"];
    assert_eq!(shown["thinkingOptionId"], "low");
    assert_eq!(shown["features"][0]["id"], "temper");
    assert_eq!(shown["features"][0]["options"][1]["id"], "wild");
    assert_eq!(
        shown["features"][1],
        json!({ "type": "toggle", "id": "fast", "label": "Fast", "value": false })
    );
    for (feature, value, why) in [
        ("temper", json!("mild"), "calm, wild"),
        ("fast", json!("yes"), "on, off"),
        ("speed", json!(true), "temper, fast"),
    ] {
        let set = json!({ "agentId": id, "featureId": feature, "value": value });
        let refused = client.call("set_agent_feature_request", set).await;
        assert_eq!(refused["accepted"], false);
        assert!(
            refused["error"].as_str().unwrap().contains(why),
            "{refused}"
        );
    }
    for (feature, value) in [("temper", json!("wild")), ("fast", json!(true))] {
        let set = json!({ "agentId": id, "featureId": feature, "value": value });
        let done = client.call("set_agent_feature_request", set).await;
        assert_eq!(done["accepted"], true, "{done}");
    }
    let set = json!({ "agentId": id, "thinkingOptionId": "high" });
    client.call("set_agent_thinking_request", set).await;
    let all = r#""high" "wild" true. Done."#;
    assert_eq!(send(&mut client, &id, "options").await["lastMessage"], all);
    first.stop().await;
    // A choice holds: the agent itself has forgotten it.
    let second = daemon(home.path(), "options").await;
    let mut client = second.client().await;
    assert_eq!(send(&mut client, &id, "options").await["lastMessage"], all);
    second.stop().await;
}

#[tokio::test]
async fn an_agent_logs_in_when_it_is_asked_to() {
    let home = tempfile::tempdir().unwrap();
    let spoilt = format!("login ACP_HOME={}", home.path().display());
    let daemon = daemon(home.path(), &spoilt).await;
    let mut client = daemon.client().await;
    let (id, waited) = said(&mut client, home.path(), "x").await;
    assert_eq!(waited["status"], "error", "{waited}");
    let acp = json!({ "provider": "acp" });
    let ways = client.call("provider.login.list.request", acp).await;
    let ways = ways["methods"].as_array().unwrap();
    assert_eq!(
        ways[0],
        json!({ "id": "web", "name": "Log in on the web", "type": "agent" })
    );
    assert_eq!(ways[1]["type"], "terminal");
    let command = ways[1]["command"].as_array().unwrap();
    let start = ["env", "ACP_LOGIN=1", "env", "ACP_AGENT=login"];
    assert_eq!(command[..4], start);
    assert_eq!(command[command.len() - 1], "--login");

    std::fs::write(home.path().join("closed"), "").unwrap();
    let login = json!({ "provider": "acp", "methodId": "web" });
    let failed = client.call("provider.login.request", login.clone()).await;
    let error = failed["error"].as_str().unwrap();
    assert!(error.contains("the browser was closed"), "{error}");
    std::fs::remove_file(home.path().join("closed")).unwrap();
    let odd = json!({ "provider": "acp", "methodId": "odd" });
    let failed = client.call("provider.login.request", odd).await;
    assert!(failed["error"].as_str().unwrap().contains("web, tui"));
    let done = client.call("provider.login.request", login).await;
    assert_eq!(done["error"], Value::Null);
    assert_eq!(
        send(&mut client, &id, "on").await["lastMessage"],
        "on Done."
    );
    daemon.stop().await;
}
