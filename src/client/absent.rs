//! A daemon that is not there yet: given up, or waited for.

use tokio::time::{Instant, timeout_at};

use super::error::ConnectError;
use super::settings::Settings;
use crate::protocol::relay::Endpoint;
use crate::transport::{Dialed, Transport, TransportError};

/// Returns at once when the daemon is there or the relay does not say. An absent one is waited for when
/// the settings say so: the relay tells the moment it comes.
pub(super) async fn arrival(
    dialed: Dialed,
    relay: &Endpoint,
    settings: &Settings,
    deadline: Instant,
) -> Result<Transport, ConnectError> {
    let Dialed {
        mut transport,
        presence,
        ..
    } = dialed;
    let Some(mut presence) = presence.filter(|presence| !presence.is_online()) else {
        return Ok(transport);
    };
    let absent = || ConnectError::DaemonAbsent {
        relay: relay.clone(),
    };
    let Some(tell) = settings.on_absent else {
        return Err(absent());
    };
    tell(relay, deadline.saturating_duration_since(Instant::now()));
    let arrived = async {
        tokio::select! {
            () = presence.online() => Ok(()),
            error = lost(&mut transport) => Err(error),
        }
    };
    match timeout_at(deadline, arrived).await {
        Ok(Ok(())) => Ok(transport),
        Ok(Err(error)) => Err(ConnectError::Ended(error.into())),
        Err(_) => Err(absent()),
    }
}

/// Reads until the connection ends. Nobody has said anything yet, so whatever comes is no answer.
async fn lost(transport: &mut Transport) -> TransportError {
    loop {
        if let Err(error) = transport.receiver.recv().await {
            return error;
        }
    }
}
