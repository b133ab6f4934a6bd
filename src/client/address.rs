//! Where a target is, and what its upgrade says.

use super::settings::Settings;
use crate::secret::Secret;
use crate::target::Target;
use crate::transport::{Address, Dial, Greeting};

/// Returns how to open the socket of a target, for a session that may show a secret of its own or not.
pub(super) fn dial_for(target: &Target, settings: &Settings, session_shows_secret: bool) -> Dial {
    let (address, path, greeting) = match target {
        Target::Relay {
            relay,
            tls,
            server_id,
            token,
            // For the daemon, inside the channel: the relay sees nothing of it.
            password: _,
            ..
        } => (
            Address::Tcp {
                endpoint: relay.clone(),
                tls: *tls,
            },
            relay_path(server_id),
            Greeting::Relay {
                token: token.clone(),
                ask_presence: true,
            },
        ),
        Target::Tcp {
            endpoint,
            tls,
            password,
        } => (
            Address::Tcp {
                endpoint: endpoint.clone(),
                tls: *tls,
            },
            Secret::from("/ws"),
            Greeting::Daemon {
                password: password.clone(),
            },
        ),
        Target::Unix { path, password } => (
            Address::Unix(path.clone()),
            Secret::from("/ws"),
            Greeting::Daemon {
                password: password.clone(),
            },
        ),
        Target::Ssh { host, password } => (
            Address::Ssh(host.clone()),
            Secret::from("/ws"),
            Greeting::Daemon {
                password: password.clone(),
            },
        ),
    };
    Dial {
        address,
        path,
        greeting,
        timeout: settings.connect_timeout,
        network: settings.network.clone(),
        watch: settings.watch.clone(),
        session_shows_secret,
        on_unknown_owner: settings.on_unknown_owner,
    }
}

fn relay_path(server_id: &Secret<String>) -> Secret<String> {
    let mut path = String::from("/ws?serverId=");
    for byte in server_id.expose().bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                path.push(byte.into())
            }
            other => path.push_str(&format!("%{other:02X}")),
        }
    }
    path.push_str("&role=client&v=2");
    Secret::new(path)
}
