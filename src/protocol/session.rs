//! The session layer: hello, envelopes, requests and their replies (`docs/protocol.md`, "Session").

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::admission::Auth;
use super::daemon_permission::{self, DaemonPermission};

/// The only protocol version there is.
pub const PROTOCOL_VERSION: u32 = 1;

/// The version of the official software whose behaviour we follow, sent as `appVersion`. Without a
/// version ≥ 0.1.45 a daemon hides every agent of a custom provider.
pub const APP_VERSION: &str = "0.5.0";

/// Close code of a daemon that takes no more clients.
pub const CLOSE_FULL: u16 = 1013;
/// Text that goes with [`CLOSE_FULL`], and of the `status` message before it.
pub const FULL: &str = "Too many connections";
/// `code` of that message.
pub const FULL_CODE: &str = "daemon_full";
/// Close code of a daemon that wants a password (or another one).
pub const CLOSE_PASSWORD: u16 = 4401;
/// Close code: no hello within 15 s.
pub const CLOSE_HELLO_TIMEOUT: u16 = 4001;
/// Close code: malformed, early, second or otherwise invalid hello.
pub const CLOSE_INVALID_HELLO: u16 = 4002;
/// Close code: another `protocolVersion` than ours.
pub const CLOSE_PROTOCOL_VERSION: u16 = 4003;

/// The first frame of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "hello", rename_all = "camelCase")]
pub struct Hello {
    /// Identity of the session: sockets that share it see each other's replies.
    pub client_id: String,
    /// `mobile`, `browser`, `cli` or `mcp`.
    pub client_type: String,
    /// [`PROTOCOL_VERSION`].
    pub protocol_version: u32,
    /// Unknown keys are ignored, only `true` enables.
    #[serde(default)]
    pub capabilities: BTreeMap<String, bool>,
    /// Semantic version of the client; see [`APP_VERSION`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_version: Option<String>,
    /// What shows the daemon that this client may come in. Daemons before 0.10 do not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
}

/// What a daemon says of itself after the hello, and again whenever it changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerInfo {
    /// The id that the relay routes by. Grants access together with the public key: do not print.
    pub server_id: String,
    /// Name of the machine.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Semantic version of the daemon.
    #[serde(default)]
    pub version: Option<String>,
    /// What this connection may do; `None`: the daemon is older than 0.7, and says nothing.
    #[serde(
        default,
        deserialize_with = "daemon_permission::names",
        skip_serializing_if = "Option::is_none"
    )]
    pub permissions: Option<Vec<String>>,
    /// What the daemon can do; unknown ones are kept, only `true` counts.
    #[serde(default)]
    pub features: BTreeMap<String, Value>,
}

impl ServerInfo {
    /// Returns whether the daemon advertises a feature.
    pub fn has(&self, feature: &str) -> bool {
        self.features.get(feature) == Some(&Value::Bool(true))
    }

    /// Returns whether this connection may do something, as far as the daemon says. One that names only what is not known
    /// here says nothing: it has to refuse by itself.
    pub fn permits(&self, permission: DaemonPermission) -> bool {
        let Some(held) = &self.permissions else {
            return true;
        };
        let holds = |wanted: DaemonPermission| held.iter().any(|it| it == wanted.as_str());
        let is_known = held.is_empty() || DaemonPermission::ALL.into_iter().any(holds);
        !is_known || holds(permission)
    }
}

/// A request of the client and the type of its reply.
///
/// The fields are serialized beside `type` and `requestId`; the reply is the `payload` of the message
/// that carries the same `requestId`, whatever the type of that message.
pub trait Request: Serialize {
    /// The message type.
    const TYPE: &'static str;
    /// Type of the message that carries the reply. A client goes by `requestId` alone.
    const REPLY: &'static str;
    /// Whether it changes anything on the daemon. A change is never sent twice, and when its reply
    /// is missing its outcome is unknown.
    const MUTATES: bool;
    /// The payload of the reply.
    type Reply: DeserializeOwned;
}

/// A message that is never answered.
pub trait Notice: Serialize {
    /// The message type.
    const TYPE: &'static str;
}

/// One frame of either direction.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    /// `session`, `hello`, `ping`, `pong`, …
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// The session message, when `kind` is `session`.
    #[serde(borrow, default)]
    pub message: Option<&'a RawValue>,
}

/// A session message of the daemon, its payload not yet read.
#[derive(Debug, Deserialize)]
pub struct Message<'a> {
    /// The message type.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// The content.
    #[serde(borrow, default)]
    pub payload: Option<&'a RawValue>,
}

/// What ties a reply to its request.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Correlation<'a> {
    /// The id that the client chose.
    #[serde(borrow, default)]
    pub request_id: Option<Cow<'a, str>>,
    /// Kind of a `status` message.
    #[serde(borrow, default)]
    pub status: Option<Cow<'a, str>>,
}

/// `ping` as a session message: the round trip to the daemon itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ping {
    /// Milliseconds since the epoch, echoed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_sent_at: Option<i64>,
}

/// Reply to [`Ping`]. All times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pong {
    /// What the client said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_sent_at: Option<i64>,
    /// The daemon's clock.
    pub server_received_at: i64,
    /// The daemon's clock.
    pub server_sent_at: i64,
}

requests! {
    reads Ping: "ping" => "pong" Pong;
}

/// `rpc_error`: the daemon could not serve a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RpcError {
    /// The id of the request that failed.
    pub request_id: String,
    /// The type of that request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_type: Option<String>,
    /// A sentence for people.
    pub error: String,
    /// `unknown_schema` (daemon too old, or a malformed request), `handler_error`, `invalid_cursor`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}
