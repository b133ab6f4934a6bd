//! A daemon that introduces itself and gives prepared answers.

use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::{Message, WebSocket, accept_hdr};

/// Answers on a port of its own until the test process ends.
pub(crate) struct FakeDaemon {
    pub(crate) address: String,
    requests: Arc<Mutex<Vec<Value>>>,
}

/// What an answer is when there is none: the connection ends.
pub(crate) const HANG_UP: &str = "hang up";

/// The payload of the reply to a request; null refuses it.
type Answer = dyn Fn(&Value) -> Value + Send + Sync;

impl FakeDaemon {
    pub(crate) fn start(
        server_id: &str,
        features: &[&str],
        answer: impl Fn(&Value) -> Value + Send + Sync + 'static,
    ) -> Self {
        let answer: Arc<Answer> = Arc::new(answer);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let features: Value = features
            .iter()
            .map(|name| ((*name).to_owned(), Value::Bool(true)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let info = json!({
            "status": "server_info", "serverId": server_id, "hostname": "fake",
            "version": "0.5.0", "features": features,
        });
        let seen = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (info, seen, answer) = (info.clone(), seen.clone(), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream.unwrap(), &info, &seen, &*answer));
            }
        });
        Self { address, requests }
    }

    /// The requests that came, oldest first.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, info: &Value, seen: &Mutex<Vec<Value>>, answer: &Answer) {
    #[expect(clippy::result_large_err, reason = "the type is the library's")]
    let echo_protocol = |request: &Request, mut response: Response| {
        if let Some(protocol) = request.headers().get(SEC_WEBSOCKET_PROTOCOL) {
            let headers = response.headers_mut();
            headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol.clone());
        }
        Ok(response)
    };
    let Ok(mut socket) = accept_hdr(stream, echo_protocol) else {
        return;
    };
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else {
            continue;
        };
        let frame: Value = serde_json::from_str(&text).unwrap();
        if frame["type"] == "hello" {
            send(&mut socket, "status", info);
        }
        let request = &frame["message"];
        let Some(kind) = request["type"].as_str() else {
            continue;
        };
        seen.lock().unwrap().push(request.clone());
        let mut payload = answer(request);
        if payload == HANG_UP {
            return;
        }
        if payload.is_null() {
            let refusal = json!({ "requestId": request["requestId"], "requestType": kind,
                "error": "refused by the test", "code": "handler_error" });
            send(&mut socket, "rpc_error", &refusal);
            continue;
        }
        payload["requestId"] = request["requestId"].clone();
        let reply = match kind {
            "ping" => "pong".to_owned(),
            "restart_server_request" => "status".to_owned(),
            old if old.contains('/') => format!("{old}/response"),
            kind => kind.replace("request", "response"),
        };
        send(&mut socket, &reply, &payload);
    }
}

fn send(socket: &mut WebSocket<TcpStream>, kind: &str, payload: &Value) {
    let frame = json!({"type": "session", "message": {"type": kind, "payload": payload}});
    // The client may be gone already.
    let _ = socket.send(Message::text(frame.to_string()));
}
