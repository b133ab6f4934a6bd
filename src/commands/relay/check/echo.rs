//! What the two sides say to each other through the relay.

use std::time::Duration;

use tokio::time::timeout;

use super::fault::causes;
use super::{Checked, PATIENCE};
use crate::protocol::relay::{Close, RelayToDaemon};
use crate::transport::{Closed, Frame, Transport, TransportError};

/// Limit for the close frame of a side whose peer has lost it already.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Returns the next message on a control socket.
pub(super) async fn told(control: &mut Transport) -> Checked<RelayToDaemon> {
    match next(control).await? {
        Frame::Text(text) => Ok(RelayToDaemon::parse(&text)),
        Frame::Binary(_) => Err("a binary frame on the control socket".to_owned()),
    }
}

async fn next(from: &mut Transport) -> Checked<Frame> {
    match timeout(PATIENCE, from.receiver.recv()).await {
        Ok(received) => received.map_err(|error| causes(&error)),
        Err(_) => Err("nothing came in time".to_owned()),
    }
}

/// Sends a frame from the client to the daemon and back.
pub(super) async fn both_ways(
    client: &mut Transport,
    data: &mut Transport,
    frame: Frame,
) -> Checked<()> {
    one_way(client, data, &frame).await?;
    one_way(data, client, &frame).await
}

async fn one_way(from: &mut Transport, to: &mut Transport, frame: &Frame) -> Checked<()> {
    let sending = async {
        let sent = from.sender.send(frame.clone()).await;
        sent.map_err(|error| causes(&error))
    };
    // At once, because a large frame leaves only while it is read.
    let arrived = match tokio::try_join!(sending, next(to)) {
        Ok(((), arrived)) => arrived,
        // What the receiver is told ("Client disconnected") only follows from what the sender is.
        Err(why) => return Err(closed_for(from).await.unwrap_or(why)),
    };
    match arrived == *frame {
        true => Ok(()),
        false => Err("it arrived changed".to_owned()),
    }
}

/// Returns why the relay closed this side, if it did.
async fn closed_for(side: &mut Transport) -> Option<String> {
    match timeout(LAST_WORDS, side.receiver.recv()).await {
        Ok(Err(error @ TransportError::Closed(Closed { code: Some(_), .. }))) => {
            Some(causes(&error))
        }
        _ => None,
    }
}

/// Closes the client; the daemon's side must be told with the right code.
pub(super) async fn close(mut client: Transport, data: &mut Transport) -> Checked<()> {
    let bye = Closed::new(1000, "");
    client.sender.close(bye).await;
    drop(client);
    let wanted = Close::ClientGone;
    match timeout(PATIENCE, data.receiver.recv()).await {
        Ok(Err(TransportError::Closed(closed))) if closed.code == Some(wanted.code()) => Ok(()),
        Ok(Err(error)) => Err(causes(&error)),
        Ok(Ok(_)) => Err("a frame came instead of the close".to_owned()),
        Err(_) => Err("the data socket is not closed in time".to_owned()),
    }
}
