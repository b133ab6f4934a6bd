//! The two handshake frames of the encrypted channel (`docs/protocol.md`, "Handshake").

use serde::{Deserialize, Serialize};

/// Bytes that sealing adds to a plaintext: the 24-byte nonce in front and the 16-byte tag.
pub const OVERHEAD_BYTES: usize = 24 + 16;

/// `e2ee_hello`: the client offers its fresh public key. Always a text frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "e2ee_hello")]
pub struct Hello {
    /// Standard padded base64 of 32 bytes.
    pub key: String,
    /// What the client can do; absent means nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
}

/// `e2ee_ready`: the daemon has the client's key. Not authenticated: only a frame that decrypts
/// afterwards proves that the daemon holds the right key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "e2ee_ready")]
pub struct Ready {
    /// Echoes what both sides can do. Daemons of 0.1.65 send the bare frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
}

/// Capabilities of the channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// Binary payloads travel as raw bundles in binary frames instead of base64 text.
    #[serde(default)]
    pub binary_ciphertext: bool,
}
