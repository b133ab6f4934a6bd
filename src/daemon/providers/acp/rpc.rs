//! JSON-RPC 2.0 as ACP carries it: one message a line.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::lenient::{bounded, lenient};

/// Longest id of a request of the agent, in bytes.
const MAX_ID_BYTES: usize = 256;
/// Bytes of a message, and of its reason, that are shown.
const MAX_SHOWN_BYTES: usize = 2 * 1024;

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
#[derive(Debug, Clone, Deserialize, thiserror::Error)]
#[error("{}", self.sentence())]
pub(super) struct RpcError {
    /// JSON-RPC's or ACP's code.
    #[serde(default)]
    pub(super) code: i64,
    /// A sentence.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) message: String,
    /// Mostly the reason, in a shape of the agent's own.
    #[serde(default, deserialize_with = "boxed")]
    pub(super) data: Option<Box<Value>>,
    /// The last line of its standard error, when the refusal arrived.
    #[serde(skip)]
    pub(super) stderr: Option<String>,
}

impl RpcError {
    /// Whether somebody must log in first.
    pub(super) fn asks_for_login(&self) -> bool {
        self.code == AUTH_REQUIRED
    }

    /// Returns everything that it tells, on as few lines as the agent used.
    fn sentence(&self) -> String {
        let mut sentence = format!("{} ({})", shown(&self.message), self.code);
        let reason = self.data.as_deref().and_then(reason);
        if let Some(reason) = reason.filter(|reason| !self.message.contains(reason)) {
            sentence += &format!(": {}", shown(&reason));
        }
        if let Some(line) = &self.stderr {
            sentence += &format!("; its last line on stderr: {line}");
        }
        sentence
    }
}

fn boxed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<Value>>, D::Error> {
    bounded(deserializer).map(|value| value.map(Box::new))
}

/// Finds the reason in the data of a refusal: the first field that is known to hold one, else all of it.
fn reason(data: &Value) -> Option<String> {
    const FIELDS: [&str; 7] = [
        "message",
        "details",
        "detail",
        "error",
        "reason",
        "cause",
        "description",
    ];
    let text = match data {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let mut known = FIELDS.iter().filter_map(|field| fields.get(*field));
            match known.find_map(reason) {
                Some(text) => text,
                None => {
                    let mut rest = fields.clone();
                    // The ways to log in are told on their own.
                    rest.remove("authMethods");
                    match rest.is_empty() {
                        true => return None,
                        false => Value::Object(rest).to_string(),
                    }
                }
            }
        }
        other => other.to_string(),
    };
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Cuts what an agent says to a length that people read.
pub(super) fn shown(text: &str) -> String {
    let cut = text.floor_char_boundary(MAX_SHOWN_BYTES);
    match cut < text.len() {
        true => format!("{}…", &text[..cut]),
        false => text.to_owned(),
    }
}

/// ACP's code for "log in first".
const AUTH_REQUIRED: i64 = -32000;
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

    #[test]
    fn the_reason_of_a_refusal_is_told() {
        let told = |data: Value| {
            let line = json!({ "id": 1, "error": { "code": -32603, "message": "Internal error", "data": data } });
            match decode(line.to_string().as_bytes()) {
                Ok(Incoming::Response {
                    result: Err(error), ..
                }) => error.to_string(),
                other => panic!("{other:?}"),
            }
        };
        let start = "Internal error (-32603)";
        for (data, reason) in [
            (json!("exited with code 1"), ": exited with code 1"),
            (
                json!({ "details": "Connection error." }),
                ": Connection error.",
            ),
            (
                json!({ "error": { "message": "no key" }, "n": 1 }),
                ": no key",
            ),
            (json!({ "supported": [1] }), ": {\"supported\":[1]}"),
            (json!([1, 2]), ": [1,2]"),
            (json!({ "message": "Internal error" }), ""),
            (json!({ "authMethods": [] }), ""),
            (json!("  "), ""),
            (Value::Null, ""),
        ] {
            assert_eq!(told(data), format!("{start}{reason}"));
        }
        let long = told(json!("é".repeat(3_000)));
        assert!(long.len() < 2_200 && long.ends_with('…'), "{long}");
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
