//! A daemon that says again what an official one once said.
//!
//! A recording (`tests/wire/*.jsonl`) has a line for each session message: `{"c2s": …}` of the official
//! client, `{"s2c": …}` of the official daemon. A request is answered with what followed the first request
//! of its type in the recording that has not been used yet: replies and events, in their order, up to the
//! next request. What the official client never asked in that recording is `unknown_schema`, but for agents
//! that are found in a recorded list.

use std::collections::HashMap;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept};

/// Replays on a port of its own until the test process ends.
pub(crate) struct Replay {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl Replay {
    /// Reads a recording and starts to listen.
    pub(crate) fn start(recording: &Path) -> Self {
        let text = std::fs::read_to_string(recording).unwrap();
        let recording = Arc::new(Recording::parse(&text));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::<Mutex<Vec<Value>>>::default();
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (recording, seen) = (Arc::clone(&recording), Arc::clone(&seen));
                std::thread::spawn(move || serve(stream.unwrap(), &recording, &seen));
            }
        });
        Self { address, requests }
    }

    /// The types of the requests that came, oldest first.
    pub(crate) fn asked(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let kinds = requests.iter().map(|request| request["type"].as_str());
        kinds.map(|kind| kind.unwrap().to_owned()).collect()
    }

    /// The first request of a type, without its `type` and `requestId`.
    pub(crate) fn request(&self, kind: &str) -> Value {
        let requests = self.requests.lock().unwrap();
        let found = requests.iter().find(|request| request["type"] == kind);
        let mut request = found.unwrap_or_else(|| panic!("no {kind}")).clone();
        let fields = request.as_object_mut().unwrap();
        fields.remove("type");
        fields.remove("requestId");
        request
    }
}

struct Recording {
    server_info: Value,
    exchanges: Vec<Exchange>,
    agents: Vec<Value>,
}

/// A request, and what the daemon said until the next one.
struct Exchange {
    request: Value,
    said: Vec<Value>,
}

impl Recording {
    fn parse(text: &str) -> Self {
        let mut recording = Self {
            server_info: Value::Null,
            exchanges: Vec::new(),
            agents: Vec::new(),
        };
        for line in text.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            if let Some(request) = record.get("c2s") {
                recording.exchanges.push(Exchange {
                    request: request.clone(),
                    said: Vec::new(),
                });
                continue;
            }
            let message = record["s2c"].clone();
            if let Some(entries) = message["payload"]["entries"].as_array() {
                let agents = entries.iter().map(|entry| entry["agent"].clone());
                recording
                    .agents
                    .extend(agents.filter(|agent| agent["id"].is_string()));
            }
            match recording.exchanges.last_mut() {
                Some(exchange) => exchange.said.push(message),
                None => recording.server_info = message,
            }
        }
        recording
    }

    fn agent(&self, name: &Value) -> Option<&Value> {
        let name = name.as_str()?;
        let fits = |agent: &&Value| {
            agent["id"].as_str().is_some_and(|id| id.starts_with(name)) || agent["title"] == name
        };
        self.agents.iter().find(fits)
    }
}

fn serve(stream: TcpStream, recording: &Recording, seen: &Mutex<Vec<Value>>) {
    let Ok(mut socket) = accept(stream) else {
        return;
    };
    let mut used = HashMap::<String, usize>::new();
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else {
            continue;
        };
        let frame: Value = serde_json::from_str(&text).unwrap();
        match frame["type"].as_str() {
            Some("hello") => send(&mut socket, &recording.server_info),
            Some("ping") => drop(socket.send(Message::text(r#"{"type":"pong"}"#))),
            Some("session") => {
                let request = &frame["message"];
                seen.lock().unwrap().push(request.clone());
                for message in answer(recording, request, &mut used) {
                    send(&mut socket, &message);
                }
            }
            _ => {}
        }
    }
}

fn answer(recording: &Recording, request: &Value, used: &mut HashMap<String, usize>) -> Vec<Value> {
    let kind = request["type"].as_str().unwrap();
    // Notices are not answered.
    let Some(id) = request["requestId"].as_str() else {
        return Vec::new();
    };
    if kind == "ping" {
        let payload = json!({ "requestId": id, "serverReceivedAt": 1, "serverSentAt": 1 });
        return vec![json!({ "type": "pong", "payload": payload })];
    }
    let count = used.entry(kind.to_owned()).or_default();
    let exchange = recording
        .exchanges
        .iter()
        .filter(|exchange| exchange.request["type"] == kind)
        .nth(*count);
    *count += 1;
    if let Some(Exchange { request, said }) = exchange {
        let old = request["requestId"].as_str().unwrap();
        let renamed = said
            .iter()
            .map(|message| message.to_string().replace(old, id));
        return renamed
            .map(|text| serde_json::from_str(&text).unwrap())
            .collect();
    }
    if kind == "fetch_agent_request" {
        let name = &request["agentId"];
        let agent = recording.agent(name);
        let error = agent
            .is_none()
            .then(|| format!("Agent not found: {}", name.as_str().unwrap()));
        let payload = json!({ "requestId": id, "agent": agent, "error": error });
        return vec![json!({ "type": "fetch_agent_response", "payload": payload })];
    }
    let payload = json!({ "requestId": id, "requestType": kind, "code": "unknown_schema",
        "error": "not in the recording" });
    vec![json!({ "type": "rpc_error", "payload": payload })]
}

fn send(socket: &mut WebSocket<TcpStream>, message: &Value) {
    let frame = json!({ "type": "session", "message": message });
    // A client that has what it wants may be gone.
    let _ = socket.send(Message::text(frame.to_string()));
}
