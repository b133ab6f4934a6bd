//! The client opens a channel.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};

use super::channel::{Channel, Role};
use super::handshake::{ClientHandshake, Established, WrongKey};
use super::keys::{KeyError, PublicKey};
use super::seal::TooLarge;
use crate::transport::{Closed, Frame, Transport, TransportError};

/// How often the hello is repeated: a relay may have dropped what came before its daemon did.
const HELLO_INTERVAL: Duration = Duration::from_millis(1000);

/// Frames before `e2ee_ready` that are ignored, as the protocol wants it; more are a flood.
const IGNORED_FRAMES: usize = 256;

/// Why no channel was opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The daemon's key is unusable.
    #[error("the daemon's key was refused")]
    Key(#[from] KeyError),
    /// The deadline passed without `e2ee_ready`: no daemon behind the relay, most likely.
    #[error("the daemon did not answer the encryption handshake in time")]
    NoReady,
    /// A bare `e2ee_ready`: a daemon before 0.5.0, which loses what is sent behind the hello. Connect
    /// again, with [`connect`].
    #[error("the daemon is too old for a pipelined handshake")]
    CannotPipeline,
    /// `e2ee_ready` has a proof, and not of the daemon's key.
    #[error(transparent)]
    WrongKey(#[from] WrongKey),
    /// Too many other frames came instead of `e2ee_ready`.
    #[error("the other side floods the encryption handshake")]
    Flood,
    /// A frame to send along does not fit.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The transport ended.
    #[error("the connection ended during the encryption handshake")]
    Transport(#[from] TransportError),
}

/// Opens a channel to the owner of `daemon_key`: sends `e2ee_hello`, waits for `e2ee_ready`, for any
/// daemon.
pub async fn connect(
    transport: Transport,
    daemon_key: &PublicKey,
    deadline: Instant,
) -> Result<Channel, ConnectError> {
    let handshake = ClientHandshake::start(daemon_key)?;
    open(transport, handshake, Vec::new(), deadline).await
}

/// Opens a channel as [`connect`] does, and sends `first`, sealed, in one flight with the hello, which
/// saves a round trip.
///
/// Daemons from 0.5.0 on take that. For an older one, which answers with a bare ready and has lost the
/// texts, the result is [`ConnectError::CannotPipeline`]. So `first` may hold nothing that must not be
/// sent twice, and only text: whether binary can be kept apart is not known yet.
pub async fn connect_pipelined(
    transport: Transport,
    daemon_key: &PublicKey,
    first: &[String],
    deadline: Instant,
) -> Result<Channel, ConnectError> {
    let mut handshake = ClientHandshake::start(daemon_key)?;
    let sealed: Result<Vec<_>, _> = first.iter().map(|it| handshake.seal_ahead(it)).collect();
    open(transport, handshake, sealed?, deadline).await
}

pub(super) async fn open(
    mut transport: Transport,
    handshake: ClientHandshake,
    behind: Vec<Frame>,
    deadline: Instant,
) -> Result<Channel, ConnectError> {
    let pipelined = !behind.is_empty();
    let exchange = exchange(&mut transport, handshake, behind);
    let error = match timeout_at(deadline, exchange).await {
        Ok(Ok(established)) if pipelined && !established.binary => ConnectError::CannotPipeline,
        Ok(Ok(established)) => {
            let Transport { sender, receiver } = transport;
            return Ok(Channel::new(established, Role::Client, sender, receiver));
        }
        Ok(Err(error)) => error,
        Err(_) => ConnectError::NoReady,
    };
    transport
        .sender
        .close(Closed::new(1000, "Client closed"))
        .await;
    Err(error)
}

async fn exchange(
    transport: &mut Transport,
    mut handshake: ClientHandshake,
    behind: Vec<Frame>,
) -> Result<Established, ConnectError> {
    let hello = Frame::Text(handshake.hello().to_owned());
    let mut flight = vec![hello.clone()];
    flight.extend(behind);
    transport.sender.send_all(flight).await?;

    let mut ticks = interval_at(Instant::now() + HELLO_INTERVAL, HELLO_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..IGNORED_FRAMES {
        let frame = next_frame(transport, &hello, &mut ticks).await?;
        match handshake.finish(&frame) {
            ControlFlow::Break(established) => return Ok(established?),
            ControlFlow::Continue(waiting) => handshake = waiting,
        }
    }
    Err(ConnectError::Flood)
}

/// Receives one frame, and repeats the hello while none comes.
async fn next_frame(
    transport: &mut Transport,
    hello: &Frame,
    ticks: &mut tokio::time::Interval,
) -> Result<Frame, TransportError> {
    loop {
        tokio::select! {
            biased;
            frame = transport.receiver.recv() => return frame,
            _ = ticks.tick() => transport.sender.send(hello.clone()).await?,
        }
    }
}
