//! The last items that `wait` shows, from a daemon as that of 0.1.65: it counts recorded rows against the limit of a
//! page before it joins the pieces of a streamed message.

use serde_json::{Value, json};

use super::fake_daemon::FakeDaemon;
use super::sandbox::Sandbox;

/// Recorded rows: six tool calls, then one message in this many pieces.
const PIECES: u64 = 90;
const TOOLS: u64 = 6;
const AGENT: &str = "7c8a1b52-2f0e-4d0e-9a4a-3e69071b9277";

fn answer(request: &Value) -> Value {
    match request["type"].as_str() {
        Some("wait_for_finish_request") => json!({ "status": "idle", "final": agent() }),
        Some("fetch_agent_timeline_request") => page(request),
        _ => Value::Null,
    }
}

fn agent() -> Value {
    json!({ "id": AGENT, "provider": "fake", "cwd": "/", "createdAt": "2026-05-03T07:00:00.000Z",
        "status": "idle", "labels": {}, "pendingPermissions": [] })
}

fn page(request: &Value) -> Value {
    let (newest, limit) = (TOOLS + PIECES, request["limit"].as_u64().unwrap());
    let last = request["cursor"]["seq"]
        .as_u64()
        .map_or(newest, |seq| seq - 1);
    let first = (last + 1).saturating_sub(limit).max(1);
    let cursor = |seq: u64| json!({ "epoch": "e", "seq": seq });
    let tools = (first..=last.min(TOOLS)).map(|seq| {
        json!({ "provider": "fake", "timestamp": "", "seqStart": seq, "seqEnd": seq, "item": {
            "type": "tool_call", "callId": format!("c{seq}"), "name": "read", "status": "completed",
            "detail": { "type": "read", "filePath": format!("file-{seq}") } } })
    });
    let (from, to) = (first.max(TOOLS + 1), last);
    let text: String = (from..=to).map(|seq| format!("word{seq} ")).collect();
    let message = json!({ "provider": "fake", "timestamp": "", "seqStart": from, "seqEnd": to,
        "item": { "type": "assistant_message", "text": text } });
    let entries: Vec<Value> = tools.chain((from <= to).then_some(message)).collect();
    json!({
        "agentId": AGENT, "agent": agent(), "direction": request["direction"], "projection": "projected",
        "epoch": "e", "reset": false, "staleCursor": false, "gap": false,
        "window": { "minSeq": 1, "maxSeq": newest, "nextSeq": newest + 1 },
        "startCursor": cursor(first), "endCursor": cursor(last),
        "hasOlder": first > 1, "hasNewer": last < newest, "entries": entries, "error": null,
    })
}

#[test]
fn a_message_of_many_pieces_counts_once() {
    let daemon = FakeDaemon::start("srv_pieces", &[], answer);
    let waited = Sandbox::new().run(&["wait", AGENT, "--json", "--host", &daemon.address]);
    let told: Value = serde_json::from_str(&waited.stdout).unwrap();
    let text: String = (TOOLS + 1..=TOOLS + PIECES)
        .map(|seq| format!("word{seq} "))
        .collect();
    let tools = "[Read] file-3\n[Read] file-4\n[Read] file-5\n[Read] file-6\n";
    let expected = format!(
        "Agent is idle.\nLast 5 activity items:\n{tools}{}",
        text.trim()
    );
    assert_eq!(told["message"], expected);
}
