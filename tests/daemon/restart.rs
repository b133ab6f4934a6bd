//! What survives the process.

use std::io::Write;

use serde_json::{Value, json};

use crate::support::TestDaemon;

#[tokio::test]
async fn a_restart_keeps_agents_timelines_and_workspaces() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let id = client.agent("mock", home.path(), Some("think tool")).await;
    client.wait(&id).await;
    let before = client.timeline(&id, json!({ "limit": 0 })).await;
    let info = client.info.clone();
    daemon.stop().await;

    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    assert_eq!(client.info["serverId"], info["serverId"]);
    let page = client
        .call("fetch_agents_request", json!({ "scope": "active" }))
        .await;
    let agent = &page["entries"][0]["agent"];
    assert_eq!(agent["id"], id);
    assert_eq!(agent["status"], "closed");
    assert_eq!(agent.get("activeTurn"), None);
    let after = client.timeline(&id, json!({ "limit": 0 })).await;
    assert_eq!(after["entries"], before["entries"]);
    assert_ne!(after["epoch"], before["epoch"]);
    let send = json!({ "agentId": id, "text": "emit 1" });
    assert_eq!(
        client.call("send_agent_message_request", send).await["accepted"],
        true
    );
    assert_eq!(client.wait(&id).await["lastMessage"], "piece 1 Done.");
    daemon.stop().await;
}

#[tokio::test]
async fn what_was_shown_is_on_disk_and_an_open_turn_is_closed_at_the_next_start() {
    let home = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let id = client
        .agent("mock", home.path(), Some("items 50 ask"))
        .await;
    client.wait(&id).await;
    let shown = client.timeline(&id, json!({ "limit": 0 })).await;
    // What a kill leaves is what is on disk at this moment, with a line cut off in the middle.
    let copied = copy.path().join("builtin");
    for dir in ["agents", "timelines"] {
        std::fs::create_dir_all(copied.join(dir)).unwrap();
        for file in std::fs::read_dir(home.path().join("builtin").join(dir)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copied.join(dir).join(file.file_name())).unwrap();
        }
    }
    let rows = copied.join("timelines").join(format!("{id}.jsonl"));
    let mut rows = std::fs::OpenOptions::new().append(true).open(rows).unwrap();
    rows.write_all(br#"{"timestamp":"2026-"#).unwrap();
    daemon.stop().await;

    let daemon = TestDaemon::start(copy.path()).await;
    let mut client = daemon.client().await;
    let page = client.timeline(&id, json!({ "limit": 0 })).await;
    let (old, new) = (
        shown["entries"].as_array().unwrap(),
        page["entries"].as_array().unwrap(),
    );
    assert_eq!(new.len(), old.len() + 1);
    assert_eq!(new[..50], old[..50]);
    let call = &new[old.len() - 1];
    assert_eq!(call["item"]["status"], "canceled");
    let last = new[old.len()]["item"]["text"].as_str().unwrap();
    assert!(last.starts_with("[System Error] "), "{last}");
    assert_eq!(page["agent"]["attentionReason"], "error");
    assert_eq!(page["agent"]["pendingPermissions"], Value::Array(vec![]));
    daemon.stop().await;
}

/// What is whole and cannot be read now may be readable tomorrow: nothing is renamed, and nothing is written over it.
#[cfg(unix)]
#[tokio::test]
async fn a_record_that_cannot_be_read_ends_the_start() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let agent = client.agent("echo", home.path(), Some("x")).await;
    client.wait(&agent).await;
    daemon.stop().await;
    let kept = home.path().join("builtin");
    std::fs::write(kept.join("settings.json"), "{}").unwrap();
    std::fs::write(kept.join("schedules.json"), "{}").unwrap();
    let mode = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    let names = [
        format!("agents/{agent}.json"),
        "workspaces.json".to_owned(),
        "schedules.json".to_owned(),
        "settings.json".to_owned(),
    ];
    for name in &names {
        mode(&kept.join(name), 0o600);
    }
    for name in &names {
        let path = kept.join(name);
        let content = std::fs::read(&path).unwrap();
        mode(&path, 0o644);
        let refused = paseo::daemon::Daemon::start(crate::support::config(home.path())).await;
        let error = refused.expect_err("it does not start").to_string();
        assert!(error.contains(name), "{error}");
        assert!(std::fs::read(&path).unwrap() == content, "{name}");
        mode(&path, 0o600);
    }
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let page = client.call("fetch_agents_request", json!({})).await;
    assert_eq!(page["entries"][0]["agent"]["id"], agent);
    daemon.stop().await;
}

#[tokio::test]
async fn a_deleted_agent_stays_deleted_and_a_damaged_record_stops_nobody() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let gone = client.agent("echo", home.path(), Some("x")).await;
    let stays = client.agent("echo", home.path(), Some("y")).await;
    let damaged = client.agent("echo", home.path(), Some("z")).await;
    client.wait(&damaged).await;
    client
        .call("delete_agent_request", json!({ "agentId": gone }))
        .await;
    daemon.stop().await;
    let record = home.path().join(format!("builtin/agents/{damaged}.json"));
    std::fs::write(&record, "{").unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let page = client.call("fetch_agents_request", json!({})).await;
    let entries = page["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["agent"]["id"], stays);
    daemon.stop().await;
}
