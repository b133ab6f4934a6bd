//! What comes to a relay, and from one: the query of the upgrade, and messages on the control socket.

use crate::protocol::relay::{ConnectQuery, DaemonToRelay, RelayToDaemon};

/// What is read is written as the same.
pub(crate) fn relay(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(query) = ConnectQuery::parse(text) {
        assert_eq!(ConnectQuery::parse(&query.encode()), Ok(query));
    }
    let message = RelayToDaemon::parse(text);
    if message != RelayToDaemon::Unknown {
        assert_eq!(RelayToDaemon::parse(&message.to_json()), message);
    }
    let message = DaemonToRelay::parse(text);
    if message != DaemonToRelay::Unknown {
        assert_eq!(DaemonToRelay::parse(&message.to_json()), message);
    }
}
