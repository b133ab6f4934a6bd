//! The daemon itself: status, pairing, configuration, end (`docs/protocol.md`, "Daemon management").

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `daemon.get_status.request`. Not in 0.1.65.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetStatus {}

/// Reply to [`GetStatus`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DaemonStatus {
    /// The id that the relay routes by. Grants access together with the public key: do not print.
    pub server_id: String,
    /// Semantic version.
    #[serde(default)]
    pub version: Option<String>,
    /// Process id.
    pub pid: u32,
    /// The program that runs it.
    pub node_path: String,
    /// ISO 8601, UTC.
    #[serde(default)]
    pub started_at: Option<String>,
    /// Where it listens: `host:port` or a path.
    pub listen: Option<String>,
    /// Its relay.
    #[serde(default)]
    pub relay: Option<RelayStatus>,
    /// What it can run.
    pub providers: Vec<ProviderStatus>,
    /// What somebody should look after, such as a full disk. Only our own daemon tells it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// The relay of a daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RelayStatus {
    /// Whether it is used.
    pub enabled: bool,
    /// Where the daemon dials.
    pub endpoint: String,
    /// Where clients dial.
    pub public_endpoint: String,
    /// Whether the daemon speaks TLS to it.
    pub use_tls: bool,
    /// Whether clients speak TLS to it.
    pub public_use_tls: bool,
}

/// Whether a provider can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderStatus {
    /// Its id.
    pub provider: String,
    /// Whether it can be used.
    pub available: bool,
    /// Why not.
    #[serde(default)]
    pub error: Option<String>,
}

/// `daemon.get_pairing_offer.request`. Not in 0.1.65.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetPairingOffer {}

/// Reply to [`GetPairingOffer`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairingOffer {
    /// The link. A secret: whoever has it controls the daemon. Empty when the relay is off.
    pub url: String,
    /// The link as a picture of characters.
    #[serde(default)]
    pub qr: Option<String>,
    /// Whether the relay is used.
    pub relay_enabled: bool,
}

impl std::fmt::Debug for PairingOffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PairingOffer")
            .field("relay_enabled", &self.relay_enabled)
            .finish_non_exhaustive()
    }
}

/// `daemon.config.reload.request`. Not in 0.1.65.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadConfig {}

/// Reply to [`ReloadConfig`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReloadedConfig {
    /// Keys that changed and are in force.
    pub applied_paths: Vec<String>,
    /// Keys that changed and wait for a restart.
    pub restart_required_paths: Vec<String>,
    /// Keys that the environment overrides.
    pub override_controlled_paths: Vec<String>,
}

/// `get_daemon_config_request`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetConfig {}

/// `set_daemon_config_request`: unknown keys are ignored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SetConfig {
    /// The keys to change.
    pub config: Value,
}

/// Reply to [`GetConfig`] and [`SetConfig`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaemonConfig {
    /// The whole configuration.
    pub config: Value,
}

/// `restart_server_request`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// For the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `shutdown_server_request`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shutdown {}

/// Reply to [`Restart`] and [`Shutdown`]: a `status` message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "status",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum Stopping {
    /// It will be back.
    RestartRequested {
        /// Who asked.
        client_id: String,
        /// As asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// It will not.
    ShutdownRequested {
        /// Who asked.
        client_id: String,
    },
}

requests! {
    reads GetStatus: "daemon.get_status.request" => "daemon.get_status.response" DaemonStatus;
    // What it returns grants everything, so whoever may only read must not have it.
    changes GetPairingOffer: "daemon.get_pairing_offer.request" => "daemon.get_pairing_offer.response" PairingOffer;
    changes ReloadConfig: "daemon.config.reload.request" => "daemon.config.reload.response" ReloadedConfig;
    reads GetConfig: "get_daemon_config_request" => "get_daemon_config_response" DaemonConfig;
    changes SetConfig: "set_daemon_config_request" => "set_daemon_config_response" DaemonConfig;
    changes Restart: "restart_server_request" => "status" Stopping;
    changes Shutdown: "shutdown_server_request" => "status" Stopping;
}
