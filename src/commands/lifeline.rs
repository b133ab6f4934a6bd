//! A daemon whose connection is made again when it is lost, for commands that go on for long.
//!
//! What was going on is the command's to take up: by the place in a timeline, by painting a screen anew, by asking
//! again. Nothing that changes anything is sent twice.

use std::io::IsTerminal;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::Context;
use super::context::Road;
use super::runtime::run_async;
use super::selection::Resolved;
use crate::backoff::Backoff;
use crate::client::{self, DaemonClient};
use crate::error::{CommandError, Exit, Hop};
use crate::protocol::session::Request;

/// How long a connection is missed where nobody sees that it is, and could end it.
const PATIENCE_UNATTENDED: Duration = Duration::from_secs(10 * 60);

/// A wrong key is no accident when it is seen so often in a row; once it may be: a frame that a relay has damaged
/// looks the same.
const MAX_DISTRUSTED: u32 = 3;

/// The connection of a command that survives it.
pub(super) struct Lifeline<'a> {
    dialler: Dialler<'a>,
    road: Road,
    daemon: Rc<DaemonClient>,
}

/// Makes connections to one daemon, one after the other.
struct Dialler<'a> {
    context: &'a Context,
    resolved: Resolved,
    backoff: Backoff,
    /// How long a connection may be missed; `None`: for as long as it takes.
    patience: Option<Duration>,
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
    fn new(context: &'a Context, resolved: Resolved, road: Road, daemon: DaemonClient) -> Self {
        let unattended = !std::io::stderr().is_terminal();
        let patience = unattended.then_some(PATIENCE_UNATTENDED);
        Dialler::new(context, resolved, patience).holding((road, daemon))
    }

    /// Connects for a command that only watches, for as long as that takes. `missed` hears why it is not connected,
    /// each time that a try failed.
    pub(super) async fn watching(
        context: &'a Context,
        resolved: Resolved,
        missed: &mut dyn FnMut(&CommandError),
    ) -> Result<Self, CommandError> {
        let mut dialler = Dialler::new(context, resolved, None);
        let made = match dialler.dial().await {
            Ok(made) => made,
            Err(error) => dialler.redial(error, missed).await?,
        };
        Ok(dialler.holding(made))
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
        self.dialler.context.output.note(&lost(&error));
        let began = Instant::now();
        self.reconnect(error, &mut |_| {}).await?;
        let told = format!("connected again after {}", seconds(began));
        self.dialler.context.output.note(&told);
        Ok(())
    }

    /// Makes the connection again, and tells only `missed`: why it is not connected, each time that a try failed. Fails
    /// when that cannot succeed any more.
    pub(super) async fn reconnect(
        &mut self,
        error: CommandError,
        missed: &mut dyn FnMut(&CommandError),
    ) -> Result<(), CommandError> {
        let (road, daemon) = self.dialler.redial(error, missed).await?;
        self.road = road;
        self.daemon = Rc::new(daemon);
        Ok(())
    }
}

impl<'a> Dialler<'a> {
    fn new(context: &'a Context, mut resolved: Resolved, patience: Option<Duration>) -> Self {
        // From now on this tells of the connection itself.
        resolved.plan.tells = false;
        Self {
            context,
            resolved,
            backoff: Backoff::default(),
            patience,
        }
    }

    /// Makes a lifeline of a connection.
    fn holding(mut self, (road, daemon): (Road, DaemonClient)) -> Lifeline<'a> {
        road.note_version(&daemon);
        self.backoff.connected();
        Lifeline {
            dialler: self,
            road,
            daemon: Rc::new(daemon),
        }
    }

    /// Tries once.
    async fn dial(&self) -> Result<(Road, DaemonClient), CommandError> {
        let (road, daemon, _) = self.context.connect(&self.resolved, None).await?;
        Ok((road, daemon))
    }

    /// Tries until a connection is there, or none will be.
    async fn redial(
        &mut self,
        error: CommandError,
        missed: &mut dyn FnMut(&CommandError),
    ) -> Result<(Road, DaemonClient), CommandError> {
        let mut error = error;
        let mut distrusted = 0;
        let began = Instant::now();
        loop {
            distrusted += u32::from(error.exit == Exit::Trust);
            let given_up = self.patience.is_some_and(|most| began.elapsed() >= most);
            if given_up || is_final(&error) || distrusted == MAX_DISTRUSTED {
                return Err(error);
            }
            missed(&error);
            client::rest(self.backoff.wait()).await;
            match self.dial().await {
                Ok(made) => {
                    self.backoff.connected();
                    return Ok(made);
                }
                Err(failed) => error = failed,
            }
            tracing::info!(code = %error.code, why = %error.message, "not yet");
        }
    }
}

/// Returns the error of whoever finds that nothing more comes.
pub(super) fn ended() -> CommandError {
    let message = "the connection to the daemon ended";
    let lost = CommandError::new("CONNECTION_LOST", Exit::DaemonOffline, message);
    lost.at(Hop::Daemon).retryable()
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
