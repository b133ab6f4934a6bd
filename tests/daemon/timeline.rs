//! Pages of timelines over the wire.

use serde_json::{Value, json};

use crate::support::{Client, TestDaemon};

#[tokio::test]
async fn a_projected_timeline_folds_what_belongs_together() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let knows = json!({ "reasoning_merge_enum": true });
    let mut client = Client::hello(daemon.addr, "c", knows).await;
    let prompt = Some("think emit 3 todo tool");
    let id = client.agent("mock", home.path(), prompt).await;
    client.wait(&id).await;
    let page = client.timeline(&id, json!({ "limit": 0 })).await;
    let shape: Vec<(&str, u64, u64, String)> = page["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (
                entry["item"]["type"].as_str().unwrap(),
                entry["seqStart"].as_u64().unwrap(),
                entry["seqEnd"].as_u64().unwrap(),
                entry["collapsed"].to_string(),
            )
        })
        .collect();
    let none = || "[]".to_owned();
    let how = |tag: &str| format!("[\"{tag}\"]");
    assert_eq!(
        shape,
        [
            ("user_message", 1, 1, none()),
            ("reasoning", 2, 3, how("reasoning_merge")),
            ("assistant_message", 4, 6, how("assistant_merge")),
            ("todo", 7, 7, none()),
            ("tool_call", 8, 9, how("tool_lifecycle")),
            ("assistant_message", 10, 10, none()),
        ]
    );
    assert_eq!(
        page["window"],
        json!({ "minSeq": 1, "maxSeq": 10, "nextSeq": 11 })
    );
    assert_eq!(page["entries"][4]["item"]["error"], Value::Null);
    let canonical = client
        .timeline(&id, json!({ "projection": "canonical" }))
        .await;
    assert_eq!(canonical["entries"].as_array().unwrap().len(), 10);
    let bogus = json!({ "cursor": { "epoch": "bogus", "seq": 2 } });
    let reset = client.timeline(&id, bogus).await;
    assert_eq!(
        (&reset["reset"], &reset["staleCursor"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(reset["entries"].as_array().unwrap().len(), 6);
    let mut old = Client::hello(daemon.addr, "old", json!({})).await;
    let page = old.timeline(&id, json!({})).await;
    assert_eq!(page["entries"][1]["collapsed"], json!([]));
    daemon.stop().await;
}

#[tokio::test]
async fn a_long_timeline_is_paged_both_ways_without_gap_or_repeat() {
    let home = tempfile::tempdir().unwrap();
    let daemon = TestDaemon::start(home.path()).await;
    let mut client = daemon.client().await;
    let id = client.agent("mock", home.path(), Some("items 1500")).await;
    client.wait(&id).await;
    let whole = client.timeline(&id, json!({ "limit": 0 })).await;
    let whole = whole["entries"].as_array().unwrap().clone();
    assert_eq!(whole.len(), 1502);

    let mut older = Vec::new();
    let mut request = json!({ "direction": "tail", "limit": 400 });
    loop {
        let page = client.timeline(&id, request).await;
        let mut entries = page["entries"].as_array().unwrap().clone();
        entries.append(&mut older);
        older = entries;
        if page["hasOlder"] == false {
            break;
        }
        request = json!({ "direction": "before", "limit": 400, "cursor": page["startCursor"] });
    }
    assert_eq!(older, whole);

    let mut newer = Vec::new();
    let mut request = json!({ "direction": "after", "limit": 400 });
    loop {
        let page = client.timeline(&id, request).await;
        newer.extend(page["entries"].as_array().unwrap().clone());
        if page["hasNewer"] == false {
            break;
        }
        request = json!({ "direction": "after", "limit": 400, "cursor": page["endCursor"] });
    }
    assert_eq!(newer, whole);
    daemon.stop().await;
}
