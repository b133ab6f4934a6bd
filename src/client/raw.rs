//! A session whose frames are for somebody else to read.

use tokio::time::{Instant, timeout_at};

use super::connect::{ConnectError, Settings, connect_channel, hello};
use crate::protocol::session::{Correlation, Envelope, Message};
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
    let mut transport = connect_channel(target, settings).await?;
    let deadline = Instant::now() + settings.handshake_timeout;
    let introduced = async {
        transport.sender.send(Frame::Text(hello(settings))).await?;
        loop {
            match transport.receiver.recv().await? {
                Frame::Text(text) if is_introduction(&text) => return Ok(text),
                _ => {}
            }
        }
    };
    match timeout_at(deadline, introduced).await {
        Ok(Ok(introduction)) => Ok(RawSession {
            transport,
            introduction,
        }),
        Ok(Err(error)) => {
            let error: crate::transport::TransportError = error;
            Err(ConnectError::Ended(error.into()))
        }
        Err(_) => Err(ConnectError::Silent {
            limit: settings.handshake_timeout,
        }),
    }
}

/// Returns whether a frame is the daemon's `server_info`.
pub fn is_introduction(text: &str) -> bool {
    let Ok(Envelope {
        message: Some(message),
        ..
    }) = serde_json::from_str(text)
    else {
        return false;
    };
    let Ok(Message {
        kind,
        payload: Some(payload),
    }) = serde_json::from_str(message.get())
    else {
        return false;
    };
    kind == "status"
        && serde_json::from_str::<Correlation<'_>>(payload.get())
            .is_ok_and(|payload| payload.status.as_deref() == Some("server_info"))
}
