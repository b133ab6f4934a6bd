//! Tool calls of ACP as the timeline shows them.

use serde_json::{Value, json};

use super::lenient::Whole;
use super::schema::{Content, Tool, ToolContent};
use crate::protocol::timeline::{ToolCall, ToolStatus};

/// Bytes of text that a tool call shows; more is cut off.
const MAX_TEXT_BYTES: usize = 256 * 1024;

impl Tool {
    /// Takes over what an update tells.
    pub(super) fn merge(&mut self, update: Tool) {
        fn take<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        take(&mut self.title, update.title);
        take(&mut self.name, update.name);
        take(&mut self.kind, update.kind);
        take(&mut self.status, update.status);
        take(&mut self.content, update.content);
        take(&mut self.locations, update.locations);
        take(&mut self.raw_input, update.raw_input);
        take(&mut self.raw_output, update.raw_output);
        take(&mut self.meta, update.meta);
    }

    /// How far it is; one that nothing is known of has only been asked for.
    pub(super) fn state(&self) -> ToolStatus {
        match self.status.as_deref() {
            Some("completed") => ToolStatus::Completed,
            Some("failed") => ToolStatus::Failed,
            Some("cancelled" | "canceled") => ToolStatus::Canceled,
            _ => ToolStatus::Running,
        }
    }

