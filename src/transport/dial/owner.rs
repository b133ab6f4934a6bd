//! Whose the other end is, where it is on this machine: a port is not the daemon. Any user may listen on it while the
//! daemon does not, so a password is sent only to a process of the same user, or of root.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::{Attempt, DialError, Step};
use crate::transport::peer::{self, Owner, Unknown};

/// How long a connection that is open may be missing in the system's tables.
const LISTED_WITHIN: Duration = Duration::from_millis(250);

impl Attempt<'_> {
    /// Refuses a TCP connection of this machine whose other end is another user's, when a secret is to be sent on it.
    pub(super) async fn vouch_for_tcp(&self, stream: &TcpStream) -> Result<(), DialError> {
        let here = stream
            .peer_addr()
            .is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
        if !here || !self.sends_secret() {
            return Ok(());
        }
        let mut owner = peer::owner(stream, LISTED_WITHIN).await;
        if owner == Owner::Unknown(Unknown::Unattached) {
            // What is sent now is read by whoever accepts the connection later.
            let left = self.deadline.saturating_duration_since(Instant::now());
            owner = peer::owner(stream, left).await;
        }
        self.judge(owner)
    }

    /// The same for a Unix socket.
    #[cfg(unix)]
    pub(super) fn vouch_for_unix(&self, stream: &tokio::net::UnixStream) -> Result<(), DialError> {
        match self.sends_secret() {
            true => self.judge(peer::owner_of_unix(stream)),
            false => Ok(()),
        }
    }

    fn sends_secret(&self) -> bool {
        self.dial.greeting.has_password() || self.dial.session_shows_secret
    }

    fn judge(&self, owner: Owner) -> Result<(), DialError> {
        let end = self.address.clone();
        let address = end.address.clone();
        match owner {
            owner if owner.is_us_or_root() => Ok(()),
            Owner::User(uid) => Err(DialError::OtherUser { address, uid }),
            Owner::Unknown(Unknown::Unattached) => Err(DialError::Timeout {
                address: end,
                step: Step::Upgrade,
                limit: self.dial.timeout,
            }),
            Owner::Unknown(Unknown::NotOpen) => Err(DialError::Dropped { address: end }),
            // Whoever can bring that about must not be sent the password for it.
            Owner::Unknown(why @ Unknown::Unreadable) => {
                Err(DialError::OwnerUnreadable { address, why })
            }
            Owner::Unknown(why) => {
                let tell = self.dial.on_unknown_owner;
                if let Some(tell) = tell.filter(|_| self.dial.greeting.has_password()) {
                    tell(&address, why);
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::secret::Secret;
    use crate::transport::{Address, Dial, Greeting, Network, Stopwatch};

    static TOLD: AtomicUsize = AtomicUsize::new(0);

    #[test]
    fn what_nobody_can_know_is_told_and_another_user_is_refused() {
        let dial = Dial {
            address: Address::Tcp {
                endpoint: "127.0.0.1:1".parse().unwrap(),
                tls: false,
            },
            path: Secret::from("/ws"),
            greeting: Greeting::Daemon {
                password: Some(Secret::from("x")),
            },
            timeout: Duration::from_secs(1),
            network: Network::default(),
            watch: Stopwatch::default(),
            session_shows_secret: false,
            on_unknown_owner: Some(|address, _| {
                assert_eq!(address, "127.0.0.1:1");
                TOLD.fetch_add(1, Ordering::Relaxed);
            }),
        };
        let attempt = Attempt {
            budget: None,
            dial: &dial,
            address: crate::transport::OtherEnd {
                address: dial.address.to_string(),
                relay: false,
            },
            deadline: Instant::now(),
        };
        for unknown in [Unknown::NotTold, Unknown::NotListed, Unknown::Unmapped] {
            attempt.judge(Owner::Unknown(unknown)).unwrap();
        }
        assert_eq!(TOLD.load(Ordering::Relaxed), 3);
        attempt.judge(Owner::User(0)).unwrap();
        assert_eq!(TOLD.load(Ordering::Relaxed), 3);
        for owner in [
            Owner::User(u32::MAX - 1),
            Owner::Unknown(Unknown::Unreadable),
            Owner::Unknown(Unknown::Unattached),
            Owner::Unknown(Unknown::NotOpen),
        ] {
            attempt.judge(owner).unwrap_err();
        }
    }
}
