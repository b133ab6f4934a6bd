//! What a request would do, out of everything that the daemon says of it.
//!
//! `detail` is what the daemon made of the tool call, `input` is what the tool gets, and agents of the agent protocol
//! have theirs in `metadata`. Whatever stands there is shown: known fields under a common name, others under their
//! own, none twice. What an agent says of itself (titles, descriptions) is kept apart.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::output::shell_word;
use crate::protocol::agents::PermissionRequest;

/// Fields that are known, by what they are shown as. The order is that in which they are shown.
const KNOWN: [(&str, &[&str]); 11] = [
    ("command", &["command", "cmd"]),
    ("in", &["cwd", "workdir"]),
    (
        "file",
        &["file_path", "filePath", "path", "notebook_path", "abs_path"],
    ),
    ("diff", &["unifiedDiff", "diff", "patch"]),
    ("removes", &["old_string", "oldString", "oldText"]),
    ("adds", &["new_string", "newString", "newText"]),
    ("writes", &["content"]),
    ("plan", &["plan"]),
    ("url", &["url"]),
    ("query", &["query", "pattern"]),
    ("prompt", &["prompt"]),
];
/// Fields in which an agent says something.
const SAID: [&str; 3] = ["description", "label", "reason"];
/// Fields of `detail` that are no part of what would happen.
const ASIDE: [&str; 3] = ["type", "icon", "log"];

/// What stands for a file that would become empty.
const EMPTY: &str = "(nothing: the file becomes empty)";

/// Something that would happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Fact {
    /// What it is.
    pub(super) name: String,
    /// All of it, perhaps of several lines.
    pub(super) text: String,
}

/// What a request says.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) facts: Vec<Fact>,
    /// What the agent says, in its own words.
    pub(super) words: Vec<String>,
    /// The same once more, to find what was there already: an agent chooses how many there are.
    known: HashSet<Fact>,
    diffs: Vec<Value>,
    said: HashSet<String>,
}

impl Facts {
    pub(super) fn of(request: &PermissionRequest) -> Self {
        let mut found = Self::default();
        if let Some(detail) = &request.detail {
            found.take(detail, true);
        }
        if let Some(input) = &request.input {
            found.take(input, false);
        }
        let raw = request
            .other
            .get("metadata")
            .map(|metadata| &metadata["rawRequest"]["toolCall"]);
        if let Some(call) = raw {
            found.take(&call["rawInput"], false);
            for place in call["locations"].as_array().into_iter().flatten() {
                found.add(
                    "file",
                    place["path"].as_str().unwrap_or_default().to_owned(),
                );
            }
            match &call["content"] {
                Value::Array(parts) => parts.iter().for_each(|part| found.part(part)),
                other => found.take(other, false),
            }
        }
        found.sort();
        // Of several files it must be seen which of them gets what.
        let diffs = std::mem::take(&mut found.diffs);
        for diff in diffs.iter().filter(|_| diffs.len() > 1) {
            let mut one = Self::default();
            one.take(diff, true);
            one.sort();
            found.facts.append(&mut one.facts);
            one.words.iter().for_each(|words| found.say(Some(words)));
        }
        found.say(request.title.as_deref());
        found.say(request.description.as_deref());
        let texts: HashSet<&str> = found.facts.iter().map(|fact| &*fact.text).collect();
        // Mostly the title is the command once more.
        let repeats = |words: &String| *words == request.name || texts.contains(&**words);
        found.words.retain(|words| !repeats(words));
        found
    }

    /// Takes a piece of what a tool call shows: a change of a file, words of the agent, or something else.
    fn part(&mut self, part: &Value) {
        let words = part["content"]["text"].as_str();
        match (part["type"].as_str(), words) {
            (Some("diff"), _) => {
                if self.diffs.is_empty() {
                    self.take(part, true);
                }
                self.diffs.push(part.clone());
            }
            (Some("content"), Some(words)) => self.say(Some(words)),
            _ => self.add("input.content", text(part)),
        }
    }

    fn sort(&mut self) {
        let place = |fact: &Fact| KNOWN.iter().position(|(name, _)| *name == fact.name);
        self.facts
            .sort_by_key(|fact| place(fact).unwrap_or(KNOWN.len()));
    }

    fn say(&mut self, words: Option<&str>) {
        let words = words.map(str::trim).filter(|words| !words.is_empty());
        let Some(words) = words else {
            return;
        };
        if self.said.insert(words.to_owned()) {
            self.words.push(words.to_owned());
        }
    }

    /// Takes every field of an object, which the daemon made or a tool gets.
    fn take(&mut self, value: &Value, is_detail: bool) {
        match value {
            Value::Object(fields) => self.fields(fields, is_detail),
            Value::Null => {}
            // An input is an object; whatever else it is, it is shown.
            other => self.add("input", text(other)),
        }
    }

    fn fields(&mut self, fields: &Map<String, Value>, is_detail: bool) {
        let kind = fields.get("type").and_then(Value::as_str);
        let kind = kind.filter(|_| is_detail);
        for (field, value) in fields {
            let field = field.as_str();
            match (field, value) {
                (field, _) if is_detail && ASIDE.contains(&field) => {}
                // What a daemon makes of nothing.
                (_, Value::Null) => {}
                (field, Value::String(words)) if SAID.contains(&field) => self.say(Some(words)),
                ("questions", Value::Array(questions)) => {
                    for question in questions {
                        self.add("question", asked(question));
                    }
                }
                // The daemon knows nothing of this tool: it passes on the input.
                ("input", nested @ Value::Object(_)) if kind == Some("unknown") => {
                    self.take(nested, false);
                }
                ("text", value) if kind == Some("plan") => self.add("plan", text(value)),
                ("text", Value::String(words)) if kind == Some("plain_text") => {
                    self.say(Some(words));
                }
                // A tool that writes nothing leaves an empty file; other tools have nothing to show there.
                ("content", Value::String(words))
                    if words.is_empty() && matches!(kind, None | Some("write")) =>
                {
                    self.add("writes", EMPTY.to_owned());
                }
                (field, value) => {
                    let known = KNOWN.iter().find(|(_, fields)| fields.contains(&field));
                    match known {
                        Some((name, _)) => self.add(name, text(value)),
                        None => {
                            let line = field.replace('\n', " ");
                            self.add(&format!("input.{line}"), text(value));
                        }
                    }
                }
            }
        }
    }

    fn add(&mut self, name: &str, text: String) {
        let fact = Fact {
            name: name.to_owned(),
            text,
        };
        if !fact.text.is_empty() && self.known.insert(fact.clone()) {
            self.facts.push(fact);
        }
    }
}

/// Returns a value as text: words of a command as a shell would need them, other data as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(words) if words.iter().all(Value::is_string) => {
            let words = words.iter().filter_map(Value::as_str);
            let words = words.map(|word| shell_word(word).into_owned());
            words.collect::<Vec<_>>().join(" ")
        }
        Value::Array(_) | Value::Object(_) => {
            serde_json::to_string_pretty(value).expect("a JSON value can be written")
        }
        other => other.to_string(),
    }
}

/// Returns a question with its options.
fn asked(question: &Value) -> String {
    let Some(words) = question["question"].as_str() else {
        return text(question);
    };
    let mut all = words.to_owned();
    for option in question["options"].as_array().into_iter().flatten() {
        let label = option["label"].as_str().or(option.as_str());
        all += &format!("\n- {}", label.map_or_else(|| text(option), str::to_owned));
        if let Some(description) = option["description"].as_str() {
            all += &format!("  ({description})");
        }
    }
    all
}
