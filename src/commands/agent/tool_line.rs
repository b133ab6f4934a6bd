//! A tool call on one line: `[Read] src/main.rs`.

use serde_json::Value;

use crate::protocol::timeline::{ToolCall, ToolStatus};

/// Longest summary, in characters.
const MAX_SUMMARY: usize = 200;

/// Longest input of a tool that nobody knows, in characters.
const MAX_INPUT: usize = 400;

/// Returns `[Name] summary`.
pub(super) fn line(call: &ToolCall) -> String {
    match summary(call) {
        Some(summary) => format!("[{}] {summary}", name(call)),
        None => format!("[{}]", name(call)),
    }
}

/// Returns what the tool was given, on one line and shortened; `None` when there is nothing to show.
pub(super) fn summary(call: &ToolCall) -> Option<String> {
    let input = &call.detail["input"];
    if kind(call) == "unknown" && is_external(&call.name) && !input.is_null() {
        return Some(shorten(&input.to_string(), MAX_INPUT, MAX_INPUT));
    }
    let text = match kind(call) {
        "shell" => text(&call.detail, "command"),
        "read" | "edit" | "write" => text(&call.detail, "filePath"),
        "search" => text(&call.detail, "query"),
        "fetch" => text(&call.detail, "url"),
        "worktree_setup" => text(&call.detail, "branchName"),
        "sub_agent" => text(&call.detail, "description"),
        "plain_text" => text(&call.detail, "label"),
        "unknown" if is_named(call, "task") => call
            .metadata
            .as_ref()
            .and_then(|metadata| text(metadata, "subAgentActivity")),
        _ => None,
    }?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    (!line.is_empty()).then(|| shorten(&line, MAX_SUMMARY, MAX_SUMMARY - 3))
}

/// Returns what went wrong, when the call failed.
pub(super) fn failure(call: &ToolCall) -> Option<String> {
    if call.status != ToolStatus::Failed {
        return None;
    }
    let text = match &call.error {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        other => text(other, "content").map_or_else(|| other.to_string(), str::to_owned),
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    Some(shorten(&words.join(" "), MAX_SUMMARY, MAX_SUMMARY - 3))
}

/// Returns what a sub-agent did, which is a text of its own.
pub(super) fn log(call: &ToolCall) -> Option<&str> {
    let log = text(&call.detail, "log").filter(|_| kind(call) == "sub_agent")?;
    Some(log.trim()).filter(|log| !log.is_empty())
}

fn name(call: &ToolCall) -> String {
    let known = match kind(call) {
        _ if is_named(call, "terminal") => "Terminal",
        "shell" => "Shell",
        "read" => "Read",
        "edit" => "Edit",
        "write" => "Write",
        "search" => "Search",
        "fetch" => "Fetch",
        "worktree_setup" => "Worktree Setup",
        "plan" => "Plan",
        "sub_agent" => text(&call.detail, "subAgentType").unwrap_or("Task"),
        _ => return humanize(&call.name),
    };
    known.to_owned()
}

/// Makes words out of an identifier; a namespaced name stays, but for the daemon's own tools.
fn humanize(name: &str) -> String {
    let name = name.trim();
    let (space, leaf) = name
        .rsplit_once("__")
        .or_else(|| name.rsplit_once([':', '.', '/']))
        .unwrap_or(("", name));
    let own = space
        .split([':', '.', '/', '_'])
        .any(|part| part == "paseo");
    if is_external(name) && !own {
        return name.to_owned();
    }
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect::<String>()
    };
    let words: Vec<String> = leaf
        .split(['.', '_', '-', ' '])
        .filter(|word| !word.is_empty())
        .map(capital)
        .collect();
    words.join(" ")
}

fn is_external(name: &str) -> bool {
    name.contains("__") || name.contains([':', '.', '/'])
}

fn is_named(call: &ToolCall, name: &str) -> bool {
    call.name.trim().eq_ignore_ascii_case(name)
}

fn kind(call: &ToolCall) -> &str {
    text(&call.detail, "type").unwrap_or("unknown")
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value[key].as_str().filter(|text| !text.is_empty())
}

/// Cuts to `keep` characters and three dots when there are more than `max`.
fn shorten(text: &str, max: usize, keep: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(keep).collect();
    kept + "..."
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(name: &str, detail: Value) -> ToolCall {
        let json = json!({ "callId": "1", "name": name, "detail": detail, "status": "completed" });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn each_kind_has_its_line() {
        let lines = [
            (
                "bash",
                json!({"type": "shell", "command": "ls\n  -l"}),
                "[Shell] ls -l",
            ),
            (
                "read",
                json!({"type": "read", "filePath": "a.rs"}),
                "[Read] a.rs",
            ),
            (
                "grep",
                json!({"type": "search", "query": "x y"}),
                "[Search] x y",
            ),
            (
                "web",
                json!({"type": "fetch", "url": "http://a"}),
                "[Fetch] http://a",
            ),
            ("x", json!({"type": "plan", "text": "p"}), "[Plan]"),
            (
                "x",
                json!({"type": "sub_agent", "log": "", "description": "d"}),
                "[Task] d",
            ),
            (
                "x",
                json!({"type": "sub_agent", "log": "", "subAgentType": "Explore"}),
                "[Explore]",
            ),
            (
                "web_search",
                json!({"type": "unknown", "input": {"a": 1}}),
                "[Web Search]",
            ),
            (
                "mcp__git__log",
                json!({"type": "unknown", "input": {"a": 1}}),
                "[mcp__git__log] {\"a\":1}",
            ),
            (
                "mcp__paseo__list_agents",
                json!({"type": "plain_text", "label": "l"}),
                "[List Agents] l",
            ),
            ("new", json!({"type": "from the future"}), "[New]"),
        ];
        for (name, detail, expected) in lines {
            assert_eq!(line(&call(name, detail)), expected);
        }
    }

    #[test]
    fn long_ones_are_cut() {
        let long = call("bash", json!({"type": "shell", "command": "é".repeat(500)}));
        let summary = summary(&long).unwrap();
        assert_eq!(summary.chars().count(), 200);
        assert!(summary.ends_with("..."));
    }
}
