//! From a target to a session.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use zeroize::Zeroize;

use super::envelope::encode;
use super::error::ConnectError;
use super::open::{Opened, open};
use super::session::{DaemonClient, EarlyReply, Opening};
use super::settings::Settings;
use crate::protocol::session::Request;
use crate::target::Target;
use crate::transport::Frame;

/// After a pipelined flight, `server_info` follows `e2ee_ready` at once. When it does not, the daemon has
/// lost the flight.
const INTRODUCTION_AFTER_READY: Duration = Duration::from_millis(1500);

/// A reading request that may leave before the daemon has introduced itself.
#[derive(Debug)]
pub struct Early {
    id: String,
    text: String,
}

impl Early {
    /// Writes the request.
    pub fn new<R: Request>(request: &R) -> Self {
        debug_assert!(
            !R::MUTATES,
            "a change must not leave before the daemon is known"
        );
        let (id, text) =
            encode(request).expect("only pictures can fail, and no reading request has one");
        Self { id, text }
    }
}

/// Connects, and returns the session once the daemon has introduced itself.
pub async fn connect(target: &Target, settings: &Settings) -> Result<DaemonClient, ConnectError> {
    Ok(connect_early(target, settings, None).await?.0)
}

/// The same, and sends a request as early as the daemon allows. Its reply is on its way when this returns;
/// `None` means that the request could not leave early and was not sent.
pub async fn connect_early(
    target: &Target,
    settings: &Settings,
    early: Option<&Early>,
) -> Result<(DaemonClient, Option<EarlyReply>), ConnectError> {
    // Boxed: the states of the whole way would otherwise be part of every command's future.
    let (daemon, reply) = Box::pin(session(target, settings, early)).await?;
    Ok((daemon.restricted(settings.read_only), reply))
}

async fn session(
    target: &Target,
    settings: &Settings,
    early: Option<&Early>,
) -> Result<(DaemonClient, Option<EarlyReply>), ConnectError> {
    let mut first = vec![settings.hello(target)];
    first.extend(early.map(|early| early.text.clone()));
    let opened = open(target, settings, &first).await;
    // It has left, sealed, or is written once more: no copy with the password stays.
    first[0].zeroize();
    let opened = opened?;
    if !opened.flown {
        return Ok((introduce(opened, target, settings).await?, None));
    }
    let start = Instant::now();
    let Opened {
        transport,
        traffic,
        peer,
        ..
    } = opened;
    let opening = Opening::new(transport, traffic);
    let reply = early.map(|early| opening.expect(&early.id));
    let mut ready = pin!(opening.ready());
    let soon = peer.deadline.min(start + INTRODUCTION_AFTER_READY);
    let ready = match timeout_at(soon, &mut ready).await {
        // It has lost the flight: once more, one step after the other.
        Err(_) if !peer.is_proven() => {
            let opened = open(target, settings, &[]).await?;
            return Ok((introduce(opened, target, settings).await?, None));
        }
        // It has not, and only takes its time.
        Err(_) => timeout_at(peer.deadline, ready).await,
        ready => ready,
    };
    let ready = ready.map_err(|_| peer.late())?;
    let daemon = ready.map_err(|why| peer.refused(why))?;
    Ok((noted(daemon, settings, start), reply))
}

/// Says hello, and waits for the daemon's answer.
async fn introduce(
    opened: Opened<'_>,
    target: &Target,
    settings: &Settings,
) -> Result<DaemonClient, ConnectError> {
    let Opened {
        transport,
        traffic,
        peer,
        ..
    } = opened;
    let opening = Opening::new(transport, traffic);
    // When sending fails, the close frame that tells why is still to be read.
    let hello = Frame::Text(settings.hello(target));
    let _ = timeout_at(peer.deadline, opening.send(hello)).await;
    let start = Instant::now();
    let ready = timeout_at(peer.deadline, opening.ready()).await;
    let ready = ready.map_err(|_| peer.late())?;
    let daemon = ready.map_err(|why| peer.refused(why))?;
    Ok(noted(daemon, settings, start))
}

fn noted(daemon: DaemonClient, settings: &Settings, start: Instant) -> DaemonClient {
    settings.watch.note("session", start.elapsed());
    tracing::info!(version = ?daemon.server().version, "session open");
    daemon
}
