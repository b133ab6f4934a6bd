//! Frames from one connection to another, both ways, until either ends.

use super::TRY_AGAIN;
use crate::transport::{Closed, FrameReceiver, FrameSender, Transport, TransportError};

/// Close codes of an ordinary end, for a client whose connection to the daemon broke, and whose frame is too large for
/// the way there (RFC 6455 section 7.4.1 and its registry).
const ORDINARY: u16 = 1000;
const LOST: u16 = 1012;
const TOO_LARGE: u16 = 1009;

/// Carries frames until one side ends, and tells the other one. Fails when the connection to the daemon ended, and not
/// by an ordinary close.
pub(super) async fn splice(client: Transport, daemon: Transport) -> Result<(), TransportError> {
    let (mut to_daemon, mut from_daemon) = (daemon.sender, daemon.receiver);
    let (mut to_client, mut from_client) = (client.sender, client.receiver);
    let end = tokio::select! {
        end = pump(from_client.as_mut(), to_daemon.as_mut()) => end,
        end = pump(from_daemon.as_mut(), to_client.as_mut()) => match end {
            End::Source(error) => End::Sink(error),
            End::Sink(error) => End::Source(error),
        },
    };
    // From here on the source is the client, whichever way the frame went.
    match end {
        End::Source(error) => {
            tracing::info!(%error, "a client has left");
            let closed = match error {
                TransportError::Closed(closed) if closed.code.is_some() => closed,
                _ => Closed::new(ORDINARY, ""),
            };
            to_daemon.close(closed).await;
            Ok(())
        }
        End::Sink(error) => {
            tracing::warn!(%error, "the connection of a client ended");
            let closed = match &error {
                TransportError::Closed(closed) if closed.code.is_some() => closed.clone(),
                TransportError::TooLarge { .. } => Closed::new(TOO_LARGE, "frame too large"),
                TransportError::OtherPeer => Closed::new(TRY_AGAIN, &error.to_string()),
                _ => Closed::new(LOST, "connection to the daemon lost"),
            };
            let ordinary = closed.code == Some(ORDINARY);
            to_client.close(closed).await;
            to_daemon.close(Closed::new(ORDINARY, "")).await;
            if ordinary { Ok(()) } else { Err(error) }
        }
    }
}

/// Which side of a pump ended it.
enum End {
    Source(TransportError),
    Sink(TransportError),
}

/// Moves frames, one at a time: a slow sink holds its source up.
async fn pump(source: &mut dyn FrameReceiver, sink: &mut dyn FrameSender) -> End {
    loop {
        match source.recv().await {
            Ok(frame) => {
                if let Err(error) = sink.send(frame).await {
                    return End::Sink(error);
                }
            }
            Err(error) => return End::Source(error),
        }
    }
}
