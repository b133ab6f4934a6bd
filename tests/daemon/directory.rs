//! The directory of agents: scope, filters, order, pages.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::TestDaemon;

#[tokio::test]
async fn pages_hold_every_agent_once_in_any_order() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    for n in 0..23 {
        let config =
            json!({ "provider": "mock", "cwd": home.path(), "title": format!("t{}", n % 5) });
        let labels = json!({ "parity": if n % 2 == 0 { "even" } else { "odd" } });
        let request = json!({ "config": config, "labels": labels });
        client.call("create_agent_request", request).await;
    }
    for sort in [
        json!([]),
        json!([{ "key": "title", "direction": "asc" }]),
        json!([{ "key": "status_priority", "direction": "asc" }, { "key": "created_at", "direction": "desc" }]),
    ] {
        let mut seen = BTreeSet::new();
        let mut titles = Vec::new();
        let mut cursor = None;
        loop {
            let mut page = json!({ "limit": 5 });
            if let Some(cursor) = cursor {
                page["cursor"] = cursor;
            }
            let request = json!({ "page": page, "sort": sort, "scope": "active" });
            let page = client.call("fetch_agents_request", request).await;
            for entry in page["entries"].as_array().unwrap() {
                assert!(seen.insert(entry["agent"]["id"].as_str().unwrap().to_owned()));
                titles.push(entry["agent"]["title"].as_str().unwrap().to_owned());
            }
            let info = &page["pageInfo"];
            assert_eq!(info["hasMore"], !info["nextCursor"].is_null());
            if info["nextCursor"].is_null() {
                break;
            }
            cursor = Some(info["nextCursor"].clone());
        }
        assert_eq!(seen.len(), 23);
        if sort[0]["key"] == "title" {
            assert!(titles.is_sorted());
        }
    }
    let odd = json!({ "filter": { "labels": { "parity": "odd" } } });
    let page = client.call("fetch_agents_request", odd).await;
    assert_eq!(page["entries"].as_array().unwrap().len(), 11);
    let thinking = json!({ "filter": { "thinkingOptionId": "high" } });
    let page = client.call("fetch_agents_request", thinking).await;
    assert_eq!(page["entries"], json!([]));
    let cursor = json!({ "page": { "limit": 5, "cursor": "bogus" } });
    let error = client.ask("fetch_agents_request", cursor).await;
    assert_eq!(error["payload"]["code"], "invalid_cursor");
    daemon.stop().await;
}

#[tokio::test]
async fn archived_agents_and_workspaces_are_hidden_from_the_active_scope() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let mut agents = Vec::new();
    for _ in 0..2 {
        let source = json!({ "kind": "directory", "path": home.path() });
        let made = client
            .call("workspace.create.request", json!({ "source": source }))
            .await;
        let workspace = made["workspace"]["id"].as_str().unwrap().to_owned();
        let request = json!({
            "config": { "provider": "echo", "cwd": home.path() },
            "workspaceId": workspace,
        });
        let made = client.call("create_agent_request", request).await;
        agents.push((made["agentId"].clone(), workspace));
    }
    let archive = json!({ "agentId": agents[0].0 });
    client.call("archive_agent_request", archive).await;
    let count = |page: serde_json::Value| page["entries"].as_array().unwrap().len();
    let active = || json!({ "scope": "active" });
    assert_eq!(
        count(client.call("fetch_agents_request", active()).await),
        1
    );
    let archive = json!({ "workspaceId": agents[1].1 });
    let archived = client.call("archive_workspace_request", archive).await;
    assert!(archived["archivedAt"].is_string());
    assert_eq!(
        count(client.call("fetch_agents_request", active()).await),
        0
    );
    assert_eq!(
        count(client.call("fetch_agents_request", json!({})).await),
        0
    );
    let all = json!({ "filter": { "includeArchived": true } });
    assert_eq!(count(client.call("fetch_agents_request", all).await), 2);
    daemon.stop().await;
}
