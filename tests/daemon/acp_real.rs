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

/// Agents that load themselves for long are neither called broken nor all started at once.
#[tokio::test]
async fn agents_that_start_slowly_are_not_known_yet() {
    let home = tempfile::tempdir().unwrap();
    let mut config = config(home.path());
    for name in ["one", "two", "three", "four"] {
        let spoilt = format!("slow ACP_HOME={}", home.path().display());
        let spec = format!("{name}={}", acp_agent::command(&spoilt));
        config.agents.push(spec.parse().unwrap());
    }
    let daemon = TestDaemon::with(config).await;
    let mut client = daemon.client().await;
    let status = |list: &Value, name: &str| {
        let entries = list["entries"].as_array().unwrap();
        let found = entries.iter().find(|entry| entry["provider"] == name);
        found.unwrap()["status"].as_str().unwrap().to_owned()
    };
    let list = client
        .call("get_providers_snapshot_request", json!({}))
        .await;
    assert_eq!(status(&list, "mock"), "ready");
    for name in ["one", "two", "three", "four"] {
        assert_eq!(status(&list, name), "loading");
    }
    let started = || std::fs::read_to_string(home.path().join("started")).unwrap_or_default();
    assert_eq!(started().lines().count(), 2);
    // Nobody waits any more, but what was begun goes on.
    std::fs::write(home.path().join("go"), "").unwrap();
    let told = |message: &Value| message["type"] == "providers_snapshot_update";
    let update = client.until(told).await;
    for name in ["one", "two", "three", "four"] {
        assert_eq!(status(&update["payload"], name), "ready");
    }
    // What is known stays known.
    client
        .call("get_providers_snapshot_request", json!({}))
        .await;
    assert_eq!(started().lines().count(), 4);
    daemon.stop().await;
}

#[tokio::test]
async fn a_session_that_was_only_looked_at_is_forgotten() {
    let home = tempfile::tempdir().unwrap();
    let spoilt = format!("closes ACP_HOME={}", home.path().display());
    let daemon = daemon(home.path(), &spoilt).await;
    let mut client = daemon.client().await;
    assert_eq!(provider(&mut client).await["status"], "ready");
    let forgotten = std::fs::read_to_string(home.path().join("forgotten")).unwrap();
    assert_eq!(forgotten, "session/close\nsession/delete\n");
    daemon.stop().await;
}

#[tokio::test]
async fn sessions_are_listed_and_one_that_does_not_exist_is_not_imported() {
    let home = tempfile::tempdir().unwrap();
    for (id, said) in [("old", "first\n"), ("older", "zero\n")] {
        std::fs::write(home.path().join(format!("{id}.memory")), said).unwrap();
    }
    for spoilt in ["lists", "invents"] {
        let acp = format!("{spoilt} ACP_HOME={}", home.path().display());
        let daemon = daemon(home.path(), &acp).await;
        let mut client = daemon.client().await;
        let import = |id: &str| json!({ "provider": "acp", "sessionId": id, "cwd": home.path() });
        let list = json!({ "providers": ["acp"] });
        let kind = "fetch_recent_provider_sessions_request";
        if spoilt == "lists" {
            let listed = client.call(kind, list.clone()).await;
            let entries = listed["entries"].as_array().unwrap();
            let ids: Vec<_> = entries.iter().map(|it| &it["providerHandleId"]).collect();
            assert_eq!(ids, ["older", "old"]);
            assert_eq!(entries[1]["title"], "about old");
        }
        let made_up = client.call("import_agent_request", import("made-up")).await;
        assert_eq!(made_up["status"], "agent_create_failed", "{spoilt}");
        let error = made_up["error"].as_str().unwrap();
        assert!(error.contains("no such session 'made-up'"), "{error}");
        let imported = client.call("import_agent_request", import("old")).await;
        assert_eq!(imported["status"], "agent_resumed", "{imported}");
        let listed = client.call(kind, list).await;
        let entries = listed["entries"].as_array().unwrap();
        assert!(entries.iter().all(|it| it["providerHandleId"] != "old"));
        let delete = json!({ "agentId": imported["agentId"] });
        client.call("delete_agent_request", delete).await;
        daemon.stop().await;
    }
}

