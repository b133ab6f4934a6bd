//! The envelope of what a client sends: the type, an id where there is a reply, and the content beside them
//! (`docs/protocol.md`, "Session").

use std::sync::Arc;

use serde::Serialize;

use super::session::CallError;
use crate::protocol::session::Request;

/// Writes a request: its id, and the text of its frame.
pub(super) fn encode<R: Request>(request: &R) -> Result<(String, String), CallError> {
    let id = uuid::Uuid::new_v4().to_string();
    let text = encode_as(&id, request)?;
    Ok((id, text))
}

pub(super) fn encode_as<R: Request>(id: &str, request: &R) -> Result<String, CallError> {
    serde_json::to_string(&Session::of(R::TYPE, Some(id), request)).map_err(unreadable)
}

/// Requests are structs with string keys: only a picture that is a file can fail.
pub(super) fn unreadable(error: serde_json::Error) -> CallError {
    CallError::Unreadable(Arc::new(error))
}

/// The frame of a request or, without an id, of a notice.
#[derive(Serialize)]
pub(super) struct Session<'a, R> {
    r#type: &'static str,
    message: Outgoing<'a, R>,
}

#[derive(Serialize)]
struct Outgoing<'a, R> {
    r#type: &'static str,
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(flatten)]
    content: &'a R,
}

impl<'a, R> Session<'a, R> {
    pub(super) fn of(kind: &'static str, request_id: Option<&'a str>, content: &'a R) -> Self {
        Self {
            r#type: "session",
            message: Outgoing {
                r#type: kind,
                request_id,
                content,
            },
        }
    }
}
