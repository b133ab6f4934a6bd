//! The frames with which a session begins: the client's hello, and the daemon's answer to it.

use std::sync::Arc;

use serde::Deserialize;

use crate::protocol::admission::Rejection;
use crate::protocol::session::{Envelope, Message};
use crate::transport::TransportError;

/// What a daemon says of itself, as far as it is needed to know it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Introduction {
    status: String,
    #[serde(default)]
    server_id: String,
}

/// Returns the server id that a `server_info` names; empty when it names none. `None`: another frame.
pub(super) fn named_id(text: &str) -> Option<String> {
    let envelope: Envelope<'_> = serde_json::from_str(text).ok()?;
    let message: Message<'_> = serde_json::from_str(envelope.message?.get()).ok()?;
    if message.kind != "status" {
        return None;
    }
    let introduction: Introduction = serde_json::from_str(message.payload?.get()).ok()?;
    (introduction.status == "server_info").then_some(introduction.server_id)
}

/// Returns whether a frame is the daemon's `server_info`.
pub fn is_introduction(text: &str) -> bool {
    named_id(text).is_some()
}

/// Returns whether a frame is a client's hello.
pub(super) fn is_hello(text: &str) -> bool {
    serde_json::from_str::<Envelope<'_>>(text).is_ok_and(|envelope| envelope.kind == "hello")
}

/// Why a session did not begin.
#[derive(Debug)]
pub(super) enum NoSession {
    /// The daemon has said why.
    Rejected(Rejection),
    /// The connection ended.
    Ended(Arc<TransportError>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_server_info_names_a_daemon() {
        let status = |payload: &str| {
            format!(r#"{{"type":"session","message":{{"type":"status","payload":{payload}}}}}"#)
        };
        let id = |payload: &str| named_id(&status(payload));
        assert_eq!(
            id(r#"{"status":"server_info","serverId":"a"}"#).as_deref(),
            Some("a")
        );
        assert_eq!(id(r#"{"status":"server_info"}"#).as_deref(), Some(""));
        for other in [
            r#"{"status":"error","serverId":"a"}"#,
            r#"{"status":"server_info","serverId":"b","serverId":"a"}"#,
            r#"{"status":"server_info","serverId":7}"#,
            "{}",
            "7",
        ] {
            assert_eq!(id(other), None, "{other}");
        }
        assert!(is_hello(r#"{"type":"hello"}"#) && !is_hello(&status("{}")));
    }
}
