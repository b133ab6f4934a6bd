//! What a relay can be told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::guard::{Claim, Lists};
use super::tls::TlsFiles;
use crate::protocol::relay::{HELD_FRAMES, MAX_MESSAGE_BYTES};

/// Settings of a relay.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Bounds of everything that peers can make grow.
    pub limits: Limits,
    /// Speak TLS, with these files.
    pub tls: Option<TlsFiles>,
    /// Whether the last address of `X-Forwarded-For` is the peer's: a reverse proxy stands in front.
    pub trust_proxy: bool,
    /// What happens when two daemons want one server id.
    pub claim: Claim,
    /// Who may use the relay.
    pub lists: Lists,
    /// The other nodes of this relay.
    pub cluster: Option<ClusterConfig>,
}

/// How the nodes of a relay find each other.
#[derive(Clone)]
pub struct ClusterConfig {
    /// NATS servers, as `nats://host:port` or `tls://host:port` with commas between them. May hold a
    /// password.
    pub servers: String,
    /// PEM file of authorities that are trusted beside the platform's.
    pub ca_file: Option<PathBuf>,
}

impl std::fmt::Debug for ClusterConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[cluster]")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8787)),
            limits: Limits::default(),
            tls: None,
            trust_proxy: false,
            claim: Claim::default(),
            lists: Lists::default(),
            cluster: None,
        }
    }
}

/// Bounds of everything that peers can make grow.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest message, in bytes; a larger one closes its sender with 1009.
    pub message_bytes: usize,
    /// Bytes that wait for one socket before its peer has to wait.
    pub queue_bytes: usize,
    /// Bytes that wait for all sockets of a daemon and its clients; above it the socket that holds most of them is
    /// closed with 1013.
    pub session_bytes: usize,
    /// Bytes that wait for all sockets of one address (IPv6: of a /64); above it the socket that holds most of
    /// them is closed with 1013. 0 is no limit, and loopback has none.
    pub address_bytes: usize,
    /// Bytes that wait in all; above it the biggest holders are closed with 1013.
    pub total_bytes: usize,
    /// Frames kept per connection id for an absent daemon: the newest ones.
    pub held_frames: usize,
    /// Bytes kept per connection id for an absent daemon; a client that sends more is closed with 1013.
    pub held_bytes: usize,
    /// The part of [`Limits::total_bytes`] that may be kept for absent daemons; above it those who have most
    /// kept are closed with 1013.
    pub held_total_bytes: usize,
    /// Sockets in all, before and after their upgrade.
    pub sockets: usize,
    /// Sockets of a daemon and its clients.
    pub sockets_per_session: usize,
    /// Sockets of one address (IPv6: of a /64), but never more than a quarter of all; 0 is no limit, and loopback has none.
    pub sockets_per_address: usize,
    /// New sockets per second of one address, and as many at once; 0 is no limit.
    pub rate_per_address: u32,
    /// Time for the request head and the upgrade.
    pub handshake: Duration,
    /// A peer that is silent for this long gets a ping, and after the same time again is closed with 1008.
    pub ping: Duration,
    /// A peer that reads nothing for this long while its queue is full is closed with 1008.
    pub stall: Duration,
    /// Time for a close handshake.
    pub close: Duration,
    /// Time for closing all sockets when the relay stops.
    pub drain: Duration,
}

impl Limits {
    /// Returns how many sockets one address may have; 0 is no limit.
    pub(super) fn sockets_of_one(&self) -> usize {
        self.sockets_per_address.min((self.sockets / 4).max(1))
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: MAX_MESSAGE_BYTES,
            queue_bytes: 1024 * 1024,
            session_bytes: 128 * 1024 * 1024,
            address_bytes: 256 * 1024 * 1024,
            total_bytes: 1024 * 1024 * 1024,
            held_frames: HELD_FRAMES,
            held_bytes: MAX_MESSAGE_BYTES + 1024 * 1024,
            held_total_bytes: 64 * 1024 * 1024,
            sockets: 100_000,
            sockets_per_session: 2_000,
            sockets_per_address: 4_000,
            rate_per_address: 500,
            handshake: Duration::from_secs(10),
            ping: Duration::from_secs(45),
            stall: Duration::from_secs(30),
            close: Duration::from_secs(2),
            drain: Duration::from_secs(20),
        }
    }
}
