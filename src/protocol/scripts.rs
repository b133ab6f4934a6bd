//! Scripts and services of a workspace, from its `paseo.json` (`docs/protocol.md`, "Scripts"). Not
//! in 0.1.65.

use serde::{Deserialize, Serialize};

use super::given;

/// A script, or a service that keeps running.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Script {
    /// Its name in `paseo.json`.
    pub script_name: String,
    /// `script` or `service`; absent means `service`.
    #[serde(rename = "type", default = "service")]
    pub kind: String,
    /// Name under which a proxy reaches it.
    pub hostname: String,
    /// Where it listens.
    pub port: Option<u16>,
    /// Where the daemon's own proxy reaches it; only for services.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "given"
    )]
    pub local_proxy_url: Option<Option<String>>,
    /// Where a proxy reaches it from elsewhere; only for services.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "given"
    )]
    pub public_proxy_url: Option<Option<String>>,
    /// Where a proxy reaches it.
    #[serde(default)]
    pub proxy_url: Option<String>,
    /// `running` or `stopped`.
    pub lifecycle: String,
    /// `healthy` or `unhealthy`.
    pub health: Option<String>,
    /// How it ended.
    #[serde(default)]
    pub exit_code: Option<i64>,
    /// Where it runs.
    #[serde(default)]
    pub terminal_id: Option<String>,
}

fn service() -> String {
    "service".to_owned()
}

/// `workspace.script.list.request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListScripts {
    /// Full id.
    pub workspace_id: String,
}

/// `workspace.script.start.request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartScript {
    /// Full id.
    pub workspace_id: String,
    /// Its name in `paseo.json`.
    pub script_name: String,
}

/// `workspace.script.stop.request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StopScript {
    /// Full id.
    pub workspace_id: String,
    /// Its name in `paseo.json`.
    pub script_name: String,
}

/// Reply to [`ListScripts`], [`StartScript`] and [`StopScript`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scripts {
    /// Full id.
    pub workspace_id: String,
    /// As asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script_name: Option<String>,
    /// The one that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<Script>,
    /// All of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scripts: Option<Vec<Script>>,
    /// Why not.
    #[serde(default)]
    pub error: Option<String>,
}

requests! {
    reads ListScripts: "workspace.script.list.request" => "workspace.script.list.response" Scripts;
    changes StartScript: "workspace.script.start.request" => "workspace.script.start.response" Scripts;
    changes StopScript: "workspace.script.stop.request" => "workspace.script.stop.response" Scripts;
}
