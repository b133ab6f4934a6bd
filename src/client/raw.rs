//! A session whose frames are for somebody else to read.

use std::sync::Arc;

use tokio::time::timeout_at;

use super::error::ConnectError;
use super::introduction::{NoSession, is_introduction};
use super::open::{open, open_for_others};
use super::settings::Settings;
use crate::protocol::admission::Rejection;
use crate::target::Target;
use crate::transport::{Frame, Transport};

/// An open session: the daemon has introduced itself.
#[derive(Debug)]
pub struct RawSession {
    /// Its frames.
    pub transport: Transport,
    /// The frame of the introduction.
    pub introduction: String,
}

/// Connects and says hello. What the daemon sends before its introduction is for nobody.
pub async fn connect_raw(target: &Target, settings: &Settings) -> Result<RawSession, ConnectError> {
    let opened = open(target, settings, &[]).await?;
    let (mut transport, peer) = (opened.transport, opened.peer);
    match timeout_at(peer.deadline, introduced(&mut transport, target, settings)).await {
        Ok(Ok(introduction)) => Ok(RawSession {
            transport,
            introduction,
        }),
        Ok(Err(why)) => Err(peer.refused(why)),
        Err(_) => Err(peer.late()),
    }
}

async fn introduced(
    transport: &mut Transport,
    target: &Target,
    settings: &Settings,
) -> Result<String, NoSession> {
    // When sending fails, the close frame that tells why is still to be read.
    let hello = Frame::Text(settings.hello(target));
    let _ = transport.sender.send(hello).await;
    loop {
        let frame = transport.receiver.recv().await;
        let Frame::Text(text) = frame.map_err(|error| NoSession::Ended(Arc::new(error)))? else {
            continue;
        };
        if is_introduction(&text) {
            return Ok(text);
        }
        if let Some(rejection) = Rejection::parse(&text) {
            return Err(NoSession::Rejected(rejection));
        }
    }
}

/// Opens the way to a daemon and nothing on it: whoever uses the frames sends the session hello, too. Through
/// a relay they are encrypted for the daemon's key; elsewhere none but the hello passes before the daemon has named
/// the id that the settings want.
pub async fn connect_channel(
    target: &Target,
    settings: &Settings,
) -> Result<Transport, ConnectError> {
    Ok(open_for_others(target, settings).await?.transport)
}
