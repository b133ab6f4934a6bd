//! A daemon whose connection is made again when it is lost, for commands that go on for long.
//!
//! What was going on is the command's to take up: by the place in a timeline, by painting a screen anew, by asking
//! again. Nothing that changes anything is sent twice.

use std::io::IsTerminal;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::Context;
use super::context::{Road, run_async};
use super::selection::Resolved;
use crate::client::{self, Backoff, DaemonClient};
use crate::error::{CommandError, Exit};
use crate::output;
use crate::protocol::session::Request;

/// How long a connection is missed where nobody sees that it is, and could end it.
const PATIENCE_UNATTENDED: Duration = Duration::from_secs(10 * 60);

/// A key that is not proven is no accident when it happens so often in a row; once it may be: a daemon that ends
/// during the handshake looks the same.
const MAX_DISTRUSTED: u32 = 3;

/// The connection of a command that survives it.
pub(super) struct Lifeline<'a> {
    context: &'a Context,
    resolved: Resolved,
    road: Road,
    daemon: Rc<DaemonClient>,
    backoff: Backoff,
}

impl Context {
    /// Connects to the selected daemon and does something with it that may outlive the connection.
    pub(super) fn with_lifeline<T>(
        &self,
        work: impl AsyncFnOnce(&mut Lifeline<'_>) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let resolved = self.resolve(&self.selection()?)?;
        run_async(async {
            let (road, daemon, _) = self.session(&resolved, None).await?;
            let mut line = Lifeline::new(self, resolved, road, daemon);
            let result = work(&mut line).await;
            line.daemon.close().await;
            result
        })
    }

    /// The same, with a reading request that leaves together with the session hello where that is safe.
    pub(super) fn with_lifeline_and<R: Request, T>(
        &self,
        opening: &R,
        work: impl AsyncFnOnce(&mut Lifeline<'_>, R::Reply) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let resolved = self.resolve(&self.selection()?)?;
        run_async(async {
            let early = client::Early::new(opening);
            let (road, daemon, reply) = self.session(&resolved, Some(&early)).await?;
            let mut line = Lifeline::new(self, resolved, road, daemon);
            let reply = match reply {
                Some(reply) => reply.to(opening),
                None => line.daemon.start(opening).await?,
            };
            let reply = reply.wait(Some(client::REPLY_TIMEOUT)).await?;
            let result = work(&mut line, reply).await;
            line.daemon.close().await;
            result
        })
    }
}

impl<'a> Lifeline<'a> {
    /// Holds a connection that was just made.
    fn new(context: &'a Context, mut resolved: Resolved, road: Road, daemon: DaemonClient) -> Self {
        road.note_version(&daemon);
        // From now on this tells of the connection itself.
        resolved.plan.tells = false;
        let mut backoff = Backoff::default();
        backoff.connected();
        Self {
            context,
            resolved,
            road,
            daemon: Rc::new(daemon),
            backoff,
        }
    }

    /// Returns the session of now.
    pub(super) fn daemon(&self) -> Rc<DaemonClient> {
        Rc::clone(&self.daemon)
    }

    /// Makes the connection again when its loss is what ended the work, and tells of both. Every other error is
    /// given back.
    pub(super) async fn again(&mut self, error: CommandError) -> Result<(), CommandError> {
        if !is_loss(&error) {
            return Err(error);
        }
        output::note(&lost(&error));
        let began = Instant::now();
        self.reconnect(error).await?;
        output::note(&format!("connected again after {}", seconds(began)));
        Ok(())
    }

    /// Makes the connection again, and tells nobody. Fails when that cannot succeed any more.
    pub(super) async fn reconnect(&mut self, error: CommandError) -> Result<(), CommandError> {
        let mut error = error;
        let mut distrusted = 0;
        let began = Instant::now();
        loop {
            let unattended = !std::io::stderr().is_terminal();
            if unattended && began.elapsed() >= PATIENCE_UNATTENDED {
                return Err(error);
            }
            client::rest(self.backoff.wait()).await;
            match self.context.connect(&self.resolved, None).await {
                Ok((road, daemon, _)) => {
                    self.backoff.connected();
                    self.road = road;
                    self.daemon = Rc::new(daemon);
                    return Ok(());
                }
                Err(failed) => {
                    tracing::info!(code = %failed.code, why = %failed.message, "not yet");
                    distrusted += u32::from(failed.exit == Exit::Trust);
                    if is_final(&failed) || distrusted == MAX_DISTRUSTED {
                        return Err(failed);
                    }
                    error = failed;
                }
            }
        }
    }
}

/// Returns whether an error is the loss of the connection, or what comes of one: a question without an answer.
pub(super) fn is_loss(error: &CommandError) -> bool {
    error.code == "CONNECTION_LOST" || (error.code == "TIMEOUT" && error.retryable)
}

/// Says that and why the connection was lost.
pub(super) fn lost(error: &CommandError) -> String {
    let why = error.source.as_deref().map(root_cause);
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    format!("the connection to the daemon was lost{why}; connecting again …")
}

fn root_cause(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn seconds(began: Instant) -> String {
    let seconds = Duration::from_secs(began.elapsed().as_secs().max(1));
    humantime::format_duration(seconds).to_string()
}

/// Returns whether trying again would only fail again.
fn is_final(error: &CommandError) -> bool {
    matches!(
        error.exit,
        Exit::Auth
            | Exit::Config
            | Exit::Incompatible
            | Exit::Internal
            | Exit::Keystore
            | Exit::Usage
    )
}
