//! Agents, from create to delete.

use serde_json::{Value, json};

use crate::support::{Client, TestDaemon};

#[tokio::test]
async fn echo_says_the_prompt_and_the_events_come_in_the_official_order() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let id = client.agent("echo", home.path(), Some("hello")).await;
    let waited = client.wait(&id).await;
    assert_eq!(waited["status"], "idle");
    assert_eq!(waited["lastMessage"], "hello");
    assert_eq!(waited["final"]["title"], "hello");
    client.event("attention_required").await;
    let kinds: Vec<&str> = client
        .events
        .iter()
        .filter(|message| message["type"] == "agent_stream")
        .map(|message| message["payload"]["event"]["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["turn_started", "timeline", "timeline", "turn_completed"]
    );
    daemon.stop().await;
}

#[tokio::test]
async fn commands_get_the_prompt_and_their_output_is_the_answer() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    for (provider, said) in [
        ("cat", "two\nlines ✓"),
        ("argv", "two\nlines ✓"),
        ("lines", "line 1\nline 2\nline 3\n"),
    ] {
        let prompt = Some("two\nlines ✓");
        let id = client.agent(provider, home.path(), prompt).await;
        assert_eq!(client.wait(&id).await["lastMessage"], said, "{provider}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_command_that_fails_is_a_failed_turn() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    for (provider, code, reason) in [
        ("broken", json!("3"), "exit status: 3: why"),
        ("missing", Value::Null, "cannot start /nonexistent/program"),
    ] {
        let id = client.agent(provider, home.path(), Some("go")).await;
        let waited = client.wait(&id).await;
        assert_eq!(waited["status"], "error");
        assert!(
            waited["error"].as_str().unwrap().contains(reason),
            "{waited}"
        );
        assert_eq!(waited["final"]["attentionReason"], "error");
        let failed = client.event("turn_failed").await;
        assert_eq!(failed["payload"]["event"]["code"], code);
        let said = waited["lastMessage"].as_str().unwrap();
        assert!(said.starts_with("[System Error] "), "{said}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_running_command_is_stopped_by_cancel_send_archive_and_delete() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let id = client.agent("sleeper", home.path(), Some("zzz")).await;
    let timeout = json!({ "agentId": id, "timeoutMs": 20 });
    let waited = client.call("wait_for_finish_request", timeout).await;
    assert_eq!(waited["status"], "timeout");
    assert_eq!(waited["final"]["status"], "running");
    assert!(waited["final"]["activeTurn"]["turnId"].is_string());

    let canceled = client
        .call("cancel_agent_request", json!({ "agentId": id }))
        .await;
    assert_eq!(canceled["agent"]["status"], "idle");
    assert_eq!(canceled["agent"]["activeTurn"], Value::Null);
    client.event("turn_canceled").await;

    let send = json!({ "agentId": &id[..8], "text": "again", "messageId": "m1" });
    let sent = client
        .call("send_agent_message_request", send.clone())
        .await;
    assert_eq!(
        (&sent["accepted"], &sent["agentId"]),
        (&json!(true), &json!(id))
    );
    let sent = client.call("send_agent_message_request", send).await;
    assert_eq!(sent["accepted"], true);
    client.event("turn_canceled").await;

    let archived = client
        .call("archive_agent_request", json!({ "agentId": id }))
        .await;
    assert!(archived["archivedAt"].is_string());
    client.event("turn_canceled").await;
    let fetched = client
        .call("fetch_agent_request", json!({ "agentId": id }))
        .await;
    assert_eq!(fetched["agent"]["status"], "closed");

    let send = json!({ "agentId": id, "text": "wake" });
    client.call("send_agent_message_request", send).await;
    let deleted = client
        .call("delete_agent_request", json!({ "agentId": id }))
        .await;
    assert_eq!(deleted["agentId"], *id);
    let fetched = client
        .call("fetch_agent_request", json!({ "agentId": id }))
        .await;
    assert_eq!(fetched["agent"], Value::Null);
    assert_eq!(fetched["error"], format!("Agent not found: {id}"));
    daemon.stop().await;
}

#[tokio::test]
async fn agents_that_are_not_there() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let nope = || json!({ "agentId": "nope" });
    let waited = client.wait("nope").await;
    assert_eq!(waited["status"], "error");
    assert_eq!(waited["error"], "Agent not found: nope");
    let canceled = client.call("cancel_agent_request", nope()).await;
    assert_eq!(canceled["error"], "Agent nope not found");
    client.call("delete_agent_request", nope()).await;
    let archived = client.ask("archive_agent_request", nope()).await;
    assert_eq!(
        archived["payload"]["error"],
        "Request failed: Agent not found: nope"
    );
    assert_eq!(archived["payload"]["code"], "handler_error");
    let refreshed = client.ask("refresh_agent_request", nope()).await;
    assert_eq!(refreshed["payload"]["code"], "agent_refresh_failed");
    let mut mode = nope();
    mode["modeId"] = "x".into();
    let mode = client.call("set_agent_mode_request", mode).await;
    assert_eq!(mode["accepted"], false);
    let timeline = client.timeline("nope", json!({})).await;
    assert_eq!(timeline["error"], "Agent not found: nope");
    assert_eq!(
        timeline["window"],
        json!({ "minSeq": 0, "maxSeq": 0, "nextSeq": 0 })
    );
    let answer = json!({ "agentId": "nope", "response": { "behavior": "allow" } });
    let answered = client.ask("agent_permission_response", answer).await;
    assert_eq!(answered["payload"]["code"], "handler_error");
    daemon.stop().await;
}

#[tokio::test]
async fn a_bad_create_says_why() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let cwd = home.path().to_str().unwrap();
    for (config, error) in [
        (
            json!({ "provider": "nosuch", "cwd": cwd }),
            "Provider nosuch is not configured",
        ),
        (
            json!({ "provider": "mock", "cwd": cwd, "modeId": "weird" }),
            "'mock' has no mode 'weird', but: ask, auto",
        ),
        (
            json!({ "provider": "mock", "cwd": "/no/such/dir" }),
            "Directory not found: /no/such/dir",
        ),
    ] {
        let made = client
            .call("create_agent_request", json!({ "config": config }))
            .await;
        assert_eq!(made["status"], "agent_create_failed");
        assert_eq!(made["error"], error);
    }
    daemon.stop().await;
}

