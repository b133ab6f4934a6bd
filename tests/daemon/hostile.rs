//! Clients that mean harm.

use paseo::transport::Frame;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{TestDaemon, open, within};

/// What the daemon must still be able to do afterwards.
async fn alive(daemon: &TestDaemon) {
    let mut client = daemon.client().await;
    client.call("ping", json!({})).await;
}

#[tokio::test]
async fn a_client_that_never_reads_is_cut_off() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let id = client.agent("mock", home.path(), Some("items 2000")).await;
    client.wait(&id).await;
    let Ok(mut greedy) = tokio::time::timeout(std::time::Duration::from_secs(5), async {
        open(daemon.addr, None).await
    })
    .await
    else {
        panic!("no connection");
    };
    greedy
        .sender
        .send(crate::support::hello("greedy", json!({})))
        .await
        .unwrap();
    let request = json!({ "type": "session", "message": {
        "type": "fetch_agent_timeline_request", "requestId": "x", "agentId": id, "limit": 0,
    } })
    .to_string();
    let flood = async {
        while greedy
            .sender
            .send(Frame::Text(request.clone()))
            .await
            .is_ok()
        {}
    };
    within(flood).await;
    alive(&daemon).await;
    daemon.stop().await;
}

#[tokio::test]
async fn deep_long_and_odd_messages_do_no_harm() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let deep = "[".repeat(200_000);
    for text in [
        deep.clone(),
        format!(r#"{{"type":"session","message":{deep}"#),
        format!(
            r#"{{"type":"session","message":{{"type":"ping","requestId":"{}"}}}}"#,
            "x".repeat(1_000_000)
        ),
        String::new(),
        "null".into(),
        r#"{"type":"session"}"#.into(),
        r#"{"type":"session","message":[]}"#.into(),
    ] {
        client.send_frame(Frame::Text(text)).await;
    }
    client.call("ping", json!({})).await;
    for cursor in ["", "e30", "W10", &"A".repeat(100_000)] {
        let page = json!({ "page": { "limit": 1, "cursor": cursor } });
        let error = client.ask("fetch_agents_request", page.clone()).await;
        assert_eq!(error["payload"]["code"], "invalid_cursor");
        let error = client.ask("fetch_workspaces_request", page).await;
        assert_eq!(error["payload"]["code"], "invalid_cursor");
    }
    let id = client.agent("echo", home.path(), Some("x")).await;
    client.wait(&id).await;
    let epoch = client.timeline(&id, json!({})).await["epoch"].clone();
    for seq in [0, 1, u64::MAX] {
        for direction in ["tail", "before", "after"] {
            let cursor = json!({ "epoch": epoch, "seq": seq });
            let fields = json!({ "direction": direction, "cursor": cursor, "limit": u64::MAX });
            client.timeline(&id, fields).await;
        }
    }
    daemon.stop().await;
}

#[tokio::test]
async fn many_waits_are_bounded() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let id = client.agent("mock", home.path(), Some("wait")).await;
    for n in 0..300 {
        let wait = json!({
            "type": "wait_for_finish_request", "requestId": format!("w{n}"), "agentId": id,
        });
        client.send(wait).await;
    }
    let busy = client
        .until(|message| message["payload"]["code"] == "busy")
        .await;
    assert_eq!(busy["type"], "rpc_error");
    daemon.stop().await;
}

fn requests() -> impl Strategy<Value = Vec<Value>> {
    let kind = prop::sample::select(vec![
        "fetch_agents_request",
        "fetch_agent_request",
        "create_agent_request",
        "send_agent_message_request",
        "fetch_agent_timeline_request",
        "workspace.create.request",
        "agent_permission_response",
        "clear_agent_attention",
        "update_agent_request",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        Just(json!({ "provider": "echo", "cwd": "/tmp" })),
        Just(json!(["a", 1])),
    ];
    let key = prop::sample::select(vec![
        "agentId",
        "config",
        "text",
        "cursor",
        "limit",
        "filter",
        "sort",
        "page",
        "source",
        "response",
        "labels",
        "workspaceId",
        "initialPrompt",
    ]);
    let fields = prop::collection::vec((key, leaf), 0..6);
    prop::collection::vec(
        (kind, fields).prop_map(|(kind, fields)| {
            let mut request = json!({ "type": kind });
            for (key, value) in fields {
                request[key] = value;
            }
            request
        }),
        1..20,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_request_with_an_id_is_answered_once(requests in requests()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let home = tempfile::tempdir().unwrap();
            let daemon = TestDaemon::start(home.path()).await;
            let mut client = daemon.client().await;
            for request in requests {
                let kind = request["type"].as_str().unwrap().to_owned();
                client.ask(&kind, request).await;
            }
            daemon.stop().await;
        });
    }
}
