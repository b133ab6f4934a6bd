//! The connections that a holder keeps ready, seen from a command: where its socket is, how it is used, and how
//! the holder is started.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use super::Context;
use super::holder::{self, is_private};
use crate::client::{self, ConnectError, DaemonClient};
use crate::env;
use crate::output;
use crate::remote::{Options, Remote};
use crate::subprocess;
use crate::target::Target;
use crate::transport::{DialError, check_socket_path};

/// How long a holder may take to answer at all. One that is dead or stuck is gone around then.
const ANSWER_LIMIT: Duration = Duration::from_millis(100);

/// … and to hand a session over, which it may have to open first.
const SESSION_LIMIT: Duration = Duration::from_secs(5);

/// Ending of the sockets' names.
pub(super) const SOCKET: &str = "sock";

/// A remote whose connections are kept ready.
#[derive(Debug, Clone)]
pub(super) struct Warm {
    /// Its name.
    pub(super) name: String,
    /// Where the holder listens. The name tells of which version it is, and with which profile it connects.
    pub(super) socket: PathBuf,
    /// How long it stays after the last command.
    pub(super) time: Duration,
}

impl Context {
    /// Returns whether and where connections of a remote are ready. Not by themselves where no person works.
    pub(super) fn warm(&self, remote: &Remote, options: &Options) -> Option<Warm> {
        let unattended = self.is_batch() || self.env.is_on(env::CI);
        let of_profile = options.persist.filter(|_| !unattended);
        let time = self.global.persist.or(of_profile)?;
        // A road that is asked for is not the holder's choice.
        let forced = self.global.via.is_some() || self.global.ipv4 || self.global.ipv6;
        if time.is_zero() || forced || self.env.is_on(env::PASEO_NO_MUX) {
            return None;
        }
        let socket = self.socket_of(remote, options)?;
        if let Err(error) = check_socket_path(&socket) {
            if self.global.persist.is_some() {
                let why = format!(
                    "cannot keep connections ready: {error}; set XDG_RUNTIME_DIR to a shorter one"
                );
                output::note(&why);
            } else {
                // The profile asks for it with every command: only whoever looks for the reason is told.
                tracing::info!(%error, "connections of this remote cannot be kept ready");
            }
            return None;
        }
        Some(Warm {
            name: remote.name.as_str().to_owned(),
            socket,
            time,
        })
    }

    /// Returns where the holder of a remote listens. Whatever is changed about the remote, its key and the place of
    /// its secret included, gives another name.
    pub(super) fn socket_of(&self, remote: &Remote, options: &Options) -> Option<PathBuf> {
        let profile = format!("{} {remote:?} {options:?}", env!("CARGO_PKG_VERSION"));
        Some(holder::socket_in(
            &self.env.runtime_dir()?,
            &profile,
            SOCKET,
        ))
    }
}

impl Warm {
    /// Takes over a session that is ready; `None` when there is none, or not in time.
    pub(super) async fn connect(&self, settings: &client::Settings) -> Option<DaemonClient> {
        if !is_private(self.socket.parent()?) {
            return None;
        }
        let target = Target::Unix {
            path: self.socket.clone(),
            password: None,
        };
        let settings = client::Settings {
            connect_timeout: ANSWER_LIMIT,
            handshake_timeout: SESSION_LIMIT,
            ..settings.clone()
        };
        match client::connect(&target, &settings).await {
            Ok(daemon) => Some(daemon),
            Err(error) => {
                tracing::info!(%error, "no warm connection");
                // The next command shall not wait for it again, and start another one.
                if matches!(error, ConnectError::Dial(DialError::Timeout { .. })) {
                    let _ = std::fs::remove_file(&self.socket);
                }
                None
            }
        }
    }

    /// Starts a holder, which ends at once when there is one. That it could not be started only costs time.
    pub(super) fn start(&self) {
        let Ok(mut command) = subprocess::ours() else {
            return;
        };
        let time = humantime::format_duration(self.time).to_string();
        command
            .args(["--batch", "--remote", &self.name, "mux", "hold"])
            .arg(format!("--persist={}", time.replace(' ', "")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Err(error) = command.spawn() {
            tracing::info!(%error, "no holder");
        }
    }
}