#[tokio::test]
async fn a_permission_is_asked_for_and_answered() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let id = client
        .agent("mock", home.path(), Some("ask question"))
        .await;
    let waited = client.wait(&id).await;
    assert_eq!(waited["status"], "permission");
    let pending = &waited["final"]["pendingPermissions"];
    assert_eq!(pending[0]["kind"], "tool");
    assert_eq!(waited["final"]["attentionReason"], "permission");
    client
        .until(|message| message["type"] == "agent_permission_request")
        .await;
    let resolved = client
        .call(
            "agent_permission_response",
            json!({
                "agentId": id,
                "requestId": pending[0]["id"],
                "response": { "behavior": "allow" },
            }),
        )
        .await;
    assert_eq!(resolved["resolution"]["behavior"], "allow");
    let asked = client
        .until(|message| message["payload"]["event"]["request"]["kind"] == "question")
        .await;
    let request = &asked["payload"]["event"]["request"];
    client
        .call(
            "agent_permission_response",
            json!({
                "agentId": id,
                "requestId": request["id"],
                "response": { "behavior": "allow", "updatedInput": { "answers": { "surface": "CLI" } } },
            }),
        )
        .await;
    let waited = client.wait(&id).await;
    assert_eq!(waited["status"], "idle");
    let said = waited["lastMessage"].as_str().unwrap();
    assert!(said.contains(r#""surface":"CLI""#), "{said}");

    let mode = json!({ "agentId": id, "modeId": "auto" });
    assert_eq!(
        client.call("set_agent_mode_request", mode).await["accepted"],
        true
    );
    let send = json!({ "agentId": id, "text": "ask settings" });
    client.call("send_agent_message_request", send).await;
    let waited = client.wait(&id).await;
    assert_eq!(waited["status"], "idle");
    assert_eq!(
        waited["lastMessage"],
        "mode auto, model mock-1, thinking low, pictures 0. Done."
    );
    daemon.stop().await;
}

#[tokio::test]
async fn a_denial_with_interrupt_ends_the_turn() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let id = client.agent("mock", home.path(), Some("ask wait")).await;
    let waited = client.wait(&id).await;
    let request = &waited["final"]["pendingPermissions"][0]["id"];
    let answer = json!({
        "agentId": id,
        "requestId": request,
        "response": { "behavior": "deny", "interrupt": true },
    });
    client.call("agent_permission_response", answer).await;
    assert_eq!(client.wait(&id).await["status"], "idle");
    client.event("turn_canceled").await;
    daemon.stop().await;
}

#[tokio::test]
async fn tool_calls_under_way_are_canceled_with_their_turn() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let id = client.agent("mock", home.path(), Some("ask")).await;
    client.wait(&id).await;
    client
        .call("cancel_agent_request", json!({ "agentId": id }))
        .await;
    let page = client.timeline(&id, json!({})).await;
    let call = &page["entries"][1];
    assert_eq!(call["item"]["status"], "canceled");
    assert_eq!(call["collapsed"], json!(["tool_lifecycle"]));
    assert_eq!(page["agent"]["pendingPermissions"], json!([]));
    daemon.stop().await;
}

