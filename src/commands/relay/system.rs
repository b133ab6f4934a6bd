//! What a server has with the system it runs on: signals, and systemd.

use std::net::TcpListener;

use crate::error::CommandError;
use crate::relay::Reload;

/// Descriptors that are no sockets of peers: standard streams, listener, files, what the runtime has.
#[cfg(unix)]
const OTHER_DESCRIPTORS: usize = 64;

/// Returns the socket that the service manager opened for us (`sd_listen_fds(3)`), if it did.
pub(super) fn listener() -> Result<Option<TcpListener>, CommandError> {
    #[cfg(unix)]
    {
        let mut passed = listenfd::ListenFd::from_env();
        passed.take_tcp_listener(0).map_err(|error| {
            CommandError::usage(
                "LISTEN_FAILED",
                "the socket from systemd is no TCP listener",
            )
            .because(error)
        })
    }
    #[cfg(not(unix))]
    Ok(None)
}

/// Takes as many file descriptors as the system lets this process have, and says when so many sockets may
/// want more: as a warning if somebody `asked` for that number of sockets.
#[cfg_attr(not(unix), expect(unused_variables, reason = "there is no such limit"))]
pub(super) fn take_descriptors(sockets: usize, asked: bool) {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let all = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        let have = match setrlimit(Resource::Nofile, all) {
            Ok(()) => limit.maximum,
            Err(_) => limit.current,
        };
        let wanted = sockets.saturating_add(OTHER_DESCRIPTORS) as u64;
        match have {
            Some(descriptors) if descriptors < wanted && asked => tracing::warn!(
                descriptors,
                sockets,
                "the system allows fewer file descriptors than sockets: raise its limit \
                 (LimitNOFILE=, ulimit -n) or lower --sockets"
            ),
            Some(descriptors) if descriptors < wanted => tracing::info!(
                descriptors,
                "file descriptors limit the sockets; more: LimitNOFILE=, ulimit -n"
            ),
            _ => {}
        }
    }
}

/// Reads the files of the relay again at every SIGHUP. Must be called inside a tokio runtime.
#[cfg_attr(
    not(unix),
    expect(unused_variables, reason = "there is no such signal")
)]
pub(super) fn reload_on_signal(mut reload: Reload) -> Result<(), CommandError> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::SignalKind;

        use crate::commands::signals::catch;
        let mut hangup = catch(SignalKind::hangup()).map_err(uncaught)?;
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                reload.now();
            }
        });
    }
    Ok(())
}

/// Tells the service manager that sockets are taken (`sd_notify(3)`).
pub(super) fn notify_ready() {
    #[cfg(unix)]
    notify(sd_notify::NotifyState::Ready);
}

/// Tells the service manager that the relay drains.
pub(super) fn notify_stopping() {
    #[cfg(unix)]
    notify(sd_notify::NotifyState::Stopping);
}

#[cfg(unix)]
fn notify(state: sd_notify::NotifyState<'_>) {
    // Without a service manager this does nothing; with one that is gone there is nothing to do.
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}

#[cfg(unix)]
fn uncaught(error: std::io::Error) -> CommandError {
    CommandError::internal("signals cannot be caught").because(error)
}
