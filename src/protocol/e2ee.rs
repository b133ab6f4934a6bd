//! The handshake frames of the encrypted channel and its limits (`docs/protocol.md`, "Handshake").

use serde::{Deserialize, Serialize};

use super::relay::MAX_MESSAGE_BYTES;

/// Bytes that sealing adds to a plaintext: the 24-byte nonce in front and the 16-byte tag.
pub const OVERHEAD_BYTES: usize = 24 + 16;

/// Largest plaintext that fits into a text frame: base64 makes three bytes four.
pub const MAX_TEXT_BYTES: usize = MAX_MESSAGE_BYTES / 4 * 3 - OVERHEAD_BYTES;

/// Largest plaintext that fits into a binary frame.
pub const MAX_BINARY_BYTES: usize = MAX_MESSAGE_BYTES - OVERHEAD_BYTES;

/// Largest handshake frame that is looked at, in bytes. Real ones have about 120.
pub const MAX_HANDSHAKE_BYTES: usize = 4096;

/// Close code of a daemon that cannot use a frame; its text says why.
pub const CLOSE_FAILED: u16 = 1011;
/// Close code of a daemon when an open channel is offered another key.
pub const CLOSE_KEY_MISMATCH: u16 = 1008;
/// Text that goes with [`CLOSE_FAILED`] when the first frame is no usable hello.
pub const HANDSHAKE_FAILED: &str = "E2EE handshake failed";
/// Text that goes with [`CLOSE_KEY_MISMATCH`].
pub const KEY_MISMATCH: &str = "E2EE re-handshake key mismatch";

/// A plaintext frame of the channel, always a text frame. Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Handshake {
    /// From the client.
    #[serde(rename = "e2ee_hello")]
    Hello(Hello),
    /// From the daemon.
    #[serde(rename = "e2ee_ready")]
    Ready(Ready),
}

/// The client offers its fresh public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Standard padded base64 of 32 bytes.
    pub key: String,
    /// What the client can do; absent means nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
}

/// The daemon has the client's key. Not authenticated: only a frame that decrypts afterwards proves
/// that the daemon holds the right key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// What both sides can do. Daemons of 0.1.65 send the bare frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// Ours, of 32 characters: what makes the connection differ from every other, and the proof that the daemon has
    /// the channel's key. Other clients look at `type` and `capabilities` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<String>,
}

/// Capabilities of the channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// Binary payloads travel as raw bundles in binary frames instead of base64 text.
    #[serde(default)]
    pub binary_ciphertext: bool,
}

impl Capabilities {
    /// Binary ciphertext, as both sides of 0.5.0 say it.
    pub const BINARY: Self = Self {
        binary_ciphertext: true,
    };
}

impl Handshake {
    /// Parses a text frame; `None` when it is no handshake frame, a malformed one or too large.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_HANDSHAKE_BYTES {
            return None;
        }
        serde_json::from_str(text).ok()
    }

    /// Returns the compact JSON, in the official key order.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and booleans always serialise")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_look_like_the_official_ones() {
        let hello = Handshake::Hello(Hello {
            key: "K=".into(),
            capabilities: Some(Capabilities::BINARY),
        });
        assert_eq!(
            hello.to_json(),
            r#"{"type":"e2ee_hello","key":"K=","capabilities":{"binaryCiphertext":true}}"#
        );
        assert_eq!(
            Handshake::Ready(Ready::default()).to_json(),
            r#"{"type":"e2ee_ready"}"#
        );
    }

    #[test]
    fn parse_is_strict_about_what_it_knows_only() {
        let extra = r#"{"v":9,"type":"e2ee_ready","capabilities":{"x":1,"binaryCiphertext":true}}"#;
        let ready = Ready {
            capabilities: Some(Capabilities::BINARY),
            freshness: None,
        };
        assert_eq!(Handshake::parse(extra), Some(Handshake::Ready(ready)));
        for bad in [
            "",
            "{}",
            r#"{"type":"e2ee_hello"}"#,
            r#"{"type":"ping"}"#,
            r#"{"type":"e2ee_hello","key":"K","capabilities":{"binaryCiphertext":"yes"}}"#,
            &format!(
                r#"{{"type":"e2ee_ready","x":"{}"}}"#,
                "x".repeat(MAX_HANDSHAKE_BYTES)
            ),
        ] {
            assert_eq!(Handshake::parse(bad), None, "{bad}");
        }
    }
}
