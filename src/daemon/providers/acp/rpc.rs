//! JSON-RPC 2.0 as ACP carries it: one message a line.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Longest id of a request of the agent, in bytes.
const MAX_ID_BYTES: usize = 256;

/// A message of the agent. Its content stays unread until its type is known, so that a line costs no
/// more than its length.
#[derive(Debug)]
pub(super) enum Incoming {
    /// It wants an answer.
    Request {
        /// To be given back as it is.
        id: Value,
        /// What it wants.
        method: String,
        /// Its arguments.
        params: Box<RawValue>,
    },
    /// It tells something.
    Notification {
        /// What.
        method: String,
        /// Its arguments.
        params: Box<RawValue>,
    },
    /// It answers.
    Response {
        /// Which request of ours.
        id: u64,
        /// What it answers.
        result: Result<Box<RawValue>, RpcError>,
    },
}

/// The agent refused a request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{message} ({code})")]
pub(super) struct RpcError {
    /// JSON-RPC's or ACP's code.
    #[serde(default)]
    pub(super) code: i64,
    /// A sentence.
    #[serde(default)]
    pub(super) message: String,
}

/// ACP's code for "log in first".
pub(super) const AUTH_REQUIRED: i64 = -32000;
/// JSON-RPC's code for a method that is not there.
pub(super) const NO_METHOD: i64 = -32601;
/// JSON-RPC's code for arguments that make no sense.
pub(super) const BAD_PARAMS: i64 = -32602;

/// A line is not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Option<Box<RawValue>>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    params: Option<Box<RawValue>>,
    #[serde(default)]
    result: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<RpcError>,
}

/// Reads a line.
pub(super) fn decode(line: &[u8]) -> Result<Incoming, Malformed> {
    let line: Line = serde_json::from_slice(line).map_err(|_| Malformed)?;
    let given = |value: Option<Box<RawValue>>| value.unwrap_or_else(|| RawValue::NULL.to_owned());
    let id = match &line.id {
        Some(id) if id.get().len() > MAX_ID_BYTES => return Err(Malformed),
        Some(id) => Some(serde_json::from_str::<Value>(id.get()).map_err(|_| Malformed)?),
        None => None,
    };
    match (line.method, id) {
        (Some(method), Some(id)) => Ok(Incoming::Request {
            id,
            method,
            params: given(line.params),
        }),
        (Some(method), None) => Ok(Incoming::Notification {
            method,
            params: given(line.params),
        }),
        (None, Some(id)) => Ok(Incoming::Response {
            id: id.as_u64().ok_or(Malformed)?,
            result: line.error.map_or_else(|| Ok(given(line.result)), Err),
        }),
        (None, None) => Err(Malformed),
    }
}

/// Writes a request.
pub(super) fn request(id: u64, method: &str, params: Value) -> Vec<u8> {
    line(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
}

/// Writes a notification.
pub(super) fn notification(method: &str, params: Value) -> Vec<u8> {
    line(json!({ "jsonrpc": "2.0", "method": method, "params": params }))
}

/// Writes an answer.
pub(super) fn result(id: Value, result: Value) -> Vec<u8> {
    line(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

/// Writes a refusal.
pub(super) fn refusal(id: Value, code: i64, message: &str) -> Vec<u8> {
    line(json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } }))
}

fn line(message: Value) -> Vec<u8> {
    let mut line = message.to_string().into_bytes();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn kinds_are_told_apart() {
        let kind = |line: &str| match decode(line.as_bytes()) {
            Ok(Incoming::Request { .. }) => "request",
            Ok(Incoming::Notification { .. }) => "notification",
            Ok(Incoming::Response { result: Ok(_), .. }) => "result",
            Ok(Incoming::Response { result: Err(_), .. }) => "error",
            Err(Malformed) => "malformed",
        };
        for (line, what) in [
            (r#"{"id":1,"method":"m","params":{}}"#, "request"),
            (r#"{"id":"a","method":"m"}"#, "request"),
            (r#"{"method":"m","params":[1]}"#, "notification"),
            (r#"{"id":1,"result":null}"#, "result"),
            (r#"{"id":1}"#, "result"),
            (r#"{"id":1,"error":{"code":-1,"message":"no"}}"#, "error"),
            (r#"{"id":1,"error":{}}"#, "error"),
            (r#"{"id":"1","result":{}}"#, "malformed"),
            (r#"{"id":-1,"result":{}}"#, "malformed"),
            ("{}", "malformed"),
            ("[]", "malformed"),
            ("hello", "malformed"),
            ("", "malformed"),
        ] {
            assert_eq!(kind(line), what, "{line}");
        }
        let long = format!(r#"{{"id":"{}","method":"m"}}"#, "x".repeat(MAX_ID_BYTES));
        assert_eq!(kind(&long), "malformed");
    }

    proptest! {
        #[test]
        fn any_line_is_answered(line in any::<Vec<u8>>()) {
            let _ = decode(&line);
        }

        #[test]
        fn what_is_written_can_be_read(id: u64, method in "\\PC*", text in "\\PC*") {
            let line = request(id, &method, json!({ "text": text }));
            prop_assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            let Ok(Incoming::Request { id: read, method: named, params }) = decode(&line) else {
                panic!("not a request");
            };
            prop_assert_eq!((read, named), (json!(id), method));
            let params: Value = serde_json::from_str(params.get()).unwrap();
            prop_assert_eq!(&params["text"], &json!(text));
        }
    }
}
