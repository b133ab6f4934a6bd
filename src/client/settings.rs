//! How to connect, and what this client says of itself.

use std::collections::BTreeMap;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::protocol::admission::{Auth, HELLO_REJECTION};
use crate::protocol::relay::Endpoint;
use crate::protocol::session::{APP_VERSION, Hello, PROTOCOL_VERSION};
use crate::secret::Secret;
use crate::target::Target;
use crate::transport::peer::Unknown;
use crate::transport::{Network, Stopwatch};

/// Capabilities of our hello: what this client understands, and
/// `selective_agent_timeline`, without which every agent's stream would be pushed through the relay. Behind a relay,
/// [`HELLO_REJECTION`] is the only way to learn that a password is wanted: the relay replaces the daemon's close frame.
const CAPABILITIES: [&str; 4] = [
    "reasoning_merge_enum",
    "selective_agent_timeline",
    "provider_subagents",
    HELLO_REJECTION,
];

/// Room for a hello with its secret.
const HELLO_BYTES: usize = 8 * 1024;

/// How to connect.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Identity of the session. Concurrent commands must not share one: they would see each other's
    /// replies.
    pub client_id: String,
    /// Limit for everything up to an open WebSocket.
    pub connect_timeout: Duration,
    /// Limit from there to `server_info`.
    pub handshake_timeout: Duration,
    /// What lies in between.
    pub network: Network,
    /// Notes how long each step takes.
    pub watch: Stopwatch,
    /// The id that the daemon must name on a route where it proves no key: a direct route of a remote that was
    /// paired. Until it has, nothing but the hello is sent there, and nothing it sends is taken.
    pub server_id: Option<Secret<String>>,
    /// Whether requests that change something are refused, here already.
    pub read_only: bool,
    /// Whether hello and the opening request may leave together with the encryption handshake. Only for a
    /// daemon that was last seen at 0.5.0 or newer.
    pub pipelined: bool,
    /// What tells the user that the relay has no such daemon now, and how long it is waited for: until
    /// `connect_timeout` is over. `None`: it is not waited for.
    pub on_absent: Option<fn(&Endpoint, Duration)>,
    /// What lies in the home of the daemon that listens there, if it is one of this machine: shows that we are its user.
    pub local_credential: Option<Secret<String>>,
    /// What tells the user that a password goes to an address of this machine though nobody knows whose it is.
    pub on_unknown_owner: Option<fn(&str, Unknown)>,
}

impl Settings {
    /// Writes the hello, the first frame of a session with this daemon.
    pub(super) fn hello(&self, target: &Target) -> String {
        let hello = Hello {
            client_id: self.client_id.clone(),
            client_type: "cli".to_owned(),
            protocol_version: PROTOCOL_VERSION,
            capabilities: CAPABILITIES
                .map(|name| (name.to_owned(), true))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            app_version: Some(APP_VERSION.to_owned()),
            auth: self.auth(target),
        };
        // With room for all of it: a text that grows leaves its old bytes behind, and they have the password.
        let mut text = Vec::with_capacity(HELLO_BYTES);
        serde_json::to_writer(&mut text, &hello).expect("a hello is a struct with string keys");
        String::from_utf8(text).expect("JSON is UTF-8")
    }

    /// Returns whether the hello to this daemon shows a secret.
    pub(super) fn shows_secret(&self, target: &Target) -> bool {
        self.local_credential.is_some() || target.password().is_some()
    }

    /// Returns what shows the daemon that we may come in: what lies in its home, where we are its user, else its
    /// password. Any password can be shown here, and daemons before 0.10 ignore it.
    pub fn auth(&self, target: &Target) -> Option<Auth> {
        let copy = |secret: &Secret<String>| Zeroizing::new(secret.expose().clone());
        let local = self.local_credential.as_ref();
        let local = local.map(|token| Auth::LocalCredential { token: copy(token) });
        local.or_else(|| {
            let password = copy(target.password()?);
            Some(Auth::Password { password })
        })
    }
}
