//! Agents that mean harm, and decoders.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::lenient::Whole;
use super::permission;
use super::schema::{self, Initialized, SessionState, Update};
use super::updates::Updates;
use super::{Acp, Looks, Processes};
use crate::daemon::providers::{Feed, Outcome, Prompt, Provider, Report, SessionSpec, Settings};
use crate::protocol::timeline::TimelineItem;

/// Runs a turn with a shell script as the agent and returns why it failed.
async fn fails(script: &str) -> String {
    let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
    let provider = Acp::new(
        "hostile",
        argv,
        Processes::new(Vec::new()),
        Looks::default(),
    );
    let mut session = provider.session(SessionSpec {
        agent_id: "a".to_owned(),
        cwd: "/".into(),
        env: Default::default(),
        mcp_servers: Default::default(),
        session_id: None,
    });
    let (stop, settings) = (
        watch::Sender::new(false),
        watch::Sender::new(Settings::default()),
    );
    let (feed, mut reports) = Feed::new(stop.subscribe(), settings.subscribe());
    let drain = tokio::spawn(async move { while reports.recv().await.is_some() {} });
    let outcome = session.turn(Prompt::default(), feed).await;
    drain.abort();
    match outcome {
        Outcome::Failed { error, .. } => error,
        outcome => panic!("{outcome:?}"),
    }
}

/// Answers what a client asks before the prompt.
const GREETING: &str = r#"
    read x; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}'
    read x; echo '{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s"}}'
    read x
"#;

#[tokio::test]
async fn harm_is_told() {
    for (script, why) in [
        ("exit 0", "the agent ended (exit status: 0)"),
        ("echo boom >&2; exit 3", "(exit status: 3): boom"),
        ("kill -9 $$", "signal: 9"),
        ("yes hello", "does not speak ACP: it wrote \"hello\""),
        ("yes '{\"a\":1}'", "does not speak ACP"),
        (
            "read x; echo '{\"id\":1,\"result\":{}}'; read x",
            "answer to initialize makes no sense",
        ),
        (
            "read x; echo '{\"id\":1,\"error\":{\"message\":\"no\"}}'; read x",
            "initialize: no (0)",
        ),
        (
            "head -c 9000000 /dev/zero | tr '\\0' x; sleep 1000",
            "more than 8388608 bytes",
        ),
        // What it leaves behind does not keep its standard output open.
        ("sleep 1000 & exit 4", "exit status: 4"),
    ] {
        let error = tokio::time::timeout(Duration::from_secs(20), fails(script)).await;
        let error = error.expect("stuck");
        assert!(error.contains(why), "{script}: {error}");
    }
    let error = fails(&format!("{GREETING} exit 5")).await;
    assert!(error.contains("exit status: 5"), "{error}");
}

