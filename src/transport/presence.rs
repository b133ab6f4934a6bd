//! What a relay tells about its daemon: on the upgrade, and later in pings.

use tokio::sync::watch;

use crate::protocol::relay::{PRESENCE_OFFLINE, PRESENCE_ONLINE};

/// A relay's word on whether the daemon is there. It changes only while the transport is read.
#[derive(Debug, Clone)]
pub struct Presence(watch::Receiver<bool>);

/// Takes the relay's words.
#[derive(Debug)]
pub(super) struct Teller(watch::Sender<bool>);

impl Presence {
    /// Begins with what the upgrade said.
    pub(super) fn new(online: bool) -> (Teller, Self) {
        let (teller, told) = watch::channel(online);
        (Teller(teller), Self(told))
    }

    /// Returns the latest word.
    pub fn is_online(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the daemon is there; for ever when the transport has ended.
    pub async fn online(&mut self) {
        if self.0.wait_for(|online| *online).await.is_err() {
            std::future::pending().await
        }
    }
}

impl Teller {
    /// Takes the payload of a ping.
    pub(super) fn heard(&self, payload: &[u8]) {
        let online = match payload {
            word if word == PRESENCE_ONLINE.as_bytes() => true,
            word if word == PRESENCE_OFFLINE.as_bytes() => false,
            _ => return,
        };
        self.0.send_replace(online);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_its_two_words_count() {
        let (teller, mut presence) = Presence::new(false);
        for payload in [&b""[..], b"onlin", b"ONLINE", b"\xff"] {
            teller.heard(payload);
        }
        assert!(!presence.is_online());
        teller.heard(b"online");
        presence.online().await;
        teller.heard(b"offline");
        assert!(!presence.is_online());
    }
}