#[tokio::test]
async fn titles_notices_compaction_and_cost_are_shown() {
    let home = tempfile::tempdir().unwrap();
    let daemon = daemon(home.path(), "no").await;
    let mut client = daemon.client().await;
    let (id, waited) = said(&mut client, home.path(), "title notice compact cost").await;
    assert_eq!(waited["final"]["title"], "What it is about");
    assert_eq!(waited["final"]["lastUsage"]["totalCostUsd"], 0.25);
    let shown = items(&mut client, &id).await;
    assert_eq!(shown[1]["text"], "Quota: nearly used up");
    assert_eq!(
        shown[2],
        json!({ "type": "error", "message": "Quota: nearly used up" })
    );
    assert_eq!(shown[3]["type"], "compaction");
    // What a person calls it stays.
    let name = json!({ "agentId": id, "name": "mine" });
    client.call("update_agent_request", name).await;
    let waited = send(&mut client, &id, "title").await;
    assert_eq!(waited["final"]["title"], "mine");
    daemon.stop().await;
}

#[tokio::test]
async fn mcp_servers_reach_the_agent() {
    let home = tempfile::tempdir().unwrap();
    let daemon = daemon(home.path(), "no").await;
    let mut client = daemon.client().await;
    let create = |servers: Value| {
        json!({ "labels": {}, "initialPrompt": "servers",
            "config": { "provider": "acp", "cwd": home.path(), "mcpServers": servers } })
    };
    let files =
        json!({ "type": "stdio", "command": "/bin/files", "args": ["-r"], "env": { "KEY": "v" } });
    let made = client
        .call("create_agent_request", create(json!({ "files": files })))
        .await;
    let waited = client.wait(made["agentId"].as_str().unwrap()).await;
    let said = waited["lastMessage"].as_str().unwrap();
    let said: Value = serde_json::from_str(said.trim_end_matches("Done.")).unwrap();
    assert_eq!(
        said,
        json!([{ "name": "files", "command": "/bin/files", "args": ["-r"],
            "env": [{ "name": "KEY", "value": "v" }] }])
    );
    // It has not said that it speaks HTTP.
    let web = json!({ "type": "http", "url": "http://127.0.0.1:1/" });
    let made = client
        .call("create_agent_request", create(json!({ "web": web })))
        .await;
    let waited = client.wait(made["agentId"].as_str().unwrap()).await;
    let error = waited["error"].as_str().unwrap();
    assert!(error.contains("MCP server 'web'"), "{error}");
    daemon.stop().await;
}

/// A wrapper that is killed leaves nothing of what it started, between two turns as well.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_a_killed_agent_started_ends_with_it() {
    let home = tempfile::tempdir().unwrap();
    let pids = home.path().join("pids");
    let agent = acp_agent::command("");
    let wrapped = format!(
        "acp=acp:sh -c 'exec 3<&0; echo $$ >{pids}; {agent} <&3 & echo $! >>{pids}; wait'",
        pids = pids.display(),
        agent = agent.strip_prefix("acp:").unwrap().replace('\'', "'\\''"),
    );
    let mut config = config(home.path());
    config.agents.push(wrapped.parse().unwrap());
    let daemon = TestDaemon::with(config).await;
    let mut client = daemon.client().await;
    said(&mut client, home.path(), "hello").await;
    let lives = |pid: &str| Path::new("/proc").join(pid).join("exe").exists();
    let pids = std::fs::read_to_string(pids).unwrap();
    let [wrapper, agent] = pids.lines().collect::<Vec<_>>()[..] else {
        panic!("{pids}");
    };
    assert!(lives(wrapper) && lives(agent));
    let wrapper = rustix::process::Pid::from_raw(wrapper.parse().unwrap()).unwrap();
    rustix::process::kill_process(wrapper, rustix::process::Signal::KILL).unwrap();
    for _ in 0..600 {
        if !lives(agent) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the agent goes on without its wrapper");
}