#[tokio::test]
async fn what_is_no_program_is_told() {
    let argv = vec!["/nonexistent/agent".to_owned()];
    let provider = Acp::new(
        "missing",
        argv,
        Processes::new(Vec::new()),
        Looks::default(),
    );
    Provider::look(&provider).await;
    let error = provider.describe().error.clone().unwrap();
    assert!(
        error.starts_with("cannot start /nonexistent/agent: "),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_says_nothing_is_given_up() {
    let error = fails("sleep 1000").await;
    assert_eq!(error, "the agent did not answer initialize within 60 s");
}

#[tokio::test]
async fn a_turn_of_an_agent_that_ignores_a_cancellation_ends_all_the_same() {
    let argv = ["sh", "-c"].map(str::to_owned).to_vec();
    let argv = [argv, vec![format!("{GREETING} sleep 1000")]].concat();
    let provider = Acp::new("deaf", argv, Processes::new(Vec::new()), Looks::default());
    let mut session = provider.session(SessionSpec {
        agent_id: "a".to_owned(),
        cwd: "/".into(),
        env: Default::default(),
        mcp_servers: Default::default(),
        session_id: None,
    });
    let (stop, settings) = (
        watch::Sender::new(false),
        watch::Sender::new(Settings::default()),
    );
    let (feed, mut reports) = Feed::new(stop.subscribe(), settings.subscribe());
    let turn = session.turn(Prompt::default(), feed);
    let stopping = async {
        // The session is there, so the prompt is next.
        while !matches!(reports.recv().await, Some(Report::Settings { .. })) {}
        stop.send_replace(true);
        while reports.recv().await.is_some() {}
    };
    let (outcome, ()) = tokio::join!(turn, stopping);
    assert_eq!(outcome, Outcome::Canceled);
}

fn told(items: &[TimelineItem]) -> (String, String) {
    let (mut said, mut thought) = (String::new(), String::new());
    for item in items {
        match item {
            TimelineItem::AssistantMessage { text, .. } => said.push_str(text),
            TimelineItem::Reasoning { text } => thought.push_str(text),
            _ => {}
        }
    }
    (said, thought)
}

fn raw(value: &serde_json::Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap()
}

#[test]
fn optional_fields_of_a_wrong_shape_count_as_absent() {
    let info = r#"{"protocolVersion":1,"agentCapabilities":7,"authMethods":[1,{"name":"x"}],"agentInfo":[]}"#;
    let info: Initialized = serde_json::from_str(info).unwrap();
    assert_eq!(info.auth_methods.len(), 1);
    assert!(!info.agent_capabilities.load_session && info.agent_info.is_none());
    let state = r#"{"sessionId":"s","modes":{"currentModeId":"a","availableModes":[{},{"id":"a","name":"A"}]},
        "configOptions":{"no":"list"}}"#;
    let state: SessionState = serde_json::from_str(state).unwrap();
    assert_eq!(state.modes.unwrap().available_modes.len(), 1);
    let update = json!({ "update": { "sessionUpdate": "tool_call_update", "toolCallId": "t",
        "content": "no list", "locations": null, "rawInput": "x".repeat(300_000), "status": 5 } });
    let Some(Update::Tool(tool)) = schema::update(&raw(&update)) else {
        panic!("no tool call");
    };
    // Too large is not absent: a question about it is refused.
    assert!(matches!(tool.raw_input, Some(Whole::Unfit)) && tool.status.is_none());
    assert!(permission::question(&tool, &[]).is_none());
}

proptest! {
    #[test]
    fn any_update_is_answered(text in "\\PC*", kind in "[a-z_]{1,24}", number: i64) {
        for kind in [kind.as_str(), "plan", "tool_call", "agent_message_chunk", "config_option_update"] {
            for value in [json!(text), json!(number), json!([text]), json!({ "type": text })] {
                let update = json!({ "update": { "sessionUpdate": kind, "toolCallId": text,
                    "content": value, "entries": value, "configOptions": value, "kind": value } });
                if let Some(update) = schema::update(&raw(&update)) {
                    Updates::default().take(update);
                }
                let _ = schema::update(&raw(&value));
            }
        }
    }

    #[test]
    fn no_text_is_lost(chunks in prop::collection::vec((any::<bool>(), "\\PC{0,40}", 0..3u8), 0..60)) {
        let mut updates = Updates::default();
        let (mut said, mut thought) = (String::new(), String::new());
        let mut items = Vec::new();
        for (thinks, text, other) in chunks {
            let kind = if thinks { "agent_thought_chunk" } else { "agent_message_chunk" };
            let chunk = json!({ "update": { "sessionUpdate": kind,
                "content": { "type": "text", "text": text } } });
            items.extend(updates.take(schema::update(&raw(&chunk)).unwrap()));
            if thinks { &mut thought } else { &mut said }.push_str(&text);
            if other == 0 {
                let tool = json!({ "update": { "sessionUpdate": "tool_call", "toolCallId": text } });
                items.extend(updates.take(schema::update(&raw(&tool)).unwrap()));
            }
        }
        items.extend(updates.flush());
        prop_assert_eq!(told(&items), (said, thought));
    }
}
