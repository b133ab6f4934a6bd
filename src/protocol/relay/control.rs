//! What goes over a control socket: text frames of JSON.

use serde::{Deserialize, Serialize};

use super::ConnectionId;

/// What a relay tells a daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "lowercase",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum RelayToDaemon {
    /// All connection ids that have a client: the first message, and repeated when the daemon seems
    /// to have missed one.
    Sync {
        /// The ids, in no order.
        connection_ids: Vec<ConnectionId>,
    },
    /// A client attached; there may have been others with this id.
    Connected {
        /// Its id.
        connection_id: ConnectionId,
    },
    /// The last client with this id left.
    Disconnected {
        /// Its id.
        connection_id: ConnectionId,
    },
    /// Asks for a [`DaemonToRelay::Pong`].
    Ping,
    /// Answers [`DaemonToRelay::Ping`].
    Pong {
        /// The relay's clock, in milliseconds since 1970.
        ts: i64,
    },
    /// A message of a later relay.
    #[serde(other)]
    Unknown,
}

/// What a daemon tells a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum DaemonToRelay {
    /// The keep-alive of 0.1.65; later daemons use WebSocket pings.
    Ping,
    /// Answers [`RelayToDaemon::Ping`].
    Pong,
    /// A message of a later daemon.
    #[serde(other)]
    Unknown,
}

impl RelayToDaemon {
    /// Reads a message; what is none is [`RelayToDaemon::Unknown`], which a daemon ignores.
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or(Self::Unknown)
    }

    /// Writes the message.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers always serialise")
    }
}

impl DaemonToRelay {
    /// Reads a message; what is none is [`DaemonToRelay::Unknown`], which a relay ignores.
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or(Self::Unknown)
    }

    /// Writes the message.
    pub fn to_json(self) -> String {
        serde_json::to_string(&self).expect("strings always serialise")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_look_as_the_official_relay_writes_them() {
        let x = ConnectionId::new("x").unwrap();
        for (message, json) in [
            (
                RelayToDaemon::Sync {
                    connection_ids: vec![x.clone()],
                },
                r#"{"type":"sync","connectionIds":["x"]}"#,
            ),
            (
                RelayToDaemon::Connected {
                    connection_id: x.clone(),
                },
                r#"{"type":"connected","connectionId":"x"}"#,
            ),
            (
                RelayToDaemon::Disconnected { connection_id: x },
                r#"{"type":"disconnected","connectionId":"x"}"#,
            ),
            (
                RelayToDaemon::Pong { ts: 1795355346870 },
                r#"{"type":"pong","ts":1795355346870}"#,
            ),
        ] {
            assert_eq!(message.to_json(), json);
            assert_eq!(RelayToDaemon::parse(json), message);
        }
    }

    #[test]
    fn keep_alive_of_0_1_65() {
        let ping = r#"{"type":"ping","ts":1795355346870}"#;
        assert_eq!(DaemonToRelay::parse(ping), DaemonToRelay::Ping);
        assert_eq!(
            DaemonToRelay::parse(r#"{"type":"ping"}"#),
            DaemonToRelay::Ping
        );
    }

    proptest::proptest! {
        #[test]
        fn garbage_is_unknown(text in "\\PC*") {
            proptest::prop_assert_eq!(DaemonToRelay::parse(&text), DaemonToRelay::Unknown);
            proptest::prop_assert_eq!(RelayToDaemon::parse(&text), RelayToDaemon::Unknown);
        }
    }
}