#[tokio::test]
async fn title_labels_thinking_and_parent_can_be_changed() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let parent = client.agent("mock", home.path(), None).await;
    let made = client
        .call(
            "create_agent_request",
            json!({
                "config": { "provider": "mock", "cwd": home.path(), "thinkingOptionId": "low" },
                "labels": { "team": "a" },
                "callerAgentId": parent,
            }),
        )
        .await;
    let id = made["agentId"].as_str().unwrap();
    assert_eq!(made["agent"]["labels"]["paseo.parent-agent-id"], parent);
    let update = json!({ "agentId": id, "name": "New", "labels": { "x": "1" } });
    assert_eq!(
        client.call("update_agent_request", update).await["accepted"],
        true
    );
    let nothing = client
        .call("update_agent_request", json!({ "agentId": id }))
        .await;
    assert_eq!(nothing["error"], "neither a name nor labels to change");
    let thinking = json!({ "agentId": id, "thinkingOptionId": "high" });
    client.call("set_agent_thinking_request", thinking).await;
    let detach = || json!({ "agentId": id });
    // The second time it is no child any more.
    for _ in 0..2 {
        let detached = client.call("agent.detach.request", detach()).await;
        assert_eq!(detached["accepted"], true);
    }
    let fetched = client
        .call("fetch_agent_request", json!({ "agentId": "New" }))
        .await;
    let agent = &fetched["agent"];
    assert_eq!(agent["labels"], json!({ "team": "a", "x": "1" }));
    assert_eq!(agent["effectiveThinkingOptionId"], "high");
    let ambiguous = client
        .call("fetch_agent_request", json!({ "agentId": "" }))
        .await;
    assert_eq!(ambiguous["error"], "Agent not found: ");
    daemon.stop().await;
}

#[tokio::test]
async fn a_selective_client_gets_only_the_streams_it_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let selective = json!({ "selective_agent_timeline": true });
    let mut other = Client::hello(daemon.addr, "cid_other", selective).await;
    let id = client.agent("echo", home.path(), None).await;
    let send = |text: &str| json!({ "agentId": id, "text": text });
    client.call("send_agent_message_request", send("one")).await;
    client.wait(&id).await;
    let told = other.next().await;
    assert_eq!(told["type"], "agent_attention_required");
    assert_eq!(told["payload"]["reason"], "finished");
    let ids = json!({ "agentIds": [id] });
    let subscribed = other
        .call("agent.timeline.set_subscription.request", ids.clone())
        .await;
    assert_eq!(subscribed["agentIds"], ids["agentIds"]);
    client.call("send_agent_message_request", send("two")).await;
    let user = other.event("timeline").await;
    assert_eq!(user["payload"]["event"]["item"]["text"], "two");
    assert!(user["payload"]["seq"].is_u64() && user["payload"]["epoch"].is_string());
    other.event("attention_required").await;
    daemon.stop().await;
}

#[tokio::test]
async fn sockets_of_one_client_share_events_and_subscriptions() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut first = daemon.client().await;
    let subscribe = json!({ "subscribe": { "subscriptionId": "s" } });
    let page = first.call("fetch_agents_request", subscribe).await;
    assert_eq!(page["subscriptionId"], "s");
    drop(first);
    let mut second = daemon.client().await;
    let id = second.agent("echo", home.path(), None).await;
    let update = second
        .until(|message| message["type"] == "agent_update")
        .await;
    assert_eq!(update["payload"]["kind"], "upsert");
    assert_eq!(update["payload"]["agent"]["id"], id);
    assert!(update["payload"]["project"]["checkout"]["cwd"].is_string());
    second
        .call("delete_agent_request", json!({ "agentId": id }))
        .await;
    let gone = second
        .until(|message| message["payload"]["kind"] == "remove")
        .await;
    assert_eq!(gone["payload"]["agentId"], id);
    daemon.stop().await;
}

/// Whatever it does, and however long it wants to.
#[tokio::test]
async fn the_scripted_agent_stops_at_once() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    for prompt in [
        "every 6000 emit 1",
        "every 40000 emit 1",
        "every 40000 items 2",
        "every 1000 emit 100",
        "emit 1 every 100000 emit 5",
        "wait",
        "ask",
        "question",
        "plan",
        "think tool todo every 50000 items 3",
    ] {
        let id = client.agent("mock", home.path(), Some(prompt)).await;
        client.event("turn_started").await;
        let began = std::time::Instant::now();
        let cancel = json!({ "agentId": id });
        client.call("cancel_agent_request", cancel).await;
        client.wait(&id).await;
        let took = began.elapsed();
        assert!(
            took < std::time::Duration::from_secs(4),
            "{prompt}: {took:?}"
        );
    }
    daemon.stop().await;
}