    /// The kind of tool.
    pub(super) fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or("other")
    }

    /// What the timeline calls it: the kind, as the official daemon does, and for `other` its own name.
    pub(super) fn label(&self) -> String {
        let own = || self.name.clone().or_else(|| self.meta_name());
        match self.kind() {
            "other" => own().or_else(|| self.title.clone()),
            _ => None,
        }
        .unwrap_or_else(|| self.kind().to_owned())
    }

    /// The name of the tool that only `_meta` has, at its top or in the agent's own part of it.
    fn meta_name(&self) -> Option<String> {
        let named = |fields: &Value| field(fields, &["toolName", "tool_name"]);
        let meta = self.meta.as_ref()?;
        let parts = meta
            .as_object()
            .into_iter()
            .flat_map(|parts| parts.values());
        std::iter::once(meta).chain(parts).find_map(named)
    }

    /// What it works on: the command, the files, or what it looks for.
    pub(super) fn subject(&self) -> Option<String> {
        let command = || self.input(&["command", "cmd"]);
        let aim = || self.input(&["url", "query", "pattern"]);
        let files = || Some(self.paths()).filter(|paths| !paths.is_empty());
        command().or_else(files).or_else(aim).map(cut)
    }

    /// The tool call as items of the timeline: one, or one for each file that it changes.
    pub(super) fn items(&self) -> Vec<ToolCall> {
        let first = self.item();
        if self.kind() != "edit" {
            return vec![first];
        }
        let further = self.diffs().enumerate().skip(1).map(|(at, diff)| ToolCall {
            call_id: format!("{}:{}", self.tool_call_id, at + 1),
            detail: diff,
            ..first.clone()
        });
        let further: Vec<_> = further.collect();
        std::iter::once(first).chain(further).collect()
    }

    fn item(&self) -> ToolCall {
        let status = self.state();
        let mut metadata = json!({ "kind": self.kind() });
        if let Some(title) = &self.title {
            metadata["title"] = json!(title);
        }
        ToolCall {
            call_id: self.tool_call_id.clone(),
            name: self.label(),
            detail: self.detail(),
            metadata: Some(metadata),
            status,
            error: match status {
                ToolStatus::Failed => json!(self.failure()),
                _ => Value::Null,
            },
        }
    }

    /// What it does, in the shape for its kind (`ToolCallDetail`).
    pub(super) fn detail(&self) -> Value {
        let title = || self.title.clone().unwrap_or_default();
        let text = self.text();
        match self.kind() {
            "execute" => {
                let command = self.input(&["command", "cmd"]).unwrap_or_else(title);
                let mut detail = json!({ "type": "shell", "command": command });
                set(&mut detail, "cwd", self.input(&["cwd"]).map(Value::from));
                let output = text.or_else(|| self.output(&["output", "stdout"]));
                set(&mut detail, "output", output.map(Value::from));
                let code = |key| self.raw_output.as_ref()?.get(key)?.as_i64();
                let code = ["exitCode", "exit_code"].into_iter().find_map(code);
                set(&mut detail, "exitCode", code.map(Value::from));
                detail
            }
            "read" => {
                let mut detail = json!({ "type": "read", "filePath": self.path() });
                set(&mut detail, "content", text.map(Value::from));
                detail
            }
            "edit" => {
                let file = || json!({ "type": "edit", "filePath": self.path() });
                self.diffs().next().unwrap_or_else(file)
            }
            // What is made of it has no shape of its own: the path is what counts.
            "delete" | "move" => plain(self.paths(), text, "wrench"),
            "search" => {
                let query = self.input(&["pattern", "query"]).unwrap_or_else(title);
                let mut detail = json!({ "type": "search", "query": query });
                set(&mut detail, "content", text.map(Value::from));
                detail
            }
            "fetch" => {
                let url = self.input(&["url"]).unwrap_or_else(title);
                let mut detail = json!({ "type": "fetch", "url": url });
                set(&mut detail, "result", text.map(Value::from));
                detail
            }
            "think" => plain(title(), text, "brain"),
            _ if self.raw_input.is_none() && text.is_some() => plain(title(), text, "wrench"),
            _ => {
                let output = self.raw_output.clone().or(text.map(Value::from));
                let input = self.raw_input.as_ref().and_then(Whole::value);
                json!({ "type": "unknown", "input": input, "output": output })
            }
        }
    }

    /// The changes of files that it shows.
    fn diffs(&self) -> impl Iterator<Item = Value> {
        self.contents().filter_map(|content| {
            let (path, new) = (content.path.as_ref()?, content.new_text.as_ref()?);
            Some(match &content.old_text {
                Some(old) => json!({
                    "type": "edit",
                    "filePath": path,
                    "oldString": cut(old.clone()),
                    "newString": cut(new.clone()),
                }),
                None => json!({ "type": "write", "filePath": path, "content": cut(new.clone()) }),
            })
        })
    }

    /// Why it has failed, as far as it says so anywhere.
    fn failure(&self) -> String {
        const REASONS: [&str; 6] = [
            "error",
            "message",
            "stderr",
            "output",
            "formatted_output",
            "aggregated_output",
        ];
        let told = self.text().or_else(|| {
            let output = self.raw_output.as_ref()?;
            let nested = || field(output.get("error")?, &["message"]).map(cut);
            self.output(&REASONS).or_else(nested)
        });
        let told = told.filter(|told| !told.trim().is_empty());
        told.unwrap_or_else(|| "failed".to_owned())
    }

    fn contents(&self) -> impl Iterator<Item = &ToolContent> {
        self.content.iter().flat_map(|contents| &contents.pieces)
    }

    /// The text that it shows.
    fn text(&self) -> Option<String> {
        let blocks = self
            .contents()
            .filter_map(|content| content.content.as_ref());
        let texts: Vec<String> = blocks.cloned().filter_map(text_of).collect();
        (!texts.is_empty()).then(|| cut(texts.join("\n")))
    }

    fn path(&self) -> String {
        let located = || self.places().next();
        self.input(&["file_path", "filePath", "abs_path", "path"])
            .or_else(located)
            .or_else(|| self.title.clone())
            .unwrap_or_default()
    }

    fn places(&self) -> impl Iterator<Item = String> {
        let locations = self.locations.iter().flat_map(|locations| &locations.0);
        locations.map(|location| location.path.clone())
    }

    /// Every path that it names: a deletion may be of several files.
    fn paths(&self) -> String {
        let changed = self.contents().filter_map(|content| content.path.clone());
        let mut paths = Vec::new();
        for path in self.places().chain(changed) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        match paths.is_empty() {
            true => self.path(),
            false => paths.join(", "),
        }
    }

    /// The first of these fields of the input that is text, or a list of words.
    fn input(&self, keys: &[&str]) -> Option<String> {
        field(self.raw_input.as_ref()?.value()?, keys)
    }

    fn output(&self, keys: &[&str]) -> Option<String> {
        match self.raw_output.as_ref()? {
            Value::String(text) => Some(cut(text.clone())),
            value => field(value, keys).map(cut),
        }
    }
}

fn field(value: &Value, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| match value.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Array(words) => {
            let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
            words.map(|words| words.join(" "))
        }
        _ => None,
    })
}

fn plain(label: String, text: Option<String>, icon: &str) -> Value {
    let mut detail = json!({ "type": "plain_text", "label": label });
    set(&mut detail, "text", text.map(Value::from));
    detail["icon"] = json!(icon);
    detail
}

fn set(detail: &mut Value, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        detail[key] = value;
    }
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
        text.push('…');
    }
    text
}

/// A block of content as text; a link stands for what is none.
pub(super) fn text_of(content: Content) -> Option<String> {
    match content.kind.as_str() {
        "text" => content.text,
        "resource_link" => content.uri,
        "resource" => content.resource.and_then(|it| it.text.or(it.uri)),
        kind => Some(format!("[{kind}]")),
    }
}
